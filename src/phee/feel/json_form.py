"""FEEL values as plain JSON values, as Zeebe stores them in variables."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, Final

from phee.feel.text import to_text
from phee.feel.values import FunctionValue, Range

_INT_DIGITS_MAX: Final = 34


def to_json_value(value: Any) -> Any:
    """The JSON form: whole numbers int, others float, temporal values ISO text.

    Functions become null, ranges their text; numbers beyond 1.8E308, which no JSON
    reader takes, become null.
    """
    kind = type(value)
    if kind in (str, int, bool, type(None)):
        return value
    if kind is Decimal:
        return _json_number(value)
    if kind is list:
        return [to_json_value(element) for element in value]
    if kind is dict:
        return {key: to_json_value(entry) for key, entry in value.items()}
    if isinstance(value, FunctionValue):
        return None
    return to_text(value) if isinstance(value, Range) or kind is not float else value


def _json_number(value: Decimal) -> int | float | None:
    if value.adjusted() < _INT_DIGITS_MAX and value == value.to_integral_value():
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else None
