"""From a pattern to a program for the machine.

Fragments have relative jumps only, so that counted repetitions can be unrolled by copying.
"""

from __future__ import annotations

from typing import Any, Final

from phee.feel.errors import EvaluationProblem
from phee.feel.limits import NESTING_MAX, PATTERN_INSTRUCTIONS_MAX
from phee.feel.patterns.classes import (
    ESCAPES,
    CharacterSet,
    any_case,
    either,
    opposite,
    property_set,
    same_in_any_case,
    within,
    without,
)

CHARACTER, SET, SPLIT, JUMP, SAVE, START, END, BACK, WORD_EDGE, MARK, MOVED, MATCH = range(12)

Instruction = tuple[int, Any, Any]
Fragment = list[Instruction]

_SIMPLE: Final = {"n": "\n", "r": "\r", "t": "\t"}
_QUANTIFIED_BY: Final = {"?": (0, 1), "*": (0, None), "+": (1, None)}


class PatternParser:
    """Reads one pattern.

    Attributes:
        groups: number of capturing groups read so far.
        marks: number of loops that watch for empty turns.
    """

    def __init__(self, text: str, flags: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._flags = flags
        self._closed: set[int] = set()
        self.groups = 0
        self.marks = 0

    def program(self) -> Fragment:
        """The whole pattern.

        Raises:
            EvaluationProblem: it is no regular expression, or too large a one.
        """
        if "q" in self._flags:
            return [*self._literal(self._text), (MATCH, None, None)]
        fragment = self._alternatives()
        if self._at < len(self._text):
            raise self._error(f"unexpected '{self._text[self._at]}'")
        return [*fragment, (MATCH, None, None)]

    def _error(self, problem: str) -> EvaluationProblem:
        return EvaluationProblem(
            f"Invalid pattern at position {self._at + 1}: {problem}", "FUNCTION_INVOCATION_FAILURE"
        )

    def _literal(self, text: str) -> Fragment:
        return [self._character(character) for character in text]

    def _character(self, character: str) -> Instruction:
        if "i" in self._flags and character.lower() != character.upper():
            return (SET, same_in_any_case(character), None)
        return (CHARACTER, character, None)

    def _peek(self) -> str:
        if "x" in self._flags:
            while self._at < len(self._text) and self._text[self._at] in " \t\n\r":
                self._at += 1
        return self._text[self._at] if self._at < len(self._text) else ""

    def _take(self, character: str) -> bool:
        if self._peek() != character:
            return False
        self._at += 1
        return True

    def _bounded(self, fragment: Fragment) -> Fragment:
        if len(fragment) > PATTERN_INSTRUCTIONS_MAX:
            raise self._error("too large")
        return fragment

    def _alternatives(self) -> Fragment:
        self._depth += 1
        if self._depth > NESTING_MAX:
            raise self._error("nested too deeply")
        branches = [self._branch()]
        while self._take("|"):
            branches.append(self._branch())
        self._depth -= 1
        fragment = branches[-1]
        for branch in reversed(branches[:-1]):
            fragment = self._bounded(
                [
                    (SPLIT, 1, len(branch) + 2),
                    *branch,
                    (JUMP, len(fragment) + 1, None),
                    *fragment,
                ]
            )
        return fragment

    def _branch(self) -> Fragment:
        fragment: Fragment = []
        while (character := self._peek()) and character not in "|)":
            fragment += self._piece()
            self._bounded(fragment)
        return fragment

    def _piece(self) -> Fragment:
        atom = self._atom()
        bounds = self._quantifier()
        if bounds is None:
            return atom
        greedy = not self._take("?")
        return self._repeated(atom, *bounds, greedy=greedy)

    def _quantifier(self) -> tuple[int, int | None] | None:
        character = self._peek()
        if character in _QUANTIFIED_BY and character:
            self._at += 1
            return _QUANTIFIED_BY[character]
        if character != "{":
            return None
        end = self._text.find("}", self._at)
        low, comma, high = self._text[self._at + 1 : max(end, 0)].partition(",")
        if end < 0 or not low.isdecimal() or (high and not high.isdecimal()):
            raise self._error("quantifier like {2,3} expected")
        least = int(low[:9])
        most = int(high[:9]) if high else (None if comma else least)
        if most is not None and most < least:
            raise self._error("quantifier with its bounds exchanged")
        self._at = end + 1
        return least, most

    def _repeated(self, atom: Fragment, least: int, most: int | None, *, greedy: bool) -> Fragment:
        copies = max(least, most or 0) + 1
        if (len(atom) + 2) * copies > PATTERN_INSTRUCTIONS_MAX:
            raise self._error("too many repetitions")
        fragment = atom * least
        if most is None:
            return fragment + self._loop(atom, greedy=greedy)
        optional: Fragment = []
        for _ in range(most - least):
            skip = len(atom) + len(optional) + 1
            split = (SPLIT, 1, skip) if greedy else (SPLIT, skip, 1)
            optional = [split, *atom, *optional]
        return fragment + optional

    def _loop(self, atom: Fragment, *, greedy: bool) -> Fragment:
        """``atom*``; a turn that consumes nothing ends it."""
        mark = self.marks
        self.marks += 1
        body: Fragment = [(MARK, mark, None), *atom, (MOVED, mark, None)]
        after = len(body) + 2
        split = (SPLIT, 1, after) if greedy else (SPLIT, after, 1)
        return [split, *body, (JUMP, -len(body) - 1, None)]

    def _atom(self) -> Fragment:
        character = self._peek()
        self._at += 1
        if character == "(":
            return self._group()
        if character == "[":
            return [(SET, self._class(), None)]
        if character == ".":
            return [(SET, self._dot(), None)]
        if character == "^":
            return [(START, "m" in self._flags, None)]
        if character == "$":
            return [(END, "m" in self._flags, None)]
        if character == "\\":
            return self._escape()
        if character in "?*+{":
            self._at -= 1
            raise self._error(f"nothing to repeat before '{character}'")
        return [self._character(character)]

    def _dot(self) -> CharacterSet:
        if "s" in self._flags:
            return lambda _character: True
        return lambda character: character != "\n"

    def _folded(self, characters: CharacterSet) -> CharacterSet:
        return any_case(characters) if "i" in self._flags else characters

    def _group(self) -> Fragment:
        if self._text.startswith("?:", self._at):
            self._at += 2
            inner = self._alternatives()
            self._close()
            return inner
        if self._peek() == "?":
            raise self._error("only (?: may follow an opening parenthesis")
        self.groups += 1
        number = self.groups
        inner = self._alternatives()
        self._close()
        self._closed.add(number)
        return [(SAVE, 2 * number, None), *inner, (SAVE, 2 * number + 1, None)]

    def _close(self) -> None:
        if not self._take(")"):
            raise self._error("closing parenthesis expected")

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise self._error("unexpected end")
        self._at += 1
        return self._text[self._at - 1]

    def _escape(self) -> Fragment:
        letter = self._next()
        if letter.isdecimal() and letter != "0":
            return [(BACK, self._reference(letter), "i" in self._flags)]
        if letter in "bB":
            return [(WORD_EDGE, letter == "b", None)]
        single, several = self._meaning(letter)
        if several is not None:
            return [(SET, several, None)]
        return [self._character(single)]

    def _reference(self, digits: str) -> int:
        while self._at < len(self._text) and self._text[self._at].isdecimal():
            longer = int(digits + self._text[self._at])
            if longer > self.groups:
                break
            digits += self._next()
        if int(digits) not in self._closed:
            raise self._error(f"no group {digits} to refer to")
        return int(digits)

    def _meaning(self, letter: str) -> tuple[str, CharacterSet | None]:
        """What an escape stands for: one character, or a set."""
        if letter in ESCAPES:
            return "", ESCAPES[letter]
        if letter in "pP":
            return "", self._property(letter)
        if letter in _SIMPLE:
            return _SIMPLE[letter], None
        if letter.isalnum():
            raise self._error(f"unknown escape '\\{letter}'")
        return letter, None

    def _property(self, letter: str) -> CharacterSet:
        end = self._text.find("}", self._at)
        if end < 0 or not self._text.startswith("{", self._at):
            raise self._error("a category in braces expected")
        found = property_set(self._text[self._at + 1 : end])
        if found is None:
            raise self._error("unknown category or block")
        self._at = end + 1
        return opposite(found) if letter == "P" else found

    def _class(self) -> CharacterSet:
        """The inside of ``[...]``, up to and with its end."""
        self._depth += 1
        if self._depth > NESTING_MAX:
            raise self._error("nested too deeply")
        negative = self._text.startswith("^", self._at)
        self._at += negative
        parts: list[CharacterSet] = []
        removed: CharacterSet | None = None
        while (character := self._next()) != "]" or not parts:
            if character == "-" and self._text.startswith("[", self._at):
                self._at += 1
                removed = self._class()
                if self._next() != "]":
                    raise self._error("the subtraction must come last")
                break
            parts.append(self._member(character))
        self._depth -= 1
        base = opposite(either(parts)) if negative else either(parts)
        return base if removed is None else without(base, removed)

    def _member(self, character: str) -> CharacterSet:
        low, several = self._class_character(character)
        if several is not None:
            return several
        following = self._text[self._at : self._at + 2]
        if len(following) < 2 or following[0] != "-" or following[1] in "]" or following == "-[":
            return self._folded(within(((low, low),)))
        self._at += 1
        high, several = self._class_character(self._next())
        if several is not None or high < low:
            raise self._error("a range with its ends exchanged")
        return self._folded(within(((low, high),)))

    def _class_character(self, character: str) -> tuple[str, CharacterSet | None]:
        if character == "[":
            raise self._error("'[' in a class must be escaped")
        return self._meaning(self._next()) if character == "\\" else (character, None)
