"""FEEL values as plain JSON values, as Zeebe stores them in variables."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from phee.feel.text import to_text
from phee.feel.values import FunctionValue, Range


def to_json_value(value: Any) -> Any:
    """The JSON form: whole numbers int, others float, temporal values ISO text.

    Functions become null, ranges their text. Lists and contexts are copied only when needed.
    """
    kind = type(value)
    if kind in (str, int, bool, type(None)):
        return value
    if kind is Decimal:
        return int(value) if value == value.to_integral_value() else float(value)
    if kind is list:
        return [to_json_value(element) for element in value]
    if kind is dict:
        return {key: to_json_value(entry) for key, entry in value.items()}
    if isinstance(value, FunctionValue):
        return None
    return to_text(value) if isinstance(value, Range) or kind is not float else value
