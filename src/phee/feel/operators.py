"""What ``+ - * / **`` and the comparisons mean for each pair of kinds."""

from __future__ import annotations

import operator as python
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from phee.feel import numbers
from phee.feel.durations import NANOS_PER_DAY, DaysTimeDuration, YearsMonthsDuration
from phee.feel.errors import EvaluationProblem, LimitExceeded
from phee.feel.limits import STRING_CHARACTERS_MAX
from phee.feel.runtime import Run
from phee.feel.sizes import steps_of
from phee.feel.temporal import (
    add_months,
    date_from_epoch_day,
    date_of,
    datetime_from_instant,
    datetime_from_local,
    epoch_day,
    instant_nanos,
    local_nanos,
    make_datetime,
    midnight,
    nano_of_day,
    offset_seconds,
    time_from_nanos,
    time_of,
)
from phee.feel.text import shown
from phee.feel.values import equal, kind_of, order

Operation = Callable[[Any, Any], Any]

_NUMBER, _STRING, _DATE, _TIME = "number", "string", "date", "time"
_MOMENT, _MONTHS, _NANOS = "date and time", "years and months duration", "days and time duration"


def arithmetic(operator: str, left: Any, right: Any) -> Any:
    """The value of ``left operator right``.

    Raises:
        EvaluationProblem: the operator is not defined for these kinds, or has no result.
    """
    operation = _OPERATIONS.get((operator, kind_of(left), kind_of(right)))
    if operation is None:
        verb = _VERBS[operator].format(shown(left), shown(right))
        raise EvaluationProblem(f"Can't {verb}", "INVALID_TYPE")
    try:
        return operation(left, right)
    except (ValueError, OverflowError) as problem:
        raise EvaluationProblem(f"The result is out of range: {problem}") from None


_VERBS: Final = {
    "+": "add '{1}' to '{0}'",
    "-": "subtract '{1}' from '{0}'",
    "*": "multiply '{0}' by '{1}'",
    "/": "divide '{0}' by '{1}'",
    "**": "raise '{0}' to the power of '{1}'",
}


def negative(value: Any) -> Any:
    """``-value`` for numbers and durations.

    Raises:
        EvaluationProblem: the value has no opposite.
    """
    kind = kind_of(value)
    if kind == _NUMBER:
        return numbers.negate(value)
    if kind == _MONTHS:
        return YearsMonthsDuration(-value.total_months)
    if kind == _NANOS:
        return DaysTimeDuration(-value.total_nanoseconds)
    raise EvaluationProblem(f"Expected number but found '{shown(value)}'")


def compare(operator: str, left: Any, right: Any, run: Run) -> bool | None:
    """The value of a comparison; null, with a warning, where there is no answer."""
    if type(left) is type(right) and type(left) in _PLAIN:
        run.charge(steps_of(left))
        return _PLAIN_TESTS[operator](left, right)
    if operator in ("=", "!="):
        same = equal(left, right, run)
        if same is None:
            _warn_not_comparable(left, right, run)
            return None
        return same if operator == "=" else not same
    sign = order(left, right)
    if sign is None:
        _warn_not_comparable(left, right, run)
        return None
    return _SIGN_TESTS[operator](sign)


def _warn_not_comparable(left: Any, right: Any, run: Run) -> None:
    run.warn("NOT_COMPARABLE", f"Can't compare '{shown(left)}' with '{shown(right)}'")


_PLAIN: Final = frozenset({int, str})
_PLAIN_TESTS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": python.eq,
    "!=": python.ne,
    "<": python.lt,
    "<=": python.le,
    ">": python.gt,
    ">=": python.ge,
}
_SIGN_TESTS: Final[dict[str, Callable[[int], bool]]] = {
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}


def between(value: Any, low: Any, high: Any, run: Run) -> bool | None:
    """``low <= value and value <= high`` with three truth values."""
    above = compare(">=", value, low, run)
    if above is False:
        return False
    if above is None:
        run.warn_no_boolean("null")
    below = compare("<=", value, high, run)
    if below is None and above:
        run.warn_no_boolean("null")
    return below if above or below is False else None


def _join(left: str, right: str) -> str:
    if len(left) + len(right) > STRING_CHARACTERS_MAX:
        raise LimitExceeded(f"A string is longer than {STRING_CHARACTERS_MAX} characters")
    return left + right


def _months(count: Any) -> YearsMonthsDuration:
    return YearsMonthsDuration(int(count))


def _nanos(count: Any) -> DaysTimeDuration:
    return DaysTimeDuration(int(count))


def _shift_moment(moment: Any, nanos: int) -> Any:
    """A moment later; where there is a zone, along the time line and not the clock."""
    if moment.tzinfo is None:
        return datetime_from_local(local_nanos(moment) + nanos, None)
    return datetime_from_instant(instant_nanos(moment) + nanos, moment.tzinfo)


