"""String functions. Positions count characters (code points), from 1."""

from __future__ import annotations

import base64
import random
import uuid as uuids
from collections.abc import Sequence
from typing import Any

from phee.feel.builtins.registry import builtin
from phee.feel.errors import EvaluationProblem, LimitExceeded
from phee.feel.limits import STRING_CHARACTERS_MAX
from phee.feel.patterns import Match, compile_pattern
from phee.feel.runtime import Run


def _invalid(problem: str) -> EvaluationProblem:
    return EvaluationProblem(problem, "FUNCTION_INVOCATION_FAILURE")


def _bounded(text: str) -> str:
    if len(text) > STRING_CHARACTERS_MAX:
        raise LimitExceeded(f"A string is longer than {STRING_CHARACTERS_MAX} characters")
    return text


@builtin("substring(string: string, start position: integer, length: integer or null?)")
def substring(text: str, start_position: int, length: int | None = None) -> str:
    """The characters from a position (from the end when negative), so many or all."""
    if start_position == 0 or abs(start_position) > len(text):
        raise _invalid(f"no position {start_position} in a string of {len(text)} characters")
    if length is not None and length < 1:
        raise _invalid(f"the length {length} is not positive")
    start = start_position - 1 if start_position > 0 else len(text) + start_position
    return text[start:] if length is None else text[start : start + length]


@builtin("string length(string: string)")
def string_length(text: str) -> int:
    """The number of characters."""
    return len(text)


@builtin("upper case(string: string)")
def upper_case(text: str) -> str:
    """All characters in upper case."""
    return _bounded(text.upper())


@builtin("lower case(string: string)")
def lower_case(text: str) -> str:
    """All characters in lower case."""
    return _bounded(text.lower())


@builtin("substring before(string: string, match: string)")
def substring_before(text: str, match: str) -> str:
    """What comes before the first match; empty without one."""
    before, found, _ = text.partition(match) if match else ("", "", "")
    return before if found else ""


@builtin("substring after(string: string, match: string)")
def substring_after(text: str, match: str) -> str:
    """What comes behind the first match; empty without one."""
    return text.partition(match)[2] if match else text


@builtin("contains(string: string, match: string)")
def contains(text: str, match: str) -> bool:
    """Whether a string has another within."""
    return match in text


@builtin("starts with(string: string, match: string)")
def starts_with(text: str, match: str) -> bool:
    """Whether a string begins so."""
    return text.startswith(match)


@builtin("ends with(string: string, match: string)")
def ends_with(text: str, match: str) -> bool:
    """Whether a string ends so."""
    return text.endswith(match)


@builtin("matches(input: string, pattern: string, flags: string or null?)", run=True)
def matches(run: Run, text: str, pattern: str, flags: str | None = None) -> bool:
    """Whether a regular expression is found anywhere in the input."""
    return compile_pattern(pattern, flags or "").find(text, run.charge) is not None


@builtin(
    "replace(input: string, pattern: string, replacement: string, flags: string or null?)",
    run=True,
)
def replace(run: Run, text: str, pattern: str, replacement: str, flags: str | None = None) -> str:
    """Every match replaced; ``$1`` in the replacement is a group, ``$0`` the match."""
    compiled = compile_pattern(pattern, flags or "")
    if compiled.matches_empty(run.charge):
        raise _invalid("the pattern matches the empty string")
    literal = "q" in (flags or "")
    template = [replacement] if literal else _template(replacement, compiled.groups)
    pieces: list[str] = []
    position = size = 0
    for match in compiled.find_all(text, run.charge):
        run.charge(1)
        piece = text[position : match.start] + _filled(template, match)
        size += len(piece)
        if size > STRING_CHARACTERS_MAX:
            raise LimitExceeded(f"A string is longer than {STRING_CHARACTERS_MAX} characters")
        pieces.append(piece)
        position = match.end
    return "".join(pieces) + text[position:]


def _filled(template: Sequence[str | int], match: Match) -> str:
    return "".join(match.groups[part] if isinstance(part, int) else part for part in template)


def _template(replacement: str, groups: int) -> list[str | int]:
    """The replacement as texts and numbers of groups."""
    parts: list[str | int] = []
    at = 0
    while at < len(replacement):
        character = replacement[at]
        following = replacement[at + 1 : at + 2]
        if character == "\\":
            if following not in ("\\", "$") or not following:
                raise _invalid("a backslash in the replacement must come before \\ or $")
            parts.append(following)
            at += 2
        elif character == "$":
            number, at = _group_number(replacement, at + 1, groups)
            parts.append(number if number <= groups else "")
        else:
            parts.append(character)
            at += 1
    return parts


def _group_number(replacement: str, at: int, groups: int) -> tuple[int, int]:
    """The group a ``$`` refers to: as many digits as make an existing one."""
    if not replacement[at : at + 1].isdecimal():
        raise _invalid("a dollar in the replacement must come before a digit")
    end = at + 1
    while replacement[end : end + 1].isdecimal() and int(replacement[at : end + 1]) <= groups:
        end += 1
    return int(replacement[at:end]), end


@builtin("split(string: string, delimiter: string)", run=True)
def split(run: Run, text: str, delimiter: str) -> list[str]:
    """The parts between the matches of a regular expression."""
    compiled = compile_pattern(delimiter)
    if compiled.matches_empty(run.charge):
        raise _invalid("the delimiter matches the empty string")
    parts: list[str] = []
    position = 0
    for match in compiled.find_all(text, run.charge):
        run.charge(1)
        parts.append(text[position : match.start])
        position = match.end
    return [*parts, text[position:]]


@builtin("extract(string: string, pattern: string)", run=True)
def extract(run: Run, text: str, pattern: str) -> list[str]:
    """All matches of a regular expression (Zeebe)."""
    found: list[str] = []
    for match in compile_pattern(pattern).find_all(text, run.charge):
        run.charge(1)
        found.append(match.groups[0])
    return found


@builtin(
    "string join(list: strings, delimiter: string or null?)",
    "string join(list: strings, delimiter: string or null, prefix: string, suffix: string)",
)
def string_join(
    values: list[Any], delimiter: str | None = None, prefix: str = "", suffix: str = ""
) -> str:
    """The strings one after the other, nulls left out."""
    present = [value for value in values if value is not None]
    size = sum(map(len, present)) + len(delimiter or "") * len(present)
    if size > STRING_CHARACTERS_MAX:
        raise LimitExceeded(f"A string is longer than {STRING_CHARACTERS_MAX} characters")
    return prefix + (delimiter or "").join(present) + suffix


@builtin("trim(string: string)")
def trim(text: str) -> str:
    """Without white space at both ends (Zeebe)."""
    return text.strip()


@builtin("is blank(string: string)")
def is_blank(text: str) -> bool:
    """Whether there is nothing but white space (Zeebe)."""
    return not text.strip()


@builtin("to base64(value: string)")
def to_base64(text: str) -> str:
    """The UTF-8 bytes in Base64 (Zeebe)."""
    return base64.b64encode(text.encode()).decode()


@builtin("from base64(value: string)")
def from_base64(text: str) -> str:
    """The string whose UTF-8 bytes are in Base64 (Zeebe)."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        raise _invalid("not Base64 of a UTF-8 text") from None


@builtin("uuid()", run=True)
def uuid(run: Run) -> str:
    """A random UUID, version 4 (Zeebe)."""
    source: random.Random = run.random()
    return str(uuids.UUID(int=source.getrandbits(128), version=4))
