"""Values as text: what ``string()`` gives, and a short form for warnings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from phee.feel.errors import LimitExceeded
from phee.feel.limits import RESULT_DEPTH_MAX, STRING_CHARACTERS_MAX
from phee.feel.numbers import number_text
from phee.feel.temporal import nanosecond_of, offset_seconds, zone_name
from phee.feel.values import FunctionValue, Range, kind_of

_PLAIN_KEY: Final = re.compile(r"[^\W\d]\w*(?: \w+)*")
_SHOWN_MAX: Final = 120


def to_text(value: Any) -> str:
    """The string of a value; strings are themselves, null is ``null``.

    Raises:
        LimitExceeded: longer or deeper than the limits allow.
    """
    if type(value) is str:
        return value
    parts: list[str] = []
    size = 0
    for part in _pieces(value, 0):
        size += len(part)
        if size > STRING_CHARACTERS_MAX:
            raise LimitExceeded(f"A string is longer than {STRING_CHARACTERS_MAX} characters")
        parts.append(part)
    return "".join(parts)


def shown(value: Any) -> str:
    """A short text for a message: at most 120 characters, never failing; strings in quotes."""
    if type(value) is str:
        return f'"{excerpt(value)}"'
    text = ""
    for part in _pieces(value, RESULT_DEPTH_MAX - 3):
        text += part
        if len(text) > _SHOWN_MAX:
            break
    return excerpt(text)


def excerpt(text: str) -> str:
    """The text itself, or its first 120 characters."""
    return text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "..."


def _pieces(value: Any, depth: int) -> Iterator[str]:
    if depth > RESULT_DEPTH_MAX:
        yield "..."
        return
    kind = kind_of(value)
    if kind == "list":
        yield from _list_pieces(value, depth)
    elif kind == "context":
        yield from _context_pieces(value, depth)
    elif kind == "range":
        yield from _range_pieces(value, depth)
    elif kind == "string" and depth:
        yield _quoted(value)
    else:
        yield _scalar_text(value, kind)


def _list_pieces(values: list[Any], depth: int) -> Iterator[str]:
    yield "["
    for index, value in enumerate(values):
        if index:
            yield ", "
        yield from _pieces(value, depth + 1)
    yield "]"


def _context_pieces(entries: dict[str, Any], depth: int) -> Iterator[str]:
    yield "{"
    for index, (key, value) in enumerate(entries.items()):
        plain = _PLAIN_KEY.fullmatch(str(key))
        yield (", " if index else "") + (str(key) if plain else _quoted(str(key))) + ": "
        yield from _pieces(value, depth + 1)
    yield "}"


def _range_pieces(value: Range, depth: int) -> Iterator[str]:
    if value.start is None or value.end is None:
        operator = ("<" if value.start is None else ">") + (
            "=" if (value.end_included if value.start is None else value.start_included) else ""
        )
        yield operator + " "
        yield from _pieces(value.end if value.start is None else value.start, depth + 1)
        return
    yield "[" if value.start_included else "("
    yield from _pieces(value.start, depth + 1)
    yield ".."
    yield from _pieces(value.end, depth + 1)
    yield "]" if value.end_included else ")"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _scalar_text(value: Any, kind: str) -> str:
    if kind == "null":
        return "null"
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "number":
        return number_text(value)
    if kind == "date":
        return date_text(value)
    if kind == "time":
        return time_text(value)
    if kind == "date and time":
        return f"{date_text(value)}T{time_text(value)}"
    if isinstance(value, FunctionValue):
        return f"function {value.name}({', '.join(name for name, _ in value.parameters)})"
    return str(value)


def date_text(value: Any) -> str:
    """``2017-01-31``; years of more or fewer than four digits have a sign as needed."""
    sign = "-" if value.year < 0 else ""
    return f"{sign}{abs(value.year):04d}-{value.month:02d}-{value.day:02d}"


def time_text(value: Any) -> str:
    """``10:20:30.5`` and the zone: ``Z``, ``+01:00`` or ``@Europe/Paris``."""
    nanos = nanosecond_of(value)
    fraction = f".{nanos:09d}".rstrip("0") if nanos else ""
    return f"{value.hour:02d}:{value.minute:02d}:{value.second:02d}{fraction}{_zone_text(value)}"


def _zone_text(value: Any) -> str:
    if value.tzinfo is None:
        return ""
    name = zone_name(value.tzinfo)
    if name is not None:
        return f"@{name}"
    seconds = offset_seconds(value) or 0
    if seconds == 0:
        return "Z"
    minutes, second = divmod(abs(seconds), 60)
    hours, minute = divmod(minutes, 60)
    tail = f":{second:02d}" if second else ""
    return f"{'-' if seconds < 0 else '+'}{hours:02d}:{minute:02d}{tail}"
