"""Durations, dates and cycles of timers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phee.engine.schedule import (
    TIME_MAX_MS,
    BadSchedule,
    Cycle,
    Duration,
    parse_cycle,
    parse_date,
    parse_duration,
)

T0 = int(datetime(2026, 1, 31, 10, 0, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT60S", Duration(0, 60_000)),
        ("PT0.5S", Duration(0, 500)),
        ("PT-1.5S", Duration(0, -1_500)),
        ("-PT1M", Duration(0, -60_000)),
        ("P1DT2H3M", Duration(0, 93_780_000)),
        ("P2W", Duration(0, 14 * 86_400_000)),
        ("P1Y2M", Duration(14, 0)),
    ],
)
def test_durations(text: str, expected: Duration) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "P", "PT", "60", "soon", "PT1", "P1S", "PT1X", "1S"])
def test_texts_that_are_no_duration(text: str) -> None:
    with pytest.raises(BadSchedule):
        parse_duration(text)


def test_months_follow_the_calendar() -> None:
    february = parse_duration("P1M").after(T0)
    assert datetime.fromtimestamp(february / 1000, UTC) == datetime(2026, 2, 28, 10, 0, tzinfo=UTC)


@given(st.integers(0, TIME_MAX_MS), st.integers(-(10**9), 10**9), st.integers(-(10**5), 10**5))
def test_no_due_date_leaves_the_calendar(moment: int, ms: int, months: int) -> None:
    assert 0 <= Duration(months, ms).after(moment) <= TIME_MAX_MS


def test_dates_need_an_offset() -> None:
    assert parse_date("2026-01-31T10:00:00Z") == T0
    assert parse_date("2026-01-31T12:00:00+02:00[Europe/Berlin]") == T0
    with pytest.raises(BadSchedule):
        parse_date("2026-01-31T10:00:00")


def test_cycles() -> None:
    assert parse_cycle("R3/PT10S") == Cycle(3, None, Duration(0, 10_000))
    assert parse_cycle("R/PT1H").repetitions == -1
    assert parse_cycle("R2/2026-01-31T10:00:00Z/P1D").start_ms == T0
    with pytest.raises(BadSchedule):
        parse_cycle("0 0 9 * * MON")
