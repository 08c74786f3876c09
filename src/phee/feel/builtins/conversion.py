"""Conversion functions: to numbers, strings, temporal values, ranges, JSON."""

from __future__ import annotations

import json
import re
from datetime import UTC, time
from decimal import Decimal
from typing import Any, Final, TypeVar

from phee.feel.builtins.registry import builtin
from phee.feel.durations import DaysTimeDuration, Duration, YearsMonthsDuration, parse_duration
from phee.feel.errors import EvaluationProblem
from phee.feel.json_form import to_json_value
from phee.feel.literals import named_zone, parse_date, parse_datetime, parse_time
from phee.feel.numbers import Number, parse_number
from phee.feel.runtime import Run
from phee.feel.sizes import check_size
from phee.feel.temporal import (
    date_of,
    datetime_from_instant,
    fixed_zone,
    instant_nanos,
    make_date,
    make_datetime,
    make_time,
    midnight,
    months_between,
    nanosecond_of,
    offset_seconds,
    time_of,
)
from phee.feel.text import excerpt, to_text
from phee.feel.values import equal, from_python, kind_of

_NUMBER: Final = re.compile(r"-?(\d+(\.\d+)?|\.\d+)", re.ASCII)


_T = TypeVar("_T")


def _required(value: _T | None, text: str, wanted: str) -> _T:
    if value is None:
        raise _unreadable(text, wanted)
    return value


def _unreadable(text: str, wanted: str) -> EvaluationProblem:
    return EvaluationProblem(
        f"Failed to parse {wanted} from '{excerpt(text)}'", "FUNCTION_INVOCATION_FAILURE"
    )


def _made(make: Any, *parts: Any) -> Any:
    try:
        return make(*parts)
    except (ValueError, OverflowError) as problem:
        raise EvaluationProblem(str(problem), "FUNCTION_INVOCATION_FAILURE") from None


@builtin("string(from: any)")
def string(value: Any) -> str | None:
    """The text of any value; null stays null."""
    return None if value is None else to_text(value)


@builtin("number(from: number)")
def number_of_number(value: Number) -> Number:
    """A number is itself."""
    return value


@builtin("number(from: string)")
def number_of_string(text: str) -> Number:
    """The number a text spells with a point for its fraction."""
    if _NUMBER.fullmatch(text) is None or len(text) > 4_000:
        raise _unreadable(text, "number")
    return parse_number(text)


@builtin(
    "number(from: string, grouping separator: string or null, decimal separator: string or null)",
    "number(from: string, grouping separator: string or null)",
)
def number(
    text: str, grouping_separator: str | None, decimal_separator: str | None = None
) -> Number:
    """The number a text spells with the given separators."""
    allowed = grouping_separator in (None, " ", ",", ".") and decimal_separator in (None, ".", ",")
    same = grouping_separator is not None and grouping_separator == decimal_separator
    if not allowed or same:
        raise EvaluationProblem("invalid separators", "FUNCTION_INVOCATION_FAILURE")
    if decimal_separator == "," and "." in text and grouping_separator != ".":
        raise _unreadable(text, "number")
    if grouping_separator:
        text = text.replace(grouping_separator, "")
    plain: Number = number_of_string(text.replace(decimal_separator or ".", "."))
    return plain


@builtin("date(from: string)")
def date_of_string(text: str) -> Any:
    """The date a text spells."""
    return _required(parse_date(text), text, "date")


@builtin("date(from: day)")
def date_of_day(value: Any) -> Any:
    """The date of a date and time."""
    return date_of(value)


@builtin("date(year: integer, month: integer, day: integer)")
def date(year: int, month: int, day: int) -> Any:
    """The date of its parts."""
    return _made(make_date, year, month, day)


@builtin("time(from: string)")
def time_of_string(text: str) -> Any:
    """The time a text spells."""
    return _required(parse_time(text), text, "time")


@builtin("time(from: clock)")
def time_of_clock(value: Any) -> Any:
    """The time of a date and time."""
    return time_of(value)


@builtin("time(from: date)")
def time_of_date(_value: Any) -> Any:
    """The UTC midnight with which a date begins."""
    return time(tzinfo=UTC)


