"""Functions that sum up a list, given as a list or as arguments."""

from __future__ import annotations

from typing import Any

from phee.feel.builtins.numeric import mean_of, squared_distance
from phee.feel.builtins.registry import builtin
from phee.feel.errors import EvaluationProblem
from phee.feel.numbers import DECIMAL128, Number, add, calculate, divide, integral, multiply
from phee.feel.values import order


@builtin("count(list: list)", "count(items: any...)")
def count(values: list[Any]) -> int:
    """The number of elements."""
    return len(values)


@builtin("min(list: list)", "min(items: any...)")
def min_(values: list[Any]) -> Any:
    """The least element; null of none."""
    return _extreme(values, -1)


@builtin("max(list: list)", "max(items: any...)")
def max_(values: list[Any]) -> Any:
    """The greatest element; null of none."""
    return _extreme(values, 1)


def _extreme(values: list[Any], wanted: int) -> Any:
    if not values:
        return None
    best = values[0]
    for value in values:
        sign = order(value, best)
        if sign is None:
            raise EvaluationProblem("the elements can't be compared", "FUNCTION_INVOCATION_FAILURE")
        if sign == wanted:
            best = value
    return best


@builtin("sum(list: numbers)", "sum(items: numbers...)")
def sum_(values: list[Number]) -> Number | None:
    """The sum; null of no numbers."""
    if not values:
        return None
    total: Number = 0
    for value in values:
        total = add(total, value)
    return total


@builtin("product(list: numbers)", "product(items: numbers...)")
def product(values: list[Number]) -> Number | None:
    """The product; null of no numbers."""
    if not values:
        return None
    total: Number = 1
    for value in values:
        total = multiply(total, value)
    return total


@builtin("mean(list: numbers)", "mean(items: numbers...)")
def mean(values: list[Number]) -> Number | None:
    """The arithmetic mean; null of no numbers."""
    total = sum_(values)
    return None if total is None else mean_of(values, total)


@builtin("median(list: numbers)", "median(items: numbers...)")
def median(values: list[Number]) -> Number | None:
    """The middle number, or the mean of the two in the middle; null of no numbers."""
    if not values:
        return None
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return integral(divide(add(ordered[middle - 1], ordered[middle]), 2))


@builtin("stddev(list: numbers)", "stddev(items: numbers...)")
def stddev(values: list[Number]) -> Number | None:
    """The standard deviation of a sample; null of fewer than two numbers."""
    if len(values) < 2:
        return None
    average = mean(values)
    assert average is not None
    squares = sum_([squared_distance(value, average) for value in values])
    assert squares is not None
    return calculate(DECIMAL128.sqrt, divide(squares, len(values) - 1))


@builtin("mode(list: numbers)", "mode(items: numbers...)")
def mode(values: list[Number]) -> list[Number]:
    """The most frequent numbers, in ascending order."""
    frequency: dict[Number, int] = {}
    for value in values:
        frequency[value] = frequency.get(value, 0) + 1
    most = max(frequency.values(), default=0)
    return sorted(value for value, times in frequency.items() if times == most)
