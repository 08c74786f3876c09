"""What can be wrong with a drawing, told to the person who drew it.

Invariant: a drawing is refused with every problem found in one pass, not only with the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from phee.errors import InvalidInput

PROBLEMS_IN_TEXT = 100
"""A hostile drawing may hold thousands of faults; its error text stays readable."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a drawing.

    Attributes:
        element_id: id of the element at fault, "" when the file as a whole is.
        rule: stable name of the broken rule, as listed in ``docs/bpmn.md``.
        message: what is wrong and what to do about it.
    """

    element_id: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.element_id or 'file'}: {self.message} [{self.rule}]"


class InvalidBpmn(InvalidInput):
    """The drawing cannot be deployed; ``problems`` says why, completely."""

    code = "invalid-bpmn"

    def __init__(self, problems: Sequence[Problem], resource_name: str = "") -> None:
        self.problems: Sequence[Problem] = tuple(problems)
        count = len(self.problems)
        what = f"The drawing has {count} problem{'' if count == 1 else 's'}"
        super().__init__(what, where=resource_name, fix=_listed(self.problems))


def _listed(problems: Sequence[Problem]) -> str:
    lines = [f"- {problem}" for problem in problems[:PROBLEMS_IN_TEXT]]
    hidden = len(problems) - len(lines)
    if hidden > 0:
        lines.append(f"- and {hidden} more")
    return "\n".join(["Mend these and deploy it again:", *lines])


@dataclass(slots=True)
class ProblemList:
    """Collects problems while a drawing is read; the same problem is kept once."""

    found: dict[Problem, None] = field(default_factory=dict)

    def add(self, element_id: str, rule: str, message: str) -> None:
        """Note a problem and go on reading."""
        self.found[Problem(element_id, rule, message)] = None

    def raise_if_any(self, resource_name: str) -> None:
        """Raise :class:`InvalidBpmn` when anything was noted."""
        if self.found:
            raise InvalidBpmn(tuple(self.found), resource_name)
