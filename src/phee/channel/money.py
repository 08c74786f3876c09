"""Amounts as they come in: exact decimal text in a current ISO 4217 currency.

An amount stays text from here to the ledger. What is refused: anything but ASCII digits and one
point, zero and less, more decimal places than the currency has, and 10^13 or more.
"""

from __future__ import annotations

import re

import iso4217

MAX_INTEGER_DIGITS = 13

_AMOUNT = re.compile(r"(0|[1-9][0-9]*)(?:\.([0-9]+))?")
_MINOR_UNITS: dict[str, int] = {
    currency.code: currency.exponent
    for currency in iso4217.Currency
    if currency.exponent is not None  # not gold, funds of account, test codes and "no currency"
}

Complaint = tuple[str, str]
"""What is wrong, and what to do about it."""


def minor_digits(currency: str) -> int | None:
    """Return how many decimal places ``currency`` has; None when it is no current currency."""
    return _MINOR_UNITS.get(currency)


def currency_complaint(currency: str) -> Complaint | None:
    """Return what is wrong with a currency code, if anything."""
    if currency in _MINOR_UNITS:
        return None
    return (
        "is not a current ISO 4217 currency",
        "Send a code of three capital letters, such as EUR, KES or JPY",
    )


def amount_complaint(amount: str, currency: str) -> Complaint | None:
    """Return what is wrong with an amount, if anything (``currency`` itself may be unknown)."""
    match = _AMOUNT.fullmatch(amount)
    if match is None:
        return _form_complaint(amount)
    whole, minor = match[1], match[2] or ""
    if len(whole) > MAX_INTEGER_DIGITS:
        return "is absurdly large", f"Send less than 10^{MAX_INTEGER_DIGITS}"
    digits = minor_digits(currency)
    if digits is not None and len(minor) > digits:
        places = f"{digits} decimal place{'s' if digits != 1 else ''}"
        return f"is more precise than {currency}, which has {places}", f"Send at most {places}"
    if not (whole + minor).strip("0"):
        return "is zero", "Send an amount above zero"
    return None


def _form_complaint(amount: str) -> Complaint:
    if amount.startswith(("-", "−")):
        return "is negative", "Send an amount above zero; the direction is in payer and payee"
    if not amount.isascii() and any(letter.isdigit() for letter in amount):
        return "has digits that are not ASCII", "Write it with the digits 0 to 9"
    if "," in amount:
        return "has a comma", 'Use a point before the decimals and no grouping, like "1250.50"'
    if re.search(r"[0-9][eE]", amount):
        return "has an exponent", 'Write it out, like "1250.50"'
    return "is not a decimal number", 'Send text like "1250.50": digits, at most one point, no sign'
