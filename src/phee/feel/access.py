"""Reaching into values: paths, properties, indices and filters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from phee.feel.durations import DaysTimeDuration
from phee.feel.functions import Code
from phee.feel.runtime import Run, Scope
from phee.feel.temporal import epoch_day, offset_seconds, zone_name
from phee.feel.text import shown
from phee.feel.values import kind_of


def path(target: Any, name: str, run: Run) -> Any:
    """``target.name``: an entry, a property, or for a list those of its elements."""
    if type(target) is dict:
        if name in target:
            return target[name]
        keys = ", ".join(f"'{key}'" for key in list(target)[:10])
        run.warn(
            "NO_CONTEXT_ENTRY_FOUND",
            f"No context entry found with key '{name}'. Available keys: {keys}",
        )
        return None
    if type(target) is list:
        run.charge(len(target))
        return [path(element, name, run) for element in target]
    return _property(target, name, run)


def _property(target: Any, name: str, run: Run) -> Any:
    properties = _PROPERTIES.get(kind_of(target))
    if properties is None:
        run.warn("NO_CONTEXT_ENTRY_FOUND", f"'{shown(target)}' has no entry or property '{name}'")
        return None
    read = properties.get(name)
    if read is None:
        run.warn(
            "NO_PROPERTY_FOUND",
            f"No property found with name '{name}' of value '{shown(target)}'. "
            f"Available properties: {', '.join(repr(known) for known in properties)}",
        )
        return None
    return read(target)


def _offset(value: Any) -> DaysTimeDuration | None:
    seconds = offset_seconds(value)
    return None if seconds is None else DaysTimeDuration(seconds * 1_000_000_000)


def weekday(value: Any) -> int:
    """1 for Monday to 7 for Sunday."""
    return (epoch_day(value) + 3) % 7 + 1


_Properties = dict[str, Callable[[Any], Any]]
_DATE: Final[_Properties] = {
    "year": lambda value: value.year,
    "month": lambda value: value.month,
    "day": lambda value: value.day,
    "weekday": weekday,
}
_TIME: Final[_Properties] = {
    "hour": lambda value: value.hour,
    "minute": lambda value: value.minute,
    "second": lambda value: value.second,
    "time offset": _offset,
    "timezone": lambda value: zone_name(value.tzinfo),
}
_PROPERTIES: Final[dict[str, _Properties]] = {
    "date": _DATE,
    "time": _TIME,
    "date and time": {**_DATE, **_TIME},
    "years and months duration": {
        "years": lambda value: value.years,
        "months": lambda value: value.months,
    },
    "days and time duration": {
        "days": lambda value: value.days,
        "hours": lambda value: value.hours,
        "minutes": lambda value: value.minutes,
        "seconds": lambda value: value.seconds,
    },
    "range": {
        "start": lambda value: value.start,
        "end": lambda value: value.end,
        "start included": lambda value: value.start_included,
        "end included": lambda value: value.end_included,
    },
}


def element_scope(scope: Scope, element: Any) -> Scope:
    """Where a filter is evaluated: ``item``, and the entries of the element itself."""
    inner = Scope(scope.run, {"item": element}, scope)
    return Scope(scope.run, element, inner) if type(element) is dict else inner


def select(target: Any, test: Code, scope: Scope) -> Any:
    """``target[test]``: the elements for which the test is true, or the one at an index.

    A test that is null does not hold; one of another kind makes the whole null.
    """
    if target is None:
        return None
    values = target if type(target) is list else [target]
    if not values:
        return _select_of_none(test, scope)
    selected: list[Any] = []
    for index, value in enumerate(values):
        scope.run.charge(1)
        outcome = test(element_scope(scope, value))
        if outcome is True:
            selected.append(value)
        elif index == 0 and kind_of(outcome) == "number":
            return at_index(values, outcome, scope.run)
        elif type(outcome) is not bool and outcome is not None:
            scope.run.warn_no_boolean(shown(outcome))
            return None
    return selected


def _select_of_none(test: Code, scope: Scope) -> Any:
    """An empty list has no element at any index, and no element for any test."""
    probe = Scope(Run(steps=scope.run.steps), {"item": None}, scope)
    return None if kind_of(test(probe)) == "number" else []


def at_index(values: list[Any], index: Any, run: Run) -> Any:
    """The element at a 1-based index, from the end when negative; null beyond."""
    position = int(index)
    if position == index and 0 < abs(position) <= len(values):
        return values[position - 1 if position > 0 else position]
    run.warn("OUT_OF_BOUNDS", f"The list has {len(values)} elements, none at index {shown(index)}")
    return None
