"""Variables: JSON objects, as text on the wire and as plain Python values in the process.

What comes in is checked once, here: it must be one JSON object, without duplicate names (two
readers could disagree on which one counts), within the depth and the number range that every part
of the hub can carry. Error texts never quote the document, which may hold payment data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

import msgspec

from phee.errors import InvalidInput

MAX_DEPTH = 100
"""How deep objects and lists may nest."""

MIN_INTEGER = -(2**63)
MAX_INTEGER = 2**63 - 1

_decoder = msgspec.json.Decoder()
_encode = msgspec.json.Encoder(decimal_format="number").encode
_LONG_NUMBER = re.compile(r"[0-9]{19}")
_TOO_DEEP = f"it is nested deeper than {MAX_DEPTH} levels"
_TOO_LONG = "a number in it does not fit 64 bits; send it as text"
_FIX = 'Send one JSON object, for example {"amount": "12.50"}'


def read_variables(text: str) -> dict[str, Any]:
    """The variables in ``text``; an empty or blank text is no variables.

    Raises:
        InvalidInput: it is not one JSON object, or breaks one of the limits above.
    """
    if not text or text == "{}" or text.isspace():
        return {}
    try:
        variables = _decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise _refused(reason) from None
    if type(variables) is not dict:
        raise _refused(f"it is a {_kind(variables)}")
    if _needs_a_closer_look(text, variables):
        _check_closely(text, variables)
    return variables


def write_variables(variables: Mapping[str, Any]) -> str:
    """``variables`` as JSON text; exact decimals become JSON numbers, digit for digit."""
    return _encode(variables).decode() if variables else "{}"


def plain_variables(variables: Mapping[str, Any]) -> dict[str, Any]:
    """A caller's variables as plain JSON values, the same for every runtime of the client port.

    Exact decimals become text, digit for digit; so do dates, times and UUIDs.

    Raises:
        InvalidInput: a value has no JSON form, or breaks one of the limits above.
    """
    if not variables:
        return {}
    try:
        plain = msgspec.to_builtins(variables, str_keys=True)
    except RecursionError:
        raise _refused("it is nested too deeply") from None
    except (TypeError, ValueError) as error:
        raise _refused(str(error)) from None
    if type(plain) is not dict:
        raise _refused(f"it is a {_kind(plain)}")
    _check_values(plain)
    return plain


def write_plain_variables(variables: Mapping[str, Any]) -> str:
    """:func:`plain_variables` as JSON text."""
    try:
        return write_variables(plain_variables(variables))
    except UnicodeEncodeError:
        raise _refused("a text in it is not Unicode") from None


def _needs_a_closer_look(text: str, variables: dict[str, Any]) -> bool:
    """Whether a fast look cannot rule out duplicates, depth and large numbers.

    Every pair has a colon; so with as many colons as names at the top there is no other pair.
    """
    return (
        text.count(":") != len(variables)
        or text.count("[") >= MAX_DEPTH
        or _LONG_NUMBER.search(text) is not None
    )


def _check_closely(text: str, variables: dict[str, Any]) -> None:
    if _deeper_than(variables, MAX_DEPTH):
        raise _refused(_TOO_DEEP)
    json.loads(text, object_pairs_hook=_without_duplicates, parse_int=_bounded_integer)


def _check_values(plain: dict[str, Any]) -> None:
    level: list[Any] = [plain]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for parent in level:
            for value in parent.values() if type(parent) is dict else parent:
                kind = type(value)
                if kind is dict or kind is list:
                    inner.append(value)
                elif kind is float and not isfinite(value):
                    raise _refused("a number in it is not finite")
                elif kind is int and not MIN_INTEGER <= value <= MAX_INTEGER:
                    raise _refused(_TOO_LONG)
        if not inner:
            return
        level = inner
    raise _refused(_TOO_DEEP)


def _deeper_than(variables: dict[str, Any], limit: int) -> bool:
    level: list[Any] = [variables]
    for _ in range(limit):
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _refused("an object in it has two members of the same name")
    return found


def _bounded_integer(digits: str) -> int:
    # The limit on digits comes first: turning a very long text into a number is slow.
    if len(digits) > 20 or not MIN_INTEGER <= int(digits) <= MAX_INTEGER:
        raise _refused(_TOO_LONG)
    return int(digits)


def _kind(value: object) -> str:
    names = {list: "list", str: "text", bool: "truth value", type(None): "null"}
    return names.get(type(value), "number")


def _refused(reason: str) -> InvalidInput:
    return InvalidInput(
        f"Expected variables to be a JSON object, but {reason}", where="variables", fix=_FIX
    )
