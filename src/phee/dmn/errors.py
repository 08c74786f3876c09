"""What can be wrong with a decision model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from phee.errors import InvalidInput
from phee.feel.errors import EvaluationStopped

if TYPE_CHECKING:
    from phee.dmn.table import TableOutcome


class InvalidModel(InvalidInput):
    """The text is no decision model: not XML, not DMN, too large, or two elements of one id."""

    code = "dmn-invalid"


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault in one place of a model that can be read otherwise; the place is worth null.

    Attributes:
        what: what is wrong.
        where: the element, and for expressions the line and column.
    """

    what: str
    where: str

    def __str__(self) -> str:
        return f"{self.what} ({self.where})"


class DecisionFailed(EvaluationStopped):
    """A decision has no defined result, as when two rules of a unique table match.

    Attributes:
        evidence: the inputs and matches of the table that failed, if it was one.
    """

    kind = "DECISION_FAILED"
    evidence: TableOutcome | None = None