def _shift_date(day: Any, nanos: int) -> Any:
    return date_from_epoch_day((epoch_day(day) * NANOS_PER_DAY + nanos) // NANOS_PER_DAY)


def _shift_time(clock: Any, nanos: int) -> Any:
    return time_from_nanos(nano_of_day(clock) + nanos, clock.tzinfo)


def _shift_months(moment: Any, months: int) -> Any:
    return make_datetime(add_months(date_of(moment), months), time_of(moment))


def _moment_difference(left: Any, right: Any) -> DaysTimeDuration:
    if (left.tzinfo is None) != (right.tzinfo is None):
        raise EvaluationProblem("Can't subtract a date and time with zone from one without")
    return DaysTimeDuration(instant_nanos(left) - instant_nanos(right))


def _time_difference(left: Any, right: Any) -> DaysTimeDuration:
    if (left.tzinfo is None) != (right.tzinfo is None):
        raise EvaluationProblem("Can't subtract a time with zone from one without")
    offsets = ((offset_seconds(right) or 0) - (offset_seconds(left) or 0)) * 1_000_000_000
    return DaysTimeDuration(nano_of_day(left) - nano_of_day(right) + offsets)


def _ratio(left: int, right: int) -> Any:
    return numbers.divide(left, right)


def _scaled(amount: int, factor: Any) -> int:
    return int(numbers.multiply(Decimal(amount), factor))


def _shared(amount: int, divisor: Any) -> int:
    return int(numbers.divide(Decimal(amount), divisor))


_OPERATIONS: Final[dict[tuple[str, str, str], Operation]] = {
    ("+", _NUMBER, _NUMBER): numbers.add,
    ("-", _NUMBER, _NUMBER): numbers.subtract,
    ("*", _NUMBER, _NUMBER): numbers.multiply,
    ("/", _NUMBER, _NUMBER): numbers.divide,
    ("**", _NUMBER, _NUMBER): numbers.power,
    ("+", _STRING, _STRING): _join,
    ("+", _MONTHS, _MONTHS): lambda a, b: _months(a.total_months + b.total_months),
    ("-", _MONTHS, _MONTHS): lambda a, b: _months(a.total_months - b.total_months),
    ("+", _NANOS, _NANOS): lambda a, b: _nanos(a.total_nanoseconds + b.total_nanoseconds),
    ("-", _NANOS, _NANOS): lambda a, b: _nanos(a.total_nanoseconds - b.total_nanoseconds),
    ("*", _MONTHS, _NUMBER): lambda a, b: _months(_scaled(a.total_months, b)),
    ("*", _NUMBER, _MONTHS): lambda a, b: _months(_scaled(b.total_months, a)),
    ("/", _MONTHS, _NUMBER): lambda a, b: _months(_shared(a.total_months, b)),
    ("/", _MONTHS, _MONTHS): lambda a, b: _ratio(a.total_months, b.total_months),
    ("*", _NANOS, _NUMBER): lambda a, b: _nanos(_scaled(a.total_nanoseconds, b)),
    ("*", _NUMBER, _NANOS): lambda a, b: _nanos(_scaled(b.total_nanoseconds, a)),
    ("/", _NANOS, _NUMBER): lambda a, b: _nanos(_shared(a.total_nanoseconds, b)),
    ("/", _NANOS, _NANOS): lambda a, b: _ratio(a.total_nanoseconds, b.total_nanoseconds),
    ("-", _DATE, _DATE): lambda a, b: _nanos((epoch_day(a) - epoch_day(b)) * NANOS_PER_DAY),
    ("-", _MOMENT, _MOMENT): _moment_difference,
    ("-", _MOMENT, _DATE): lambda a, b: _moment_difference(a, midnight(b)),
    ("-", _DATE, _MOMENT): lambda a, b: _moment_difference(midnight(a), b),
    ("-", _TIME, _TIME): _time_difference,
    ("+", _DATE, _MONTHS): lambda a, b: add_months(a, b.total_months),
    ("+", _MONTHS, _DATE): lambda a, b: add_months(b, a.total_months),
    ("-", _DATE, _MONTHS): lambda a, b: add_months(a, -b.total_months),
    ("+", _DATE, _NANOS): lambda a, b: _shift_date(a, b.total_nanoseconds),
    ("+", _NANOS, _DATE): lambda a, b: _shift_date(b, a.total_nanoseconds),
    ("-", _DATE, _NANOS): lambda a, b: _shift_date(a, -b.total_nanoseconds),
    ("+", _MOMENT, _MONTHS): lambda a, b: _shift_months(a, b.total_months),
    ("+", _MONTHS, _MOMENT): lambda a, b: _shift_months(b, a.total_months),
    ("-", _MOMENT, _MONTHS): lambda a, b: _shift_months(a, -b.total_months),
    ("+", _MOMENT, _NANOS): lambda a, b: _shift_moment(a, b.total_nanoseconds),
    ("+", _NANOS, _MOMENT): lambda a, b: _shift_moment(b, a.total_nanoseconds),
    ("-", _MOMENT, _NANOS): lambda a, b: _shift_moment(a, -b.total_nanoseconds),
    ("+", _TIME, _NANOS): lambda a, b: _shift_time(a, b.total_nanoseconds),
    ("+", _NANOS, _TIME): lambda a, b: _shift_time(b, a.total_nanoseconds),
    ("-", _TIME, _NANOS): lambda a, b: _shift_time(a, -b.total_nanoseconds),
}
