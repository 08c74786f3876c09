"""Exact money in stores that have no decimal type.

SQLite knows no decimals, so an amount is kept as text of fixed width, ``000000000000000012.5000``:
18 digits, a point, 4 digits. Equality, ranges and sorting of such texts are those of the numbers,
and they can be indexed; sums add the three groups of digits as integers (:func:`sum_columns`),
which is exact and cannot overflow before nine thousand million rows. Elsewhere the column is
``DECIMAL(22, 4)``, which has the same range: the largest amount of FSPIOP, and the most minor
digits of ISO 4217.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from phee.errors import InvalidInput
from phee.projections.money import MINOR_DIGITS, WHOLE_DIGITS

WIDTH = WHOLE_DIGITS + 1 + MINOR_DIGITS
_QUANTUM = Decimal(1).scaleb(-MINOR_DIGITS)
_HALF = WHOLE_DIGITS // 2
_HALF_UNIT = Decimal(10) ** _HALF


def money_text(amount: Decimal) -> str:
    """Return ``amount`` as text of fixed width.

    Raises:
        InvalidInput: it is negative, not finite, too large, or has more than 4 minor digits.
    """
    digits = amount.as_tuple()
    exponent = digits.exponent
    if not isinstance(exponent, int) or (amount.is_signed() and amount != 0):
        raise InvalidInput("an amount must be a number that is not negative")
    if amount.adjusted() >= WHOLE_DIGITS and amount != 0:
        raise InvalidInput(f"an amount has more than {WHOLE_DIGITS} digits before the point")
    whole, _, minor = f"{abs(amount):f}".partition(".")
    minor = minor.rstrip("0")
    if len(minor) > MINOR_DIGITS:
        raise InvalidInput(f"an amount has more than {MINOR_DIGITS} digits after the point")
    return f"{whole.zfill(WHOLE_DIGITS)}.{minor.ljust(MINOR_DIGITS, '0')}"


def money_decimal(text: str) -> Decimal:
    """Return the amount of a fixed-width text, without trailing zeros."""
    return trimmed(Decimal(text))


def trimmed(amount: Decimal) -> Decimal:
    """Return ``amount`` without trailing zeros after the point (500, 12.5), value unchanged."""
    whole = amount.to_integral_value()
    return whole if amount == whole else amount.normalize()


def sum_columns(column: str) -> tuple[str, str, str]:
    """Return three SQL aggregates over a fixed-width column, for :func:`money_sum`."""
    high, low, minor = (1, _HALF), (_HALF + 1, _HALF), (WHOLE_DIGITS + 2, MINOR_DIGITS)
    return tuple(  # type: ignore[return-value]
        f"SUM(CAST(substr({column}, {start}, {length}) AS INTEGER))"
        for start, length in (high, low, minor)
    )


def money_sum(high: int | None, low: int | None, minor: int | None) -> Decimal:
    """Return the exact sum from the three aggregates of :func:`sum_columns` (no rows: 0)."""
    return trimmed((high or 0) * _HALF_UNIT + (low or 0) + (minor or 0) * _QUANTUM)


def exact_sum(column: str, dialect: str) -> tuple[tuple[str, ...], Callable[..., Decimal]]:
    """Return SQL aggregates that sum a money column exactly, and what makes the sum of them."""
    if dialect == "sqlite":
        return sum_columns(column), money_sum
    return (f"SUM({column})",), _decimal_sum


def _decimal_sum(total: Decimal | None) -> Decimal:
    return trimmed(total or Decimal(0))
