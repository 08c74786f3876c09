"""The OpenAPI document: made from the same structs that read the requests.

Litestar describes bodies and answers; this adds the query parameters and headers that a route
reads through :mod:`phee.web.request`, and says where unknown fields are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from litestar._openapi.schema_generation.plugins.struct import StructSchemaPlugin
from litestar.openapi.spec import Example, Operation, Parameter, RequestBody, Schema
from litestar.typing import FieldDefinition

from phee.web.request import HeaderParameters, QueryParameters


@dataclass
class RawSchema(Schema):
    """A JSON schema that is already plain data."""

    raw: dict[str, Any] = field(default_factory=dict)

    def to_schema(self) -> dict[str, Any]:
        """Return the plain data."""
        return dict(self.raw)


def operation_reading(
    *sources: type[QueryParameters | HeaderParameters], body_example: Any = None
) -> type[Operation]:
    """Return an operation class that documents what ``sources`` read; give it to a route.

    ``body_example`` is plain data that the route accepts as its body.
    """
    parameters = [parameter for source in sources for parameter in _parameters(source)]

    @dataclass
    class DocumentedOperation(Operation):
        def __post_init__(self) -> None:
            self.parameters = [*(self.parameters or []), *parameters]
            if body_example is not None and isinstance(self.request_body, RequestBody):
                for content in self.request_body.content.values():
                    content.examples = {"example": Example(value=body_example)}

    return DocumentedOperation


def _parameters(source: type[QueryParameters | HeaderParameters]) -> list[Parameter]:
    (reference,), components = msgspec.json.schema_components([source])
    schema = components[reference["$ref"].rpartition("/")[2]]
    required = set(schema.get("required", ()))
    where = "query" if issubclass(source, QueryParameters) else "header"
    return [
        _parameter(name, where, dict(raw), required=name in required)
        for name, raw in schema["properties"].items()
    ]


def _parameter(name: str, where: str, raw: dict[str, Any], *, required: bool) -> Parameter:
    description = raw.pop("description", None)
    raw = _without_null(raw)
    return Parameter(
        name=name,
        param_in=where,
        description=description or raw.pop("description", None),
        required=required,
        schema=RawSchema(raw=raw),
    )


def _without_null(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the schema without "or null": a parameter that is not sent is not null."""
    if raw.get("default", ...) is None:
        del raw["default"]
    choices = [choice for choice in raw.pop("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        return {**raw, **choices[0]}
    return {**raw, "anyOf": choices} if choices else raw


class StrictStructPlugin(StructSchemaPlugin):
    """Says ``additionalProperties: false`` for structs that refuse unknown fields."""

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: Any) -> Schema:
        """Return the schema of a struct."""
        schema = super().to_openapi_schema(field_definition, schema_creator)
        if field_definition.type_.__struct_config__.forbid_unknown_fields:
            schema.additional_properties = False
        return schema
