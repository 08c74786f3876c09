"""The two kinds of duration: months, and nanoseconds. They never mix."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

NANOS_PER_SECOND: Final = 1_000_000_000
NANOS_PER_DAY: Final = 86_400 * NANOS_PER_SECOND
_NANOS_MAX: Final = 2**63 * NANOS_PER_SECOND
_MONTHS_MAX: Final = 2**63 * 12

_TEXT: Final = re.compile(
    r"(-)?P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?"
    r"(T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{0,9})\d*)?S)?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, order=True)
class YearsMonthsDuration:
    """A number of months, maybe negative."""

    total_months: int

    def __post_init__(self) -> None:
        if abs(self.total_months) > _MONTHS_MAX:
            raise ValueError("duration out of range")

    @property
    def years(self) -> int:
        """Full years, towards zero."""
        return _toward_zero(self.total_months, 12)

    @property
    def months(self) -> int:
        """Months beyond the full years."""
        return self.total_months - self.years * 12

    def __str__(self) -> str:
        years, months = divmod(abs(self.total_months), 12)
        body = (f"{years}Y" if years else "") + (f"{months}M" if months else "")
        return f"{'-' if self.total_months < 0 else ''}P{body or '0M'}"


@dataclass(frozen=True, slots=True, order=True)
class DaysTimeDuration:
    """A number of nanoseconds, maybe negative."""

    total_nanoseconds: int

    def __post_init__(self) -> None:
        if abs(self.total_nanoseconds) > _NANOS_MAX:
            raise ValueError("duration out of range")

    @property
    def total_seconds(self) -> int | Decimal:
        """The whole duration in seconds."""
        return _seconds(self.total_nanoseconds)

    @property
    def days(self) -> int:
        """Full days, towards zero."""
        return _toward_zero(self.total_nanoseconds, NANOS_PER_DAY)

    @property
    def hours(self) -> int:
        """Hours beyond the full days."""
        return self._part(3_600, 24)

    @property
    def minutes(self) -> int:
        """Minutes beyond the full hours."""
        return self._part(60, 60)

    @property
    def seconds(self) -> int | Decimal:
        """Seconds beyond the full minutes, with their fraction."""
        sign = -1 if self.total_nanoseconds < 0 else 1
        return _seconds(sign * (abs(self.total_nanoseconds) % (60 * NANOS_PER_SECOND)))

    def _part(self, unit_seconds: int, count: int) -> int:
        whole = abs(self.total_nanoseconds) // (unit_seconds * NANOS_PER_SECOND) % count
        return -whole if self.total_nanoseconds < 0 else whole

    def __str__(self) -> str:
        days, rest = divmod(abs(self.total_nanoseconds), NANOS_PER_DAY)
        seconds, nanos = divmod(rest, NANOS_PER_SECOND)
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        clock = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
        if seconds or nanos:
            fraction = f".{nanos:09d}".rstrip("0") if nanos else ""
            clock += f"{seconds}{fraction}S"
        body = (f"{days}D" if days else "") + (f"T{clock}" if clock else "")
        return f"{'-' if self.total_nanoseconds < 0 else ''}P{body or 'T0S'}"


Duration = YearsMonthsDuration | DaysTimeDuration


def parse_duration(text: str) -> Duration | None:
    """Read ``P1Y2M`` or ``P1DT2H3M4.5S``; None when it is neither (or mixes both)."""
    match = _TEXT.fullmatch(text)
    if match is None or len(text) > 100:
        return None
    sign, years, months, days, clock, hours, minutes, seconds, fraction = match.groups()
    calendar = years is not None or months is not None
    exact = any(part is not None for part in (days, hours, minutes, seconds))
    if calendar == exact or clock == "T" or (fraction == "" and "." in text):
        return None
    factor = -1 if sign else 1
    try:
        if calendar:
            return YearsMonthsDuration(factor * (int(years or 0) * 12 + int(months or 0)))
        whole = int(days or 0) * 86_400 + int(hours or 0) * 3_600
        whole += int(minutes or 0) * 60 + int(seconds or 0)
        nanos = int((fraction or "").ljust(9, "0"))
        return DaysTimeDuration(factor * (whole * NANOS_PER_SECOND + nanos))
    except ValueError:
        return None


def _toward_zero(value: int, unit: int) -> int:
    return -(-value // unit) if value < 0 else value // unit


def _seconds(nanoseconds: int) -> int | Decimal:
    seconds, rest = divmod(nanoseconds, NANOS_PER_SECOND)
    if rest == 0:
        return seconds
    return Decimal(nanoseconds).scaleb(-9).normalize()
