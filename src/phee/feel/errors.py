"""What can go wrong: bad text raises, everything else becomes null and a warning.

``FeelSyntaxError`` is the only error a caller sees. ``EvaluationProblem`` and
``EvaluationStopped`` stay inside: the first turns one value into null, the second all of it.
"""

from __future__ import annotations

from typing import NamedTuple

from phee.errors import InvalidInput


class FeelSyntaxError(InvalidInput):
    """The text is not an expression.

    Attributes:
        line: first line is 1.
        column: first column is 1.
        caret: the faulty line with a caret under the place, ready to print.
    """

    code = "feel-syntax"

    def __init__(self, problem: str, text: str, position: int) -> None:
        before = text[:position]
        self.problem = problem
        self.line = before.count("\n") + 1
        self.column = position - (before.rfind("\n") + 1) + 1
        lines = text.split("\n")
        self.caret = _caret(lines[self.line - 1], self.column)
        super().__init__(
            problem,
            where=f"line {self.line}, column {self.column}",
            fix=f"Correct the expression:\n{self.caret}",
        )


def _caret(line: str, column: int) -> str:
    """The line, cut to a window of 100 characters around the column, and a caret below it."""
    start = max(0, column - 60)
    shown = line[start : start + 100].replace("\t", " ")
    return f"{shown}\n{' ' * (column - 1 - start)}^"


class EvaluationWarning(NamedTuple):
    """Why a part of an expression became null; ``str()`` is the form Zeebe prints."""

    kind: str
    message: str

    def __str__(self) -> str:
        return f"[{self.kind}] {self.message}"


class EvaluationProblem(Exception):
    """One operation cannot give a value: the result is null and a warning says why."""

    def __init__(self, message: str, kind: str = "INVALID_TYPE") -> None:
        super().__init__(message)
        self.kind = kind


class EvaluationStopped(Exception):
    """The whole evaluation ends here: its result is null."""

    kind = "ASSERT_FAILURE"


class LimitExceeded(EvaluationStopped):
    """A bound (steps, depth, size) is used up."""

    kind = "LIMIT_EXCEEDED"
