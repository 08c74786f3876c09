"""Numeric functions: rounding in all modes, roots, logarithms, remainders."""

from __future__ import annotations

from typing import Any

from phee.feel.builtins.registry import builtin
from phee.feel.errors import EvaluationProblem
from phee.feel.limits import POWER_STEPS
from phee.feel.numbers import (
    DECIMAL128,
    Number,
    calculate,
    divide,
    integral,
    multiply,
    rounded,
    subtract,
)
from phee.feel.runtime import Run


@builtin("decimal(n: number, scale: integer)")
def decimal(n: Number, scale: int) -> Number:
    """Rounded half to even."""
    return rounded(n, scale, "half even")


@builtin("floor(n: number, scale: integer?)")
def floor(n: Number, scale: int = 0) -> Number:
    """The largest number with this scale that is not above."""
    return rounded(n, scale, "floor")


@builtin("ceiling(n: number, scale: integer?)")
def ceiling(n: Number, scale: int = 0) -> Number:
    """The smallest number with this scale that is not below."""
    return rounded(n, scale, "ceiling")


@builtin("round up(n: number, scale: integer)")
def round_up(n: Number, scale: int) -> Number:
    """Rounded away from zero."""
    return rounded(n, scale, "up")


@builtin("round down(n: number, scale: integer)")
def round_down(n: Number, scale: int) -> Number:
    """Rounded towards zero."""
    return rounded(n, scale, "down")


@builtin("round half up(n: number, scale: integer)")
def round_half_up(n: Number, scale: int) -> Number:
    """Rounded to the nearest, halves away from zero."""
    return rounded(n, scale, "half up")


@builtin("round half down(n: number, scale: integer)")
def round_half_down(n: Number, scale: int) -> Number:
    """Rounded to the nearest, halves towards zero."""
    return rounded(n, scale, "half down")


@builtin("modulo(dividend: number, divisor: number)")
def modulo(dividend: Number, divisor: Number) -> Number:
    """``dividend - divisor * floor(dividend / divisor)``."""
    if divisor == 0:
        raise EvaluationProblem(f"Can't divide '{dividend}' by '0'")
    if type(dividend) is int and type(divisor) is int:
        return dividend % divisor
    remainder = integral(calculate(DECIMAL128.remainder, dividend, divisor))
    if remainder != 0 and (remainder < 0) != (divisor < 0):
        return integral(calculate(DECIMAL128.add, remainder, divisor))
    return remainder


@builtin("sqrt(number: number)")
def sqrt(number: Number) -> Number:
    """The square root of a number that is not negative."""
    if number < 0:
        raise EvaluationProblem("No square root of a negative number")
    return calculate(DECIMAL128.sqrt, number)


@builtin("log(number: number)", run=True)
def log(run: Run, number: Number) -> Number:
    """The natural logarithm of a positive number."""
    run.charge(POWER_STEPS)
    if number <= 0:
        raise EvaluationProblem("No logarithm of a number that is not positive")
    return calculate(DECIMAL128.ln, number)


@builtin("exp(number: number)", run=True)
def exp(run: Run, number: Number) -> Number:
    """Euler's number raised to a power."""
    run.charge(POWER_STEPS)
    return calculate(DECIMAL128.exp, number)


@builtin("odd(number: number)")
def odd(number: Number) -> bool:
    """Whether a whole number is odd."""
    return number == int(number) and int(number) % 2 == 1


@builtin("even(number: number)")
def even(number: Number) -> bool:
    """Whether a whole number is even."""
    return number == int(number) and int(number) % 2 == 0


@builtin("random number()", run=True)
def random_number(run: Run) -> Any:
    """A number from 0 (included) to 1 (excluded), with 16 digits."""
    return divide(run.random().randrange(10**16), 10**16)


def mean_of(values: list[Number], total: Number) -> Number:
    """The arithmetic mean."""
    return integral(divide(total, len(values)))


def squared_distance(value: Number, mean: Number) -> Number:
    """The square of a difference."""
    difference = subtract(value, mean)
    return multiply(difference, difference)
