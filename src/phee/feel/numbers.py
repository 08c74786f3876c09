"""Numbers: Python int where exact, else Decimal with 34 digits and rounding half to even.

Never NaN or infinite: an operation that would give one raises ``EvaluationProblem``.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Context,
    Decimal,
    DecimalException,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)
from typing import Any, Final

from phee.feel.errors import EvaluationProblem

Number = int | Decimal

DECIMAL128: Final = Context(
    prec=34,
    rounding=ROUND_HALF_EVEN,
    Emin=-6143,
    Emax=6144,
    traps=[DivisionByZero, InvalidOperation, Overflow],
)
_INT_LIMIT: Final = 10**34

ROUNDINGS: Final = {
    "half even": ROUND_HALF_EVEN,
    "up": ROUND_UP,
    "down": ROUND_DOWN,
    "half up": ROUND_HALF_UP,
    "half down": ROUND_HALF_DOWN,
    "floor": ROUND_FLOOR,
    "ceiling": ROUND_CEILING,
}
SCALE_MIN: Final = -6111
SCALE_MAX: Final = 6176


def add(left: Any, right: Any) -> Number:
    """Sum of two numbers."""
    if type(left) is int and type(right) is int:
        return _fit(left + right)
    return _checked(DECIMAL128.add, left, right)


def subtract(left: Any, right: Any) -> Number:
    """Difference of two numbers."""
    if type(left) is int and type(right) is int:
        return _fit(left - right)
    return _checked(DECIMAL128.subtract, left, right)


def multiply(left: Any, right: Any) -> Number:
    """Product of two numbers."""
    if type(left) is int and type(right) is int:
        return _fit(left * right)
    return _checked(DECIMAL128.multiply, left, right)


def divide(left: Any, right: Any) -> Number:
    """Quotient of two numbers.

    Raises:
        EvaluationProblem: division by zero.
    """
    if right == 0:
        raise EvaluationProblem(f"Can't divide '{left}' by '0'", "INVALID_TYPE")
    if type(left) is int and type(right) is int and left % right == 0:
        return left // right
    return _checked(DECIMAL128.divide, left, right)


def power(base: Any, exponent: Any) -> Number:
    """``base ** exponent``; zero to the zeroth is one, as in the specification's Java peers."""
    if exponent == 0:
        return 1
    return integral(_checked(DECIMAL128.power, base, exponent))


def negate(value: Any) -> Number:
    """The opposite number."""
    return -value if type(value) is int else DECIMAL128.minus(value)


def calculate(function: Callable[..., Decimal], *arguments: Any) -> Number:
    """Apply a function of the decimal context, as a 34-digit number."""
    return integral(_checked(function, *arguments))


def rounded(value: Any, scale: int, mode: str) -> Number:
    """The number with ``scale`` digits after the point.

    Args:
        value: the number.
        scale: digits after the point; negative ones round tens, hundreds and so on.
        mode: a key of ``ROUNDINGS``.

    Raises:
        EvaluationProblem: scale outside what a 34-digit decimal has.
    """
    if not SCALE_MIN <= scale <= SCALE_MAX:
        raise EvaluationProblem(f"scale {scale} is not between {SCALE_MIN} and {SCALE_MAX}")
    if type(value) is int and scale >= 0:
        return value
    exact = Decimal(value)
    if scale >= -int(exact.as_tuple().exponent):
        return integral(exact)
    quantum = Decimal((0, (1,), -scale))
    wide = Context(prec=7_000, rounding=ROUNDINGS[mode])
    return integral(exact.quantize(quantum, context=wide))


def integral(value: Any) -> Number:
    """The same number, as int where it is a whole one of moderate size."""
    if type(value) is int:
        return value
    if value == value.to_integral_value() and value.adjusted() < 34:
        return int(value)
    return value  # type: ignore[no-any-return]


def is_whole(value: Any) -> bool:
    """Whether a number has no fraction and is small enough to be counted (34 digits)."""
    return bool(abs(value) < _INT_LIMIT and value == int(value))


def _fit(value: int) -> Number:
    if -_INT_LIMIT < value < _INT_LIMIT:
        return value
    return DECIMAL128.create_decimal(value)


def fitted_int(value: int) -> Number | None:
    """An int of any size as a number; null when it is beyond all numbers."""
    try:
        return _fit(value)
    except DecimalException:
        return None


def _checked(operation: Callable[..., Decimal], *arguments: Any) -> Decimal:
    try:
        return operation(*arguments)
    except DecimalException as problem:
        raise EvaluationProblem(f"The result is not a number ({type(problem).__name__})") from None


def parse_number(text: str) -> Number:
    """The number a literal or JSON number means; digits beyond 34 are rounded."""
    if text.lstrip("-").isdigit():
        return _fit(int(text)) if len(text) < 4_000 else _checked(DECIMAL128.create_decimal, text)
    return _checked(DECIMAL128.create_decimal, text)


def number_text(value: Number) -> str:
    """The number without exponent, as ``string()`` shows it."""
    if type(value) is int:
        return str(value)
    exact = abs(Decimal(value)) if value == 0 else Decimal(value)
    if abs(exact.adjusted()) > 100:
        return str(DECIMAL128.normalize(exact))
    return f"{exact:f}"
