"""The seven hit policies and the aggregators of ``COLLECT``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from phee.dmn.errors import DecisionFailed
from phee.feel.builtins.statistics import max_, min_, sum_
from phee.feel.errors import EvaluationProblem
from phee.feel.runtime import Run
from phee.feel.values import equal, kind_of

PriorityKey = tuple[int, ...]
Ranked = tuple[PriorityKey, tuple[Any, ...]]

POLICIES: Final = frozenset(
    {"UNIQUE", "FIRST", "PRIORITY", "ANY", "COLLECT", "RULE ORDER", "OUTPUT ORDER"}
)
_SINGLE: Final = frozenset({"UNIQUE", "FIRST", "PRIORITY", "ANY"})


def _sum(values: list[Any]) -> Any:
    if any(kind_of(value) != "number" for value in values):
        raise EvaluationProblem("only numbers can be summed up")
    return sum_(values)


_AGGREGATORS: Final[dict[str, Callable[[list[Any]], Any]]] = {
    "SUM": _sum,
    "COUNT": len,
    "MIN": min_,
    "MAX": max_,
}
AGGREGATIONS: Final = frozenset(_AGGREGATORS)


@dataclass(frozen=True, slots=True)
class HitPolicy:
    """A policy of ``POLICIES`` and, for ``COLLECT``, an aggregation or an empty text."""

    name: str
    aggregation: str = ""

    @property
    def first_only(self) -> bool:
        """Whether no rule behind the first match matters."""
        return self.name == "FIRST"

    @property
    def ordered(self) -> bool:
        """Whether the order of output values matters."""
        return self.name in ("PRIORITY", "OUTPUT ORDER")

    def resolve(self, ranked: list[Ranked], names: list[str], run: Run) -> Any:
        """The result of at least one match.

        Raises:
            DecisionFailed: more rules match than the policy allows.
        """
        if self.ordered:
            ranked = sorted(ranked, key=lambda entry: entry[0])
        rows = [values for _, values in ranked]
        if self.aggregation and self.name == "COLLECT":
            return self._aggregated(rows, names, run)
        self._check(rows, run)
        results = [_combined(values, names) for values in rows]
        return results[0] if self.name in _SINGLE else results

    def _check(self, rows: list[tuple[Any, ...]], run: Run) -> None:
        if self.name == "UNIQUE" and len(rows) > 1:
            raise DecisionFailed(
                f"only one rule may match with the hit policy 'UNIQUE', but {len(rows)} did"
            )
        if self.name == "ANY" and not all(
            equal(list(values), list(rows[0]), run) is True for values in rows[1:]
        ):
            raise DecisionFailed(
                "all matching rules must have equal outputs with the hit policy 'ANY'"
            )

    def _aggregated(self, rows: list[tuple[Any, ...]], names: list[str], run: Run) -> Any:
        aggregate = _AGGREGATORS[self.aggregation]
        if self.aggregation == "COUNT":
            return len(rows)
        try:
            columns = [aggregate(list(column)) for column in zip(*rows, strict=True)]
        except EvaluationProblem as problem:
            run.warn(problem.kind, f"Can't aggregate with {self.aggregation}: {problem}")
            return None
        return _combined(tuple(columns), names)


def _combined(values: tuple[Any, ...], names: list[str]) -> Any:
    """A single output is its value, several are a context."""
    return values[0] if len(names) == 1 else dict(zip(names, values, strict=False))
