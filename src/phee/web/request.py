"""The request class of every route: strict JSON bodies, strict query parameters, read headers.

What a route reads is described by msgspec structs: the body by its ``data`` annotation, query
parameters by a :class:`QueryParameters`, headers by a :class:`HeaderParameters`. The same structs
make the OpenAPI document (:mod:`phee.web.openapi`), so it cannot say anything else.
"""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.datastructures import State

from phee.web.errors import FieldProblem, InvalidFields, UnsupportedMediaType
from phee.web.json_input import convert, decode_json

MAX_HEADER_LENGTH = 256
KEY_MAX = 9 * 10**18
"""The largest key that is accepted: below 2^63, and exact in any reader of the document."""


class QueryParameters(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Base of what a route reads from the query string; unknown parameters are refused."""


class HeaderParameters(msgspec.Struct, kw_only=True):
    """Base of what a route reads from headers; every field is renamed to its header."""


Query = TypeVar("Query", bound=QueryParameters)
Headers = TypeVar("Headers", bound=HeaderParameters)


class HubRequest(Request[Any, Any, State]):
    """A Litestar request that reads bodies strictly, straight into the type the route names."""

    async def json(self) -> Any:
        """Return the body as the annotated type of the route's ``data`` parameter.

        Raises:
            UnsupportedMediaType: the content type says it is not JSON.
            InvalidJson: it is not strict JSON.
            InvalidFields: it has another shape.
        """
        media_type, _ = self.content_type
        if not (media_type == "application/json" or media_type.endswith("+json")):
            raise UnsupportedMediaType(
                "The body is not declared as JSON", fix="Send Content-Type: application/json"
            )
        # Without the framework's own annotation: msgspec would hash that at every call (90 us).
        field = self.route_handler.parsed_fn_signature.parameters["data"]
        return decode_json(await self.body(), field.annotation)


def read_query(request: Request[Any, Any, State], target: type[Query]) -> Query:
    """Return the query string as ``target``.

    Raises:
        InvalidFields: a parameter is unknown, given twice or malformed; the error names it.
    """
    text = request.scope["query_string"].decode("latin-1")
    pairs = _pairs(text)
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidFields([FieldProblem(f"query.{twice}", "is given twice", "Send it once")])
    query = convert(values, target, strict=False, prefix="query.")
    _refuse_null(values, query)
    return query


def _refuse_null(values: dict[str, str], query: QueryParameters) -> None:
    """Refuse the word "null" where it was read as "not given" instead of as text."""
    for name, value in values.items():
        if value.lower() == "null":
            fields = msgspec.structs.fields(query)
            field = next(field.name for field in fields if field.encode_name == name)
            if getattr(query, field) is None:
                problem = FieldProblem(f"query.{name}", "is null", "Leave it out")
                raise InvalidFields([problem])


def _pairs(text: str) -> list[tuple[str, str]]:
    if not text:
        return []
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=64, errors="strict")
    except ValueError:
        problem = FieldProblem(
            "query", "cannot be read", "Send at most 64 parameters, percent-encoded UTF-8"
        )
        raise InvalidFields([problem]) from None


def read_headers(request: Request[Any, Any, State], target: type[Headers]) -> Headers:
    """Return the headers ``target`` names.

    Raises:
        InvalidFields: a required one is missing, or one is malformed; the error names it.
    """
    wanted = _header_names(target)
    values: dict[str, str] = {}
    for raw_name, raw_value in request.scope["headers"]:
        name = wanted.get(raw_name)
        if name is None:
            continue
        if name in values:
            raise InvalidFields([FieldProblem(name, "is given twice", "Send it once")])
        values[name] = _header_text(name, raw_value)
    return convert(values, target)


def _header_text(name: str, value: bytes) -> str:
    if len(value) > MAX_HEADER_LENGTH:
        fix = f"Send at most {MAX_HEADER_LENGTH} characters"
        raise InvalidFields([FieldProblem(name, "is too long", fix)])
    text = value.decode("latin-1")
    if not (text.isascii() and text.isprintable()):
        raise InvalidFields([FieldProblem(name, "has a character that is not printable ASCII")])
    return text


_HEADER_NAMES: dict[type, dict[bytes, str]] = {}


def _header_names(target: type[HeaderParameters]) -> dict[bytes, str]:
    names = _HEADER_NAMES.get(target)
    if names is None:
        encoded = [field.encode_name for field in msgspec.structs.fields(target)]
        names = _HEADER_NAMES[target] = {name.lower().encode(): name for name in encoded}
    return names
