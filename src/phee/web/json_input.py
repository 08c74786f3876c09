"""JSON as this hub reads it: strict, so that no two readers can understand a body differently.

Refused beside malformed text: duplicate keys, NaN and infinities (also as ``1e999``), integers
beyond 64 bits, lone surrogates, a byte order mark, and nesting deeper than ``MAX_DEPTH``.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Literal, NoReturn, TypeVar, get_args, get_origin

import msgspec

from phee.web.errors import FieldProblem, InvalidFields, InvalidJson

MAX_DEPTH = 32
_MAX_INTEGER = 2**63 - 1

T = TypeVar("T")


def parse_json(body: bytes) -> Any:
    """Return the value ``body`` spells.

    Raises:
        InvalidJson: it is not strict JSON; the error says where, and quotes nothing of it.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidJson(
            "The body is not UTF-8", where=f"byte {error.start}", fix="Send JSON in UTF-8"
        ) from None
    value = _parse(text)
    # Brackets bound the depth from above, so the walk is for suspicious bodies only.
    if text.count("{") + text.count("[") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise _too_deep()
    if "\\u" in text:
        _refuse_lone_surrogates(value)
    return value


def decode_json(body: bytes, target: type[T]) -> T:
    """Return ``body`` as a ``target``, with no conversion between JSON types.

    Raises:
        InvalidJson: it is not strict JSON.
        InvalidFields: it is JSON of another shape; the error names the field.
    """
    if not body:
        raise InvalidJson("The body is missing", fix="Send a JSON object as the body")
    return convert(parse_json(body), target)


def convert(value: Any, target: type[T], *, strict: bool = True, prefix: str = "") -> T:
    """Return plain ``value`` as a ``target``; ``prefix`` goes before field names in errors.

    With ``strict`` off, text is read as the number or boolean a field wants (query parameters).

    Raises:
        InvalidFields: the value has another shape.
    """
    try:
        return msgspec.convert(value, target, strict=strict)
    except msgspec.ValidationError as error:
        problem = field_problem(str(error), prefix)
        if choices := _choices(target, problem.field.removeprefix(prefix)):
            problem = msgspec.structs.replace(problem, fix=f"Use one of: {', '.join(choices)}")
        raise InvalidFields([problem]) from None


_AT = re.compile(r" - at `(?:key in )?\$\.?(?P<path>[^`]*)`$")
_NAMED_FIELD = re.compile(r"^Object (?:missing required|contains unknown) field `([^`]*)`")


def field_problem(message: str, prefix: str = "") -> FieldProblem:
    """Turn a msgspec message ("Expected ... - at `$.a.b`") into a field and what is wrong."""
    path = ""
    if match := _AT.search(message):
        path, message = match["path"], message[: match.start()]
    fix = "See /schema for what is expected"
    if named := _NAMED_FIELD.match(message):
        path = f"{path}.{named[1]}" if path else named[1]
        unknown = "unknown" in message
        message = "is not a known field" if unknown else "is missing"
        fix = "Remove it, or correct its name" if unknown else "Send it"
    return FieldProblem(field=f"{prefix}{path}" or "body", what=message, fix=fix)


def _choices(target: Any, name: str) -> list[str]:
    """Return what the field ``name`` of a message may be, when it is one of a few words."""
    if not (isinstance(target, type) and issubclass(target, msgspec.Struct)):
        return []
    for field in msgspec.structs.fields(target):
        if field.encode_name == name:
            kinds = (field.type, *get_args(field.type))
            literals = (kind for kind in kinds if get_origin(kind) is Literal)
            return [str(word) for literal in literals for word in get_args(literal)]
    return []


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise InvalidJson("An object has the same key twice", fix="Send every key once")
    return result


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJson(f"{name} is not a JSON number", fix="Send a finite number or null")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _refuse_constant("A number beyond the range of a double")
    return number


def _bounded(text: str) -> int:
    # The length comes first: turning a very long text into a number is slow.
    if len(text) > 20 or abs(number := int(text)) > _MAX_INTEGER:
        raise InvalidJson("An integer has more than 64 bits", fix="Send it as a string")
    return number


_decoder = json.JSONDecoder(
    object_pairs_hook=_unique_keys,
    parse_constant=_refuse_constant,
    parse_float=_finite,
    parse_int=_bounded,
)


def _parse(text: str) -> Any:
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise InvalidJson(
            f"The body is not JSON: {error.msg}",
            where=f"line {error.lineno}, column {error.colno}",
            fix="Send one JSON value (RFC 8259)",
        ) from None
    except RecursionError:
        raise _too_deep() from None


def _too_deep() -> InvalidJson:
    return InvalidJson(
        f"The body is nested deeper than {MAX_DEPTH} levels", fix="Send a flatter structure"
    )


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [
            child for item in level for child in (item.values() if isinstance(item, dict) else item)
        ]
    return depth


def _refuse_lone_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidJson(
            "A text has half of a surrogate pair", fix="Send complete Unicode characters"
        ) from None
