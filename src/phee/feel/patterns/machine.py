"""Runs patterns: backtracking with an explicit stack, every move counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from phee.feel.errors import EvaluationProblem
from phee.feel.limits import PATTERN_MOVES_PER_STEP
from phee.feel.patterns.classes import word_character
from phee.feel.patterns.parser import (
    BACK,
    CHARACTER,
    END,
    JUMP,
    MARK,
    MATCH,
    MOVED,
    SAVE,
    SET,
    SPLIT,
    START,
    WORD_EDGE,
    Instruction,
    PatternParser,
)

_FLAGS: Final = frozenset("smixq")
_Slots = tuple[int, ...]
_Charge = Callable[[int], None]
_MOVES_AT_ONCE: Final = 1_024


@dataclass(frozen=True, slots=True)
class Match:
    """Where a pattern was found.

    Attributes:
        start: offset of its first character.
        end: offset behind its last.
        groups: text of the groups, the whole match first; empty where a group took no part.
    """

    start: int
    end: int
    groups: tuple[str, ...]


class Pattern:
    """A compiled regular expression with its number of capturing groups."""

    __slots__ = ("_program", "_slots", "groups")

    def __init__(self, program: list[Instruction], groups: int, marks: int) -> None:
        self._program = program
        self.groups = groups
        self._slots = 2 * (groups + 1) + marks

    def find_all(self, text: str, charge: _Charge) -> Iterator[Match]:
        """All matches from left to right, none overlapping.

        Args:
            text: where to look.
            charge: told the steps taken now and then; may raise to end the search.
        """
        search = _Search(self._program, text, 2 * (self.groups + 1), charge)
        position = 0
        while position <= len(text):
            slots = search.at(position, self._slots)
            if slots is None:
                position += 1
                continue
            yield self._match(text, slots)
            position = slots[1] if slots[1] > slots[0] else position + 1

    def find(self, text: str, charge: _Charge) -> Match | None:
        """The first match."""
        return next(self.find_all(text, charge), None)

    def matches_empty(self, charge: _Charge) -> bool:
        """Whether it is found in the empty string."""
        return self.find("", charge) is not None

    def _match(self, text: str, slots: _Slots) -> Match:
        groups = tuple(
            text[slots[2 * group] : slots[2 * group + 1]] if slots[2 * group + 1] >= 0 else ""
            for group in range(self.groups + 1)
        )
        return Match(slots[0], slots[1], groups)


class _Search:
    """One search through one text."""

    __slots__ = ("_charge", "_marks", "_moves", "_program", "_text")

    def __init__(self, program: list[Instruction], text: str, marks: int, charge: _Charge) -> None:
        self._program = program
        self._text = text
        self._marks = marks
        self._charge = charge
        self._moves = 0

    def at(self, start: int, slot_count: int) -> _Slots | None:
        """The slots of a match that begins here, by the order of preference of the pattern."""
        initial = (start,) + (-1,) * (slot_count - 1)
        pending: list[tuple[int, int, _Slots]] = [(0, start, initial)]
        while pending:
            counter, position, slots = pending.pop()
            found = self._thread(counter, position, slots, pending)
            if found is not None:
                return found
        return None

    def _thread(
        self, counter: int, position: int, slots: _Slots, pending: list[tuple[int, int, _Slots]]
    ) -> _Slots | None:
        """Follow one path; alternatives met on the way are left in ``pending``."""
        program = self._program
        while True:
            self._count()
            code, first, second = program[counter]
            if code <= SET:
                if not self._accepts(code, first, position):
                    return None
                position += 1
            elif code == SPLIT:
                pending.append((counter + second, position, slots))
                counter += first - 1
            elif code == JUMP:
                counter += first - 1
            elif code == MATCH:
                return (slots[0], position, *slots[2:])
            elif code == MOVED:
                # an empty turn leaves the loop, past its jump back
                counter += slots[self._marks + first] == position
            else:
                outcome = self._rare(code, first, second, position, slots)
                if outcome is None:
                    return None
                position, slots = outcome
            counter += 1

    def _count(self) -> None:
        self._moves += 1
        if self._moves >= _MOVES_AT_ONCE:
            self._charge(_MOVES_AT_ONCE // PATTERN_MOVES_PER_STEP)
            self._moves = 0

    def _accepts(self, code: int, wanted: Any, position: int) -> bool:
        if position >= len(self._text):
            return False
        character = self._text[position]
        return bool(character == wanted if code == CHARACTER else wanted(character))

    def _rare(
        self, code: int, first: int, second: bool, position: int, slots: _Slots
    ) -> tuple[int, _Slots] | None:
        if code == SAVE:
            return position, _with(slots, first, position)
        if code == MARK:
            return position, _with(slots, self._marks + first, position)
        if code == BACK:
            return self._back_reference(first, second, position, slots)
        holds = {
            START: lambda: self._is_start(position, lines=bool(first)),
            END: lambda: self._is_end(position, lines=bool(first)),
            WORD_EDGE: lambda: self._is_edge(position) == bool(first),
        }[code]()
        return (position, slots) if holds else None

    def _back_reference(
        self, group: int, fold: bool, position: int, slots: _Slots
    ) -> tuple[int, _Slots] | None:
        start, end = slots[2 * group], slots[2 * group + 1]
        wanted = self._text[start:end] if end >= 0 else ""
        found = self._text[position : position + len(wanted)]
        same = found.casefold() == wanted.casefold() if fold else found == wanted
        return (position + len(wanted), slots) if same else None

    def _is_start(self, position: int, *, lines: bool) -> bool:
        return position == 0 or (
            lines and self._text[position - 1] == "\n" and position < len(self._text)
        )

    def _is_end(self, position: int, *, lines: bool) -> bool:
        return position == len(self._text) or (lines and self._text[position] == "\n")

    def _is_edge(self, position: int) -> bool:
        before = position > 0 and word_character(self._text[position - 1])
        after = position < len(self._text) and word_character(self._text[position])
        return before != after


def _with(slots: _Slots, index: int, value: int) -> _Slots:
    return (*slots[:index], value, *slots[index + 1 :])


@lru_cache(maxsize=256)
def compile_pattern(text: str, flags: str = "") -> Pattern:
    """Compile a pattern with flags of ``smixq``.

    Raises:
        EvaluationProblem: it is no regular expression, or a flag is unknown.
    """
    unknown = [flag for flag in flags if flag not in _FLAGS]
    if unknown:
        raise EvaluationProblem(f"Unknown flag '{unknown[0]}'", "FUNCTION_INVOCATION_FAILURE")
    parser = PatternParser(text, flags)
    program = parser.program()
    return Pattern(program, parser.groups, parser.marks)
