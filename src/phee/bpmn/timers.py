"""Checks of timers written as plain text: ISO 8601 dates, durations and cycles.

The accepted forms are those of Zeebe 8.5 (``PT60S``, ``P1DT12H``, ``2026-01-31T10:00:00Z``,
``R3/PT10S``, ``R/2026-01-31T10:00:00Z/P1D``), without its cron expressions. Numbers have at most
nine digits, so that no due date can overflow.
"""

from __future__ import annotations

import re
from datetime import datetime

from phee.bpmn.model import TimerKind

_N = r"[+-]?\d{1,9}"
_DURATION = re.compile(
    rf"[+-]?P(?=[\d+-]|T)(?:{_N}Y)?(?:{_N}M)?(?:{_N}W)?(?:{_N}D)?"
    rf"(?:T(?=[\d+-])(?:{_N}H)?(?:{_N}M)?(?:[+-]?\d{{1,9}}(?:[.,]\d{{1,9}})?S)?)?",
    re.ASCII,
)
_DATE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)(?:\[[\w/+-]{1,60}\])?",
    re.ASCII,
)
_CYCLE = re.compile(r"R(\d{0,9})/(?:([^/]+)/)?([^/]+)", re.ASCII)
EXAMPLES = {
    TimerKind.DATE: "2026-01-31T10:00:00Z",
    TimerKind.DURATION: "PT60S",
    TimerKind.CYCLE: "R3/PT10S or R/P1D (cron is not supported)",
}


def is_timer(kind: TimerKind, text: str) -> bool:
    """True when ``text`` is a well-formed timer of that kind."""
    checks = {
        TimerKind.DATE: is_date,
        TimerKind.DURATION: is_duration,
        TimerKind.CYCLE: is_cycle,
    }
    return checks[kind](text)


def is_duration(text: str) -> bool:
    """True for an ISO 8601 duration, such as ``P1DT2H30M`` or ``PT0.5S``."""
    return _DURATION.fullmatch(text) is not None


def is_date(text: str) -> bool:
    """True for an ISO 8601 date and time with a zone or offset."""
    if _DATE.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text.partition("[")[0])
    except ValueError:
        return False
    return True


def is_cycle(text: str) -> bool:
    """True for ``R[n]/[start/]duration``."""
    match = _CYCLE.fullmatch(text)
    if match is None:
        return False
    return is_duration(match[3]) and (match[2] is None or is_date(match[2]))
