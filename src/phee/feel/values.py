"""What an expression can be worth, and when two values are equal or ordered.

Numbers are int or Decimal, contexts are dict, lists are list; the temporal values are Python's
(or their wide kin), durations, ranges and functions our own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from phee.feel.durations import DaysTimeDuration, YearsMonthsDuration
from phee.feel.numbers import fitted_int
from phee.feel.temporal import (
    WideDate,
    WideDateTime,
    WideTime,
    epoch_day,
    instant_nanos,
    local_nanos,
    nano_of_day,
    offset_seconds,
)

if TYPE_CHECKING:
    from phee.feel.runtime import Run
    from phee.feel.types import Type


@dataclass(frozen=True, slots=True)
class Range:
    """All values between two endpoints; a missing endpoint (None) is unbounded."""

    start: Any
    end: Any
    start_included: bool
    end_included: bool


class FunctionValue:
    """Something that can be called.

    Attributes:
        name: for messages.
        parameters: names and types, in order.
    """

    __slots__ = ("name", "parameters")

    def __init__(self, name: str, parameters: tuple[tuple[str, Type], ...]) -> None:
        self.name = name
        self.parameters = parameters

    def invoke(self, run: Run, arguments: list[Any], named: Mapping[str, Any] | None) -> Any:
        """The result for positional arguments, or for named ones when given.

        Raises:
            EvaluationProblem: the arguments do not fit or the function cannot answer.
        """
        raise NotImplementedError


_KINDS: Final[dict[type, str]] = {
    int: "number",
    Decimal: "number",
    str: "string",
    bool: "boolean",
    type(None): "null",
    list: "list",
    dict: "context",
    date: "date",
    WideDate: "date",
    time: "time",
    WideTime: "time",
    datetime: "date and time",
    WideDateTime: "date and time",
    YearsMonthsDuration: "years and months duration",
    DaysTimeDuration: "days and time duration",
    Range: "range",
}


def kind_of(value: Any) -> str:
    """The name of the value's type, ``null`` for None."""
    kind = _KINDS.get(type(value))
    if kind is not None:
        return kind
    return "function" if isinstance(value, FunctionValue) else "unknown"


def from_python(value: Any) -> Any:
    """A value of a context as a FEEL value: floats become exact decimals, also inside.

    Numbers have 34 digits at most; those that are none (NaN, infinite, too large) become null.

    The same object comes back when nothing in it has to change.
    """
    kind = type(value)
    if kind in _KINDS:
        if kind is list:
            return _list_from_python(value)
        if kind is dict:
            return _dict_from_python(value)
        if kind is int:
            return fitted_int(value)
        return value if kind is not Decimal or value.is_finite() else None
    return _other_from_python(value)


def _list_from_python(values: list[Any]) -> list[Any]:
    converted = [from_python(value) for value in values]
    changed = any(new is not old for new, old in zip(converted, values, strict=True))
    return converted if changed else values


def _dict_from_python(entries: dict[Any, Any]) -> dict[Any, Any]:
    converted = {key: from_python(value) for key, value in entries.items()}
    changed = any(converted[key] is not value for key, value in entries.items())
    return converted if changed else entries


def _other_from_python(value: Any) -> Any:
    if isinstance(value, (str, int)):
        return str(value) if isinstance(value, str) else fitted_int(int(value))
    if isinstance(value, float):
        exact = Decimal(repr(float(value)))
        return exact if exact.is_finite() else None
    if isinstance(value, Decimal):
        return from_python(Decimal(value))
    if isinstance(value, timedelta):
        microseconds = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
        return DaysTimeDuration(microseconds * 1_000)
    if isinstance(value, Mapping):
        return {str(key): from_python(entry) for key, entry in value.items()}
    if isinstance(value, (tuple, set, frozenset)):
        return [from_python(element) for element in value]
    return value


def equal(left: Any, right: Any, run: Run) -> bool | None:
    """Equality of the specification: null is equal to null only, other kinds never mix.

    Returns:
        None when the two are of different kinds (or times with and without zone).
    """
    if left is None or right is None:
        return left is right
    kind = kind_of(left)
    if kind != kind_of(right):
        return None
    test: _Equality = _EQUALITY.get(kind, _same)
    return test(left, right, run)


def _same(left: Any, right: Any, _run: Run) -> bool:
    return bool(left == right)


def _equal_lists(left: list[Any], right: list[Any], run: Run) -> bool:
    run.charge(len(left) + 1)
    if len(left) != len(right):
        return False
    return all(equal(a, b, run) is True for a, b in zip(left, right, strict=True))


def _equal_contexts(left: dict[str, Any], right: dict[str, Any], run: Run) -> bool:
    run.charge(len(left) + 1)
    if left.keys() != right.keys():
        return False
    return all(equal(value, right[key], run) is True for key, value in left.items())


def _equal_ranges(left: Range, right: Range, run: Run) -> bool:
    return (
        (left.start_included, left.end_included) == (right.start_included, right.end_included)
        and equal(left.start, right.start, run) is True
        and equal(left.end, right.end, run) is True
    )


def _equal_moments(left: Any, right: Any, _run: Run) -> bool:
    if (left.tzinfo is None) != (right.tzinfo is None):
        return False
    return instant_nanos(left) == instant_nanos(right)


def _equal_times(left: Any, right: Any, _run: Run) -> bool:
    if (left.tzinfo is None) != (right.tzinfo is None):
        return False
    return _time_value(left) == _time_value(right)


def _time_value(value: Any) -> int:
    return nano_of_day(value) - (offset_seconds(value) or 0) * 1_000_000_000


_Equality = Callable[[Any, Any, Any], bool]
_EQUALITY: Final[dict[str, _Equality]] = {
    "list": _equal_lists,
    "context": _equal_contexts,
    "range": _equal_ranges,
    "date and time": _equal_moments,
    "time": _equal_times,
}

ORDERED: Final = frozenset(
    {
        "number",
        "string",
        "date",
        "time",
        "date and time",
        "days and time duration",
        "years and months duration",
    }
)
"""Kinds whose values have an order."""


def order(left: Any, right: Any) -> int | None:
    """-1, 0 or 1; None when the two cannot be ordered.

    Where only one of two times has a zone, the other counts as of the same zone.
    """
    kind = kind_of(left)
    if kind not in ORDERED or kind != kind_of(right):
        return None
    key = _ORDER_KEYS.get(kind)
    if kind in ("time", "date and time") and (left.tzinfo is None) != (right.tzinfo is None):
        key = _CLOCK_KEYS[kind]
    first, second = (key(left), key(right)) if key else (left, right)
    return (first > second) - (first < second)


_CLOCK_KEYS: Final[dict[str, Callable[[Any], int]]] = {
    "time": nano_of_day,
    "date and time": local_nanos,
}
_ORDER_KEYS: Final[dict[str, Callable[[Any], int]]] = {
    "date": epoch_day,
    "time": _time_value,
    "date and time": lambda moment: (
        local_nanos(moment) if moment.tzinfo is None else instant_nanos(moment)
    ),
}
