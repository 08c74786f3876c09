"""Types as they are written: ``number``, ``list<string>``, ``function<number> -> boolean``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from phee.feel.cursor import Cursor
from phee.feel.types import (
    BUILTIN_TYPES,
    ContextType,
    FunctionType,
    ListType,
    RangeType,
    Type,
    UnknownType,
)

_WORDS: Final = sorted((name.split() for name in BUILTIN_TYPES), key=len, reverse=True)


def parse_type(cursor: Cursor, types: Mapping[str, Type]) -> Type:
    """The type written at the cursor.

    Args:
        cursor: consumed up to the end of the type.
        types: types of the caller by name; they may hide built-in ones.
    """
    with cursor.nested():
        token = cursor.token
        generic = _GENERICS.get(token.text)
        if generic is not None and cursor.peek(1).text == "<":
            cursor.advance()
            cursor.advance()
            return generic(cursor, types)
        name = _type_name(cursor, types)
        return types.get(name) or BUILTIN_TYPES.get(name) or UnknownType(name)


def _type_name(cursor: Cursor, types: Mapping[str, Type]) -> str:
    if types and (match := _longest(cursor, [name.split() for name in types])):
        return match
    if match := _longest(cursor, _WORDS):
        return match
    name = cursor.member_name()
    while cursor.take("."):
        name += "." + cursor.member_name()
    return name


def _longest(cursor: Cursor, candidates: list[list[str]]) -> str:
    """The longest candidate whose words come next, consumed; empty when none does."""
    for words in sorted(candidates, key=len, reverse=True):
        taken = _spelled(cursor, "".join(words))
        if taken and cursor.peek(taken).text != ".":
            cursor.index += taken
            return " ".join(words)
    return ""


def _spelled(cursor: Cursor, name: str) -> int:
    """How many tokens spell a name (white space aside); zero when they do not."""
    spelled, count = "", 0
    while len(spelled) < len(name) and cursor.peek(count).kind != "end":
        spelled += cursor.peek(count).text
        count += 1
    return count if spelled == name else 0


def _list(cursor: Cursor, types: Mapping[str, Type]) -> Type:
    item = parse_type(cursor, types)
    cursor.expect(">")
    return ListType(item)


def _range(cursor: Cursor, types: Mapping[str, Type]) -> Type:
    item = parse_type(cursor, types)
    cursor.expect(">")
    return RangeType(item)


def _context(cursor: Cursor, types: Mapping[str, Type]) -> Type:
    members: dict[str, Type] = {}
    while not cursor.take(">"):
        if members:
            cursor.expect(",")
        key = cursor.key_name()
        cursor.expect(":")
        members[key] = parse_type(cursor, types)
    return ContextType(members)


def _function(cursor: Cursor, types: Mapping[str, Type]) -> Type:
    parameters: list[Type] = []
    while not cursor.take(">"):
        if parameters:
            cursor.expect(",")
        parameters.append(parse_type(cursor, types))
    cursor.expect("->")
    return FunctionType(tuple(parameters), parse_type(cursor, types))


_GENERICS: Final[dict[str, Callable[[Cursor, Mapping[str, Type]], Type]]] = {
    "list": _list,
    "range": _range,
    "context": _context,
    "function": _function,
}
