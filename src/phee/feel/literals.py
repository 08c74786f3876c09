"""Temporal values from text: the strings of ``date()``, ``time()``, ``@"..."`` and so on."""

from __future__ import annotations

import re
from datetime import UTC, time, tzinfo
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from phee.feel.durations import parse_duration
from phee.feel.errors import EvaluationProblem
from phee.feel.temporal import (
    AnyDate,
    AnyDateTime,
    AnyTime,
    fixed_zone,
    make_date,
    make_datetime,
    make_time,
)

LITERAL_KEYWORDS: Final[dict[str, Any]] = {"true": True, "false": False, "null": None}

_DATE: Final = re.compile(r"(-?)([1-9]\d{4,8}|\d{4})-(\d\d)-(\d\d)", re.ASCII)
_TIME: Final = re.compile(
    r"(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d)(?::(\d\d))?|@([\w/+-]+))?",
    re.ASCII,
)
_OFFSET_SECONDS_MAX: Final = 18 * 3600


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def named_zone(name: str) -> tzinfo | None:
    """The zone of a name such as ``Europe/Paris``, an offset or ``Z``; None when unknown."""
    if name in ("Z", "z"):
        return UTC
    if name in _zone_names():
        return ZoneInfo(name)
    match = re.fullmatch(r"([+-])(\d\d):(\d\d)", name, re.ASCII)
    return _offset_zone(match[1], match[2], match[3], None) if match else None


def _offset_zone(sign: str, hours: str, minutes: str, seconds: str | None) -> tzinfo | None:
    total = int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0)
    if total > _OFFSET_SECONDS_MAX or int(minutes) > 59 or int(seconds or 0) > 59:
        return None
    return fixed_zone(-total if sign == "-" else total)


def parse_date(text: str) -> AnyDate | None:
    """``2017-01-31``, also with years beyond four digits; None when it is none."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year = int(match[2])
    if match[1] and year == 0:
        return None
    try:
        return make_date(-year if match[1] else year, int(match[3]), int(match[4]))
    except ValueError:
        return None


def parse_time(text: str) -> AnyTime | None:
    """``10:20:30.5`` with nothing, ``Z``, an offset or ``@zone`` behind; None when it is none."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    hour, minute, second, fraction, utc, sign, hours, minutes, seconds, name = match.groups()
    zone: tzinfo | None = None
    if utc:
        zone = UTC
    elif sign:
        zone = _offset_zone(sign, hours, minutes, seconds)
    elif name:
        zone = ZoneInfo(name) if name in _zone_names() else None
    if zone is None and (sign or name):
        return None
    nanos = int((fraction or "")[:9].ljust(9, "0"))
    try:
        return make_time(int(hour), int(minute), int(second), nanos, zone)
    except ValueError:
        return None


def parse_datetime(text: str) -> AnyDateTime | None:
    """A date, ``T`` and a time; a date alone is its midnight; None when it is none."""
    day_text, separator, time_part = text.partition("T")
    day = parse_date(day_text)
    if day is None:
        return None
    if not separator:
        return make_datetime(day, time())
    clock = parse_time(time_part)
    return None if clock is None else make_datetime(day, clock)


def at_literal(text: str) -> Any:
    """The value of ``@"text"``.

    Raises:
        EvaluationProblem: it is no date, time, date and time or duration.
    """
    for read in (parse_date, parse_time, parse_datetime, parse_duration):
        value = read(text)
        if value is not None:
            return value
    raise EvaluationProblem(f"'{text[:40]}' is no date, time, date and time or duration")