@builtin(
    "time(hour: integer, minute: integer, second: number, offset: days and time duration or null?)"
)
def time_of_parts(
    hour: int, minute: int, second: Number, offset: DaysTimeDuration | None = None
) -> Any:
    """The time of its parts, the second maybe with a fraction."""
    nanos = int(Decimal(second) * 1_000_000_000)
    whole, nanosecond = divmod(nanos, 1_000_000_000)
    zone = None
    if offset is not None:
        seconds = offset.total_nanoseconds // 1_000_000_000
        if abs(seconds) > 18 * 3600:
            raise EvaluationProblem("offset out of range", "FUNCTION_INVOCATION_FAILURE")
        zone = fixed_zone(seconds)
    return _made(make_time, hour, minute, whole, nanosecond, zone)


@builtin("date and time(from: string)")
def moment_of_string(text: str) -> Any:
    """The date and time a text spells; of a date its midnight."""
    return _required(parse_datetime(text), text, "date and time")


@builtin("date and time(from: date and time)")
def moment_of_moment(value: Any) -> Any:
    """A date and time is itself."""
    return value


@builtin("date and time(from: date)")
def moment_of_date(value: Any) -> Any:
    """The UTC midnight of a date."""
    return midnight(value)


@builtin("date and time(date: day, time: time)")
def moment(day: Any, clock: Any) -> Any:
    """A date and a time together."""
    return make_datetime(date_of(day), clock)


@builtin("date and time(date: date and time, timezone: string)")
def moment_in_zone(value: Any, zone_text: str) -> Any:
    """The same instant as a clock in the zone shows it (Zeebe)."""
    zone = _required(named_zone(zone_text), zone_text, "time zone")
    if value.tzinfo is None:
        return make_datetime(date_of(value), time_of(value.replace(tzinfo=zone)))
    return _made(datetime_from_instant, instant_nanos(value), zone)


@builtin("duration(from: string)")
def duration_of_string(text: str) -> Duration:
    """The duration a text spells."""
    value: Duration | None = parse_duration(text)
    if value is None:
        raise _unreadable(text, "duration")
    return value


@builtin("duration(from: duration)")
def duration(value: Duration) -> Duration:
    """A duration is itself."""
    return value


@builtin("years and months duration(from: day, to: day)")
def years_and_months_duration(start: Any, end: Any) -> YearsMonthsDuration:
    """Full months between two dates."""
    return YearsMonthsDuration(months_between(start, end))


@builtin("from json(value: string)", run=True)
def from_json(run: Run, text: str) -> Any:
    """The value of a JSON text (Zeebe)."""
    run.charge(len(text) // 16)
    try:
        return from_python(json.loads(text, parse_float=parse_number))
    except ValueError:
        raise _unreadable(text, "JSON") from None


@builtin("to json(value: any)", run=True)
def to_json(run: Run, value: Any) -> str:
    """A value as JSON text without spaces (Zeebe)."""
    check_size(value)
    text = json.dumps(to_json_value(value), ensure_ascii=False, separators=(",", ":"))
    run.charge(len(text) // 16)
    return text


@builtin("cycle(interval: duration)")
def cycle(interval: Duration) -> str:
    """An endless repetition, for timers (Zeebe)."""
    return f"R/{interval}"


@builtin("cycle(repetitions: integer or null, interval: duration)")
def cycle_times(repetitions: int | None, interval: Duration) -> str:
    """So many repetitions, or endless ones for null, for timers (Zeebe)."""
    return f"R{'' if repetitions is None else repetitions}/{interval}"


def same_value(left: Any, right: Any, run: Run) -> bool:
    """Whether two values are the same in kind and form: what ``is`` asks."""
    kind = kind_of(left)
    if kind != kind_of(right):
        return False
    if kind in ("time", "date and time"):
        return to_text(_numeric_zone(left)) == to_text(_numeric_zone(right))
    return equal(left, right, run) is True


def _numeric_zone(value: Any) -> Any:
    """The value with its zone as an offset, in which form ``Z`` and ``+00:00`` agree."""
    seconds = offset_seconds(value)
    if seconds is None:
        return value
    clock = time_of(value)
    nanosecond = nanosecond_of(clock)
    fixed = make_time(clock.hour, clock.minute, clock.second, nanosecond, fixed_zone(seconds))
    return fixed if kind_of(value) == "time" else make_datetime(date_of(value), fixed)


@builtin("is(value1: any, value2: any)", run=True)
def is_(run: Run, value1: Any, value2: Any) -> bool:
    """Whether both are the same element of the semantic domain."""
    return same_value(value1, value2, run)
