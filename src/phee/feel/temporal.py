"""Dates, times, dates and times: Python's types, and wide ones for what those cannot hold.

``datetime.date``, ``time`` and ``datetime`` serve the years 1 to 9999 with microseconds. A value
outside (year 12000, year -44, nanoseconds) becomes a ``WideDate``, ``WideTime`` or
``WideDateTime`` with the same attribute names. ``make_*`` chooses; all calculation goes through
day numbers and nanoseconds, which know no such bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from phee.feel.durations import NANOS_PER_DAY, NANOS_PER_SECOND

YEAR_MAX: Final = 999_999_999
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_DAYS_PER_ERA: Final = 146_097  # 400 years


@dataclass(frozen=True, slots=True)
class WideDate:
    """A date outside the years 1 to 9999."""

    year: int
    month: int
    day: int


@dataclass(frozen=True, slots=True)
class WideTime:
    """A time of day with nanoseconds."""

    hour: int
    minute: int
    second: int
    nanosecond: int
    tzinfo: tzinfo | None


@dataclass(frozen=True, slots=True)
class WideDateTime:
    """A date and time outside the years 1 to 9999, or with nanoseconds."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    nanosecond: int
    tzinfo: tzinfo | None


AnyDate = date | WideDate
AnyTime = time | WideTime
AnyDateTime = datetime | WideDateTime


def make_date(year: int, month: int, day: int) -> AnyDate:
    """A date.

    Raises:
        ValueError: there is no such day.
    """
    if 1 <= year <= 9999:
        return date(year, month, day)
    if abs(year) > YEAR_MAX or not 1 <= month <= 12 or not 1 <= day <= days_in_month(year, month):
        raise ValueError("no such date")
    return WideDate(year, month, day)


def make_time(hour: int, minute: int, second: int, nanosecond: int, zone: tzinfo | None) -> AnyTime:
    """A time of day.

    Raises:
        ValueError: there is no such time.
    """
    microsecond, rest = divmod(nanosecond, 1_000)
    exact = time(hour, minute, second, microsecond, zone)
    return exact if rest == 0 else WideTime(hour, minute, second, nanosecond, zone)


def make_datetime(day: AnyDate, clock: AnyTime) -> AnyDateTime:
    """A date and time; the zone is the time's."""
    if type(day) is date and type(clock) is time:
        return datetime.combine(day, clock)
    nanosecond = nanosecond_of(clock)
    return WideDateTime(
        day.year, day.month, day.day, clock.hour, clock.minute, clock.second, nanosecond,
        clock.tzinfo,
    )  # fmt: skip


def midnight(day: Any) -> AnyDateTime:
    """The UTC midnight a date means where a date and time is asked for."""
    return make_datetime(day, time(tzinfo=UTC))


def date_of(moment: Any) -> AnyDate:
    """The date part of a date and time."""
    return make_date(moment.year, moment.month, moment.day)


def time_of(moment: Any) -> AnyTime:
    """The time part, with zone, of a date and time."""
    nanosecond = nanosecond_of(moment)
    return make_time(moment.hour, moment.minute, moment.second, nanosecond, moment.tzinfo)


def nanosecond_of(value: Any) -> int:
    """Nanoseconds within the second."""
    if isinstance(value, (WideTime, WideDateTime)):
        return value.nanosecond
    return int(value.microsecond) * 1_000


def is_leap(year: int) -> bool:
    """Whether the proleptic Gregorian year has 366 days."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_in_month(year: int, month: int) -> int:
    """Length of a month."""
    if month == 2:
        return 29 if is_leap(year) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def epoch_day(value: Any) -> int:
    """Days since 1970-01-01 of a date or date and time, as written on its clock."""
    eras, year = divmod(int(value.year) - 2000, 400)
    ordinal = date(year + 2000, value.month, value.day).toordinal()
    return ordinal - _EPOCH_ORDINAL + eras * _DAYS_PER_ERA


def date_from_epoch_day(days: int) -> AnyDate:
    """The date a number of days after 1970-01-01.

    Raises:
        ValueError: beyond the years FEEL knows.
    """
    base = date(2000, 1, 1).toordinal() - _EPOCH_ORDINAL
    eras, rest = divmod(days - base, _DAYS_PER_ERA)
    within = date.fromordinal(rest + base + _EPOCH_ORDINAL)
    return make_date(within.year + eras * 400, within.month, within.day)


def nano_of_day(value: Any) -> int:
    """Nanoseconds since midnight on the value's clock."""
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return int(seconds) * NANOS_PER_SECOND + nanosecond_of(value)


