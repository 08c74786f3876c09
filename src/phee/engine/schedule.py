"""When timers are due: ISO 8601 dates, durations and cycles, as text (pure).

Durations with years or months follow the calendar in UTC; everything else is exact. All times are
in ms since 1970.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

_NUMBER = r"([+-]?\d{1,9})"
_DURATION = re.compile(
    rf"([+-])?P(?=[\d+-]|T)(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?:T(?=[\d+-])(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:([+-]?\d{{1,9}}(?:[.,]\d{{1,9}})?)S)?)?",
    re.ASCII,
)
_CYCLE = re.compile(r"R(\d{0,9})/(?:([^/]+)/)?([^/]+)", re.ASCII)
_ZONE_NAME = re.compile(r"\[[\w/+-]+\]$", re.ASCII)

INFINITE = -1
TIME_MAX_MS = 253_402_300_799_999
"""The last millisecond of the year 9999: no due date is later."""


class BadSchedule(ValueError):
    """A text that is no date, duration or cycle."""


@dataclass(frozen=True, slots=True)
class Duration:
    """A span of calendar months and exact milliseconds."""

    months: int
    ms: int

    def after(self, moment_ms: int) -> int:
        """Return the moment this span after ``moment_ms``."""
        if self.months:
            moment_ms = _add_months(moment_ms, self.months)
        return max(0, min(moment_ms + self.ms, TIME_MAX_MS))


@dataclass(frozen=True, slots=True)
class Cycle:
    """A repeated span: ``repetitions`` times (:data:`INFINITE`: for ever), maybe from a start."""

    repetitions: int
    start_ms: int | None
    interval: Duration


def _add_months(moment_ms: int, months: int) -> int:
    moment = datetime.fromtimestamp(moment_ms // 1000, UTC)
    index = moment.year * 12 + moment.month - 1 + months
    year, month = max(1, min(index // 12, 9999)), index % 12 + 1
    day = min(moment.day, monthrange(year, month)[1])
    moved = moment.replace(year=year, month=month, day=day)
    return int(moved.timestamp()) * 1000 + moment_ms % 1000


@lru_cache(maxsize=4096)
def parse_duration(text: str) -> Duration:
    """Read an ISO 8601 duration, such as ``PT60S`` or ``P1DT2H``.

    Raises:
        BadSchedule: it is not one.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise BadSchedule(text)
    sign = -1 if match[1] == "-" else 1
    years, months, weeks, days, hours, minutes = (int(match[i] or 0) for i in range(2, 8))
    seconds = match[8] or "0"
    whole, _, fraction = seconds.replace(",", ".").partition(".")
    ms = int(whole or 0) * 1000 + int((fraction + "000")[:3]) * (-1 if whole[:1] == "-" else 1)
    ms += (((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60_000
    return Duration(sign * (years * 12 + months), sign * ms)


@lru_cache(maxsize=4096)
def parse_date(text: str) -> int:
    """Read an ISO 8601 date and time with an offset.

    Raises:
        BadSchedule: it is not one.
    """
    plain = _ZONE_NAME.sub("", text)
    try:
        moment = datetime.fromisoformat(plain)
    except ValueError as error:
        raise BadSchedule(text) from error
    if moment.tzinfo is None:
        raise BadSchedule(text)
    return int(moment.timestamp() * 1000)


@lru_cache(maxsize=4096)
def parse_cycle(text: str) -> Cycle:
    """Read ``R[n]/[start/]duration``.

    Raises:
        BadSchedule: it is not one.
    """
    match = _CYCLE.fullmatch(text)
    if match is None:
        raise BadSchedule(text)
    repetitions = int(match[1]) if match[1] else INFINITE
    start_ms = parse_date(match[2]) if match[2] else None
    return Cycle(repetitions, start_ms, parse_duration(match[3]))
