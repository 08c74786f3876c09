"""Temporal functions: the calendar of a date, and the clock of the evaluation."""

from __future__ import annotations

from typing import Any, Final

from phee.feel.access import weekday
from phee.feel.builtins.registry import builtin
from phee.feel.durations import DaysTimeDuration, Duration, YearsMonthsDuration
from phee.feel.numbers import Number, integral, negate
from phee.feel.runtime import Run
from phee.feel.temporal import WideDate, date_of, days_in_month, epoch_day, make_date

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


@builtin("now()", run=True)
def now(run: Run) -> Any:
    """The moment of the evaluation, with its zone."""
    return run.now()


@builtin("today()", run=True)
def today(run: Run) -> Any:
    """The date of the evaluation."""
    return date_of(run.now())


@builtin("day of year(date: day)")
def day_of_year(day: Any) -> int:
    """1 to 366."""
    return epoch_day(day) - epoch_day(make_date(day.year, 1, 1)) + 1


@builtin("day of week(date: day)")
def day_of_week(day: Any) -> str:
    """The English name of the day."""
    return _DAYS[weekday(day) - 1]


@builtin("month of year(date: day)")
def month_of_year(day: Any) -> str:
    """The English name of the month."""
    return _MONTHS[day.month - 1]


@builtin("week of year(date: day)")
def week_of_year(day: Any) -> int:
    """The week by ISO 8601: the first has the year's first Thursday."""
    thursday = epoch_day(day) + 4 - weekday(day)
    year = day.year
    for candidate in (day.year + 1, day.year, day.year - 1):
        if epoch_day(WideDate(candidate, 1, 1)) <= thursday:
            year = candidate
            break
    return (thursday - epoch_day(WideDate(year, 1, 1))) // 7 + 1


@builtin("last day of month(date: day)")
def last_day_of_month(day: Any) -> Any:
    """The date on which the month ends (Zeebe)."""
    return make_date(day.year, day.month, days_in_month(day.year, day.month))


@builtin("abs(n: number)", "abs(number: number)")
def absolute(number: Number) -> Number:
    """The number without its sign."""
    return integral(negate(number) if number < 0 else number)


@builtin("abs(n: duration)")
def absolute_duration(duration: Duration) -> Duration:
    """The duration without its sign."""
    if isinstance(duration, YearsMonthsDuration):
        return YearsMonthsDuration(abs(duration.total_months))
    return DaysTimeDuration(abs(duration.total_nanoseconds))
