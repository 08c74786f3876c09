"""A decision table: which rules match, and what the hit policy makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from phee.dmn.errors import DecisionFailed
from phee.dmn.hit_policies import HitPolicy, PriorityKey
from phee.feel.functions import Code
from phee.feel.runtime import Scope


@dataclass(frozen=True, slots=True)
class InputClause:
    """A column of conditions; ``allowed`` tests what ``-`` accepts, if anything is excluded."""

    id: str
    name: str
    value: Code
    allowed: Code | None


@dataclass(frozen=True, slots=True)
class OutputClause:
    """A column of conclusions; ``ranking`` has a test for each output value, best first."""

    id: str
    name: str
    label: str
    ranking: tuple[Code, ...]
    default: Code | None


@dataclass(frozen=True, slots=True)
class Rule:
    """A row; a test is None where the cell says nothing."""

    id: str
    index: int
    tests: tuple[Code | None, ...]
    outputs: tuple[Code, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """A rule that matched, with the values of its outputs."""

    rule: Rule
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class TableOutcome:
    """A result with what led to it."""

    value: Any
    inputs: tuple[Any, ...]
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A compiled decision table."""

    inputs: tuple[InputClause, ...]
    outputs: tuple[OutputClause, ...]
    rules: tuple[Rule, ...]
    policy: HitPolicy

    def code(self, scope: Scope) -> Any:
        """The result alone."""
        return self.decide(scope).value

    def decide(self, scope: Scope) -> TableOutcome:
        """The result and its trace.

        Raises:
            DecisionFailed: the matching rules break the hit policy.
        """
        values = tuple(clause.value(scope) for clause in self.inputs)
        cells = [Scope(scope.run, {"?": value}, scope) for value in values]
        matches: list[Match] = []
        for rule in self.rules:
            scope.run.charge(1)
            if self._matches(rule, cells):
                matches.append(Match(rule, tuple(output(scope) for output in rule.outputs)))
                if self.policy.first_only:
                    break
        try:
            result = self._result(matches, scope)
        except DecisionFailed as failure:
            failure.evidence = TableOutcome(None, values, tuple(matches))
            raise
        return TableOutcome(result, values, tuple(matches))

    def _matches(self, rule: Rule, cells: list[Scope]) -> bool:
        for test, cell, clause in zip(rule.tests, cells, self.inputs, strict=False):
            condition = clause.allowed if test is None else test
            if condition is not None and condition(cell) is not True:
                return False
        return True

    def _result(self, matches: list[Match], scope: Scope) -> Any:
        if not matches:
            return self._default(scope)
        ranked = [(self._rank(match, scope), match.values) for match in matches]
        return self.policy.resolve(ranked, [clause.name for clause in self.outputs], scope.run)

    def _default(self, scope: Scope) -> Any:
        if all(clause.default is None for clause in self.outputs):
            return None
        values = [
            None if clause.default is None else clause.default(scope) for clause in self.outputs
        ]
        if len(values) == 1:
            return values[0]
        return dict(zip((clause.name for clause in self.outputs), values, strict=True))

    def _rank(self, match: Match, scope: Scope) -> PriorityKey:
        """Positions of the outputs among the output values, for the policies that order."""
        if not self.policy.ordered:
            return ()
        return tuple(
            _position(clause.ranking, value, scope)
            for clause, value in zip(self.outputs, match.values, strict=False)
        )


def _position(ranking: tuple[Code, ...], value: Any, scope: Scope) -> int:
    cell = Scope(scope.run, {"?": value}, scope)
    return next((index for index, test in enumerate(ranking) if test(cell) is True), len(ranking))
