"""Which texts are timers; the verdicts were compared with a real Zeebe 8.5.8."""

from __future__ import annotations

import pytest

from phee.bpmn import TimerKind
from phee.bpmn.timers import is_timer

DURATIONS = "PT0.5S P1W P1M -PT5S P1D PT1H30M +PT1S P1Y2M3DT4H5M6.7S PT5,5S PT-5S P-1D P1DT-1H PT0S"
NO_DURATIONS = "P1D2H pt5s PT P P1DT PT5M3 5 PT1.5H PT5.1234567891S PT9999999999S PT٥S"
DATES = (
    "2040-01-01T00:00:00Z 2040-01-01T00:00:00+02:00[Europe/Berlin] 2040-01-01T00:00Z "
    "2040-01-01T00:00:00.123Z"
)
NO_DATES = (
    "2040-01-01T00:00:00z 2040-13-01T00:00:00Z 2040-02-30T00:00:00Z 2040-01-01 2040-01-01T00:00:00 "
    "2040-01-01T00:00:61Z 2040-01-01T00:00:00+25:00 2040-01-01T00:00:00+0200"
)
CYCLES = "R/PT1H R0/PT1H R3/2040-01-01T00:00:00Z/PT1H"
NO_CYCLES = "RPT1H r/PT1H R3/PT1H/2040-01-01T00:00:00Z R3/ R/2040-01-01/PT1H @daily R3//PT1H"

YES = [(TimerKind.DURATION, DURATIONS), (TimerKind.DATE, DATES), (TimerKind.CYCLE, CYCLES)]
NO = [(TimerKind.DURATION, NO_DURATIONS), (TimerKind.DATE, NO_DATES), (TimerKind.CYCLE, NO_CYCLES)]


def pairs(table: list[tuple[TimerKind, str]]) -> list[tuple[TimerKind, str]]:
    return [(kind, text) for kind, texts in table for text in texts.split()]


@pytest.mark.parametrize(("kind", "text"), pairs(YES))
def test_timer(kind: TimerKind, text: str) -> None:
    assert is_timer(kind, text)


@pytest.mark.parametrize(("kind", "text"), pairs(NO))
def test_no_timer(kind: TimerKind, text: str) -> None:
    assert not is_timer(kind, text)