def time_from_nanos(nanos: int, zone: tzinfo | None) -> AnyTime:
    """The time of day so many nanoseconds after midnight."""
    seconds, nanosecond = divmod(nanos % NANOS_PER_DAY, NANOS_PER_SECOND)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return make_time(hour, minute, second, nanosecond, zone)


def offset_seconds(value: Any) -> int | None:
    """Seconds east of UTC of a time or date and time; None when it has no zone.

    A time of day in a named zone takes the zone's standard offset of the year 2000.
    """
    zone = value.tzinfo
    if zone is None:
        return None
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, WideDateTime):
        moment = datetime(
            _equivalent_year(value.year), value.month, value.day,
            value.hour, value.minute, value.second, tzinfo=zone,
        )  # fmt: skip
    else:
        moment = datetime(2000, 1, 1, value.hour, value.minute, value.second, tzinfo=zone)
    offset = moment.utcoffset()
    return None if offset is None else int(offset.total_seconds())


def _equivalent_year(year: int) -> int:
    """A year Python knows, with the same calendar, for the rules of a zone."""
    if 1 <= year <= 9999:
        return year
    return 2400 + year % 400 if year > 9999 else 400 + year % 400


def local_nanos(moment: Any) -> int:
    """Nanoseconds since 1970-01-01T00:00 on the value's own clock."""
    return epoch_day(moment) * NANOS_PER_DAY + nano_of_day(moment)


def instant_nanos(moment: Any) -> int:
    """Nanoseconds since the epoch; a value without zone counts as UTC."""
    return local_nanos(moment) - (offset_seconds(moment) or 0) * NANOS_PER_SECOND


def datetime_from_local(nanos: int, zone: tzinfo | None) -> AnyDateTime:
    """The date and time whose own clock shows this many nanoseconds after 1970-01-01."""
    days, within = divmod(nanos, NANOS_PER_DAY)
    return make_datetime(date_from_epoch_day(days), time_from_nanos(within, zone))


def datetime_from_instant(nanos: int, zone: tzinfo) -> AnyDateTime:
    """The date and time that a clock in the zone shows at an instant."""
    guess = datetime_from_local(nanos, UTC)
    if isinstance(guess, datetime):
        try:
            return guess.astimezone(zone)
        except OverflowError:
            pass
    year = _equivalent_year(guess.year)
    known = datetime(year, guess.month, guess.day, guess.hour, guess.minute, tzinfo=UTC)
    offset = known.astimezone(zone).utcoffset() or timedelta()
    return datetime_from_local(nanos + int(offset.total_seconds()) * NANOS_PER_SECOND, zone)


def add_months(value: Any, months: int) -> AnyDate:
    """The same day so many months later, or the last day of a shorter month.

    Raises:
        ValueError: beyond the years FEEL knows.
    """
    years, month = divmod(value.month - 1 + months, 12)
    year = value.year + years
    if abs(year) > YEAR_MAX:
        raise ValueError("year out of range")
    return make_date(year, month + 1, min(value.day, days_in_month(year, month + 1)))


def months_between(start: Any, end: Any) -> int:
    """Full months from one date (or date and time) to another, towards zero."""
    months = (end.year - start.year) * 12 + end.month - start.month
    start_rest = (start.day, _clock_nanos(start))
    end_rest = (end.day, _clock_nanos(end))
    if months > 0 and end_rest < start_rest:
        months -= 1
    elif months < 0 and end_rest > start_rest:
        months += 1
    return int(months)


def _clock_nanos(value: Any) -> int:
    return nano_of_day(value) if hasattr(value, "hour") else 0


def fixed_zone(seconds: int) -> tzinfo:
    """A zone with a fixed offset; zero is UTC.

    Raises:
        ValueError: a day or more.
    """
    return UTC if seconds == 0 else timezone(timedelta(seconds=seconds))


def zone_name(zone: tzinfo | None) -> str | None:
    """The name of a named zone; None for fixed offsets."""
    return str(zone.key) if isinstance(zone, ZoneInfo) else None
