"""``sort``: by a function that says which of two comes first."""

from __future__ import annotations

from functools import cmp_to_key
from typing import Any

from phee.feel.builtins.registry import builtin
from phee.feel.errors import EvaluationProblem
from phee.feel.runtime import Run
from phee.feel.values import FunctionValue, order


@builtin("sort(list: list, precedes: function)", run=True)
def sort(run: Run, values: list[Any], precedes: FunctionValue) -> list[Any]:
    """The elements in the order of ``precedes(a, b)``; equal ones keep theirs."""

    def before(left: Any, right: Any) -> bool:
        outcome = precedes.invoke(run, [left, right], None)
        if type(outcome) is not bool:
            raise EvaluationProblem(
                "the function must give true or false", "FUNCTION_INVOCATION_FAILURE"
            )
        return outcome

    def compare(left: Any, right: Any) -> int:
        if before(left, right):
            return -1
        return 1 if before(right, left) else 0

    return sorted(values, key=cmp_to_key(compare))


@builtin("sort(list: list)", run=True)
def sort_naturally(run: Run, values: list[Any]) -> list[Any]:
    """The elements from least to greatest."""

    def compare(left: Any, right: Any) -> int:
        run.charge(1)
        sign = order(left, right)
        if sign is None:
            raise EvaluationProblem("the elements can't be compared", "FUNCTION_INVOCATION_FAILURE")
        return sign

    return sorted(values, key=cmp_to_key(compare))
