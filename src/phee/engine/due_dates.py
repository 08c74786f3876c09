"""When the timer events of a drawing are due, given the variables they see."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from phee.bpmn.model import TimerDefinition, TimerKind
from phee.engine.expressions import evaluate, wrong_type
from phee.engine.incidents import EXTRACT_VALUE_ERROR, Failure
from phee.engine.schedule import BadSchedule, parse_cycle, parse_date, parse_duration
from phee.engine.variables import Context
from phee.feel import DaysTimeDuration, WideDateTime, YearsMonthsDuration, to_text

if TYPE_CHECKING:
    from phee.engine.core import Core
    from phee.engine.instances import ElementInstance

_TEMPORAL = (DaysTimeDuration, YearsMonthsDuration, datetime, date, WideDateTime)
_EXPECTED = {
    TimerKind.DURATION: "one of '[DURATION, PERIOD, STRING]'",
    TimerKind.DATE: "one of '[DATE_TIME, STRING]'",
    TimerKind.CYCLE: "'STRING'",
}
_FORMAT = {
    TimerKind.DURATION: "duration",
    TimerKind.DATE: "date-time",
    TimerKind.CYCLE: "cycle",
}


def due_of(
    core: Core, timer: TimerDefinition, scope: ElementInstance | None
) -> tuple[int, int, str]:
    """Return (due date in ms, repetitions, cycle text) of a timer that begins now.

    Raises:
        Failure: the text is no date, duration or cycle of that kind.
    """
    text = _text(core, timer, scope)
    try:
        if timer.kind is TimerKind.DURATION:
            return parse_duration(text).after(core.now), 1, ""
        if timer.kind is TimerKind.DATE:
            return parse_date(text), 1, ""
        return _first_of_cycle(core.now, text)
    except BadSchedule as error:
        source = timer.value.expression.text if timer.value.expression else timer.value.text
        raise Failure(
            EXTRACT_VALUE_ERROR,
            f"Invalid {_FORMAT[timer.kind]} format '{text}' for expression '{source}'.",
        ) from error


def _text(core: Core, timer: TimerDefinition, scope: ElementInstance | None) -> str:
    expression = timer.value.expression
    if expression is None:
        return timer.value.text
    context = Context(scope)
    value: Any = evaluate(core, expression, context)
    if isinstance(value, _TEMPORAL) and timer.kind is not TimerKind.CYCLE:
        return to_text(value)
    if not isinstance(value, str):
        raise wrong_type(core, expression, context, _EXPECTED[timer.kind], value)
    return value


def _first_of_cycle(now: int, text: str) -> tuple[int, int, str]:
    cycle = parse_cycle(text)
    if cycle.start_ms is None:
        return cycle.interval.after(now), cycle.repetitions, text
    due_at = cycle.start_ms
    if cycle.interval.months == 0 and cycle.interval.ms > 0 and due_at < now:
        missed = -(-(now - due_at) // cycle.interval.ms)
        due_at += missed * cycle.interval.ms
    return due_at, cycle.repetitions, text


def next_of_cycle(text: str, due_at: int) -> int:
    """Return when a cycle fires after ``due_at`` (drift of a late trigger does not add up)."""
    return parse_cycle(text).interval.after(due_at)
