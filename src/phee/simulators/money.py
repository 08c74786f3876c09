"""Amounts on the wire are decimal text; inside they are whole minor units (never a float)."""

from __future__ import annotations

import re
from functools import cache

from iso4217 import Currency

from phee.errors import InvalidInput

_AMOUNT = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,4}))?")


@cache
def exponent(currency: str) -> int:
    """Digits after the decimal point in ISO 4217; at most 1,000 distinct answers are possible.

    Raises:
        InvalidInput: no such currency, or one without minor units (gold, test codes).
    """
    try:
        digits = Currency(currency).exponent
    except ValueError:
        digits = None
    if digits is None:
        raise InvalidInput(
            f"{currency[:8]!r} is no currency to pay in",
            where="amount.currency",
            fix="Use an ISO 4217 code such as USD.",
        )
    return digits


def to_minor_units(amount: str, currency: str) -> int:
    """Exact minor units of a positive amount such as ``12.50``.

    Raises:
        InvalidInput: not a positive decimal, or more precise than the currency.
    """
    digits = exponent(currency)
    match = _AMOUNT.fullmatch(amount)
    if match is None:
        raise InvalidInput(
            "this is not an amount",
            where="amount.amount",
            fix="Write a decimal such as 12.50, with no sign and at most 13 digits before the dot.",
        )
    fraction = (match[2] or "").rstrip("0")
    if len(fraction) > digits:
        raise InvalidInput(
            f"{currency} has {digits} decimals, the amount has {len(fraction)}",
            where="amount.amount",
        )
    minor = int(match[1] + fraction.ljust(digits, "0"))
    if minor == 0:
        raise InvalidInput("the amount is zero", where="amount.amount")
    return minor


def to_text(minor: int, currency: str) -> str:
    """The decimal text of ``minor`` units, with all digits of the currency, such as ``-0.05``."""
    digits = exponent(currency)
    sign, units = ("-" if minor < 0 else ""), str(abs(minor)).rjust(digits + 1, "0")
    return f"{sign}{units[:-digits]}.{units[-digits:]}" if digits else sign + units
