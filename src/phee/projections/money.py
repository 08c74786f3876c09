"""Reading amounts: exact, and only those that every store can keep."""

from __future__ import annotations

import re
from decimal import Decimal

from phee.errors import InvalidInput

WHOLE_DIGITS = 18
"""Digits before the point: the largest amount of FSPIOP."""
MINOR_DIGITS = 4
"""Digits after the point: the most that a currency of ISO 4217 has."""

_AMOUNT = re.compile(r"[0-9]{1,40}(?:\.[0-9]{1,40})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


def read_amount(value: object) -> Decimal:
    """Return the amount that a JSON string or number says.

    Raises:
        InvalidInput: it is no plain decimal number, is negative, or does not fit 18.4 digits.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise InvalidInput("an amount is not a number")
    text = value if isinstance(value, str) else f"{value:f}" if isinstance(value, Decimal) else ""
    text = text or str(value)
    if not _AMOUNT.fullmatch(text):
        raise InvalidInput("an amount is not a plain decimal number without a sign")
    whole, _, minor = text.partition(".")
    if len(whole.lstrip("0")) > WHOLE_DIGITS:
        raise InvalidInput(f"an amount has more than {WHOLE_DIGITS} digits before the point")
    if len(minor.rstrip("0")) > MINOR_DIGITS:
        raise InvalidInput(f"an amount has more than {MINOR_DIGITS} digits after the point")
    return Decimal(text)


def read_currency(value: object) -> str:
    """Return a currency code as it came, if it has the form of ISO 4217 (three capitals).

    Raises:
        InvalidInput: it has another form.
    """
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        raise InvalidInput("a currency is not a code of three capital letters")
    return value
