"""How arguments fit the parameters of built-in functions.

A fitter gives the argument in the form the function wants, or ``NO_FIT``. The implicit
conversions of the specification happen here: a list of one element where an element is wanted,
an element where a list is wanted, a date where a date and time is wanted. Null fits ``any`` only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from phee.feel.temporal import midnight
from phee.feel.values import ORDERED, kind_of

Fitter = Callable[[Any], Any]
NO_FIT: Final = object()


def _kinds(*kinds: str) -> Fitter:
    wanted = frozenset(kinds)

    def fit(value: Any) -> Any:
        if kind_of(value) in wanted:
            return value
        if type(value) is list and len(value) == 1 and kind_of(value[0]) in wanted:
            return value[0]
        return NO_FIT

    return fit


_number = _kinds("number")
_moment = _kinds("date and time")


def _integer(value: Any) -> Any:
    """A number without its fraction, as an int."""
    number = _number(value)
    if number is NO_FIT or abs(number) > 10**18:
        return NO_FIT
    return int(number)


def _list(value: Any) -> Any:
    if type(value) is list:
        return value
    return NO_FIT if value is None else [value]


def _exact_list(value: Any) -> Any:
    return value if type(value) is list else NO_FIT


def _list_of(*kinds: str) -> Fitter:
    wanted = frozenset(kinds)

    def fit(value: Any) -> Any:
        values = _list(value)
        if values is NO_FIT or any(kind_of(element) not in wanted for element in values):
            return NO_FIT
        return values

    return fit


def _datetime(value: Any) -> Any:
    moment = _moment(value)
    if moment is NO_FIT and kind_of(value) == "date":
        return midnight(value)
    return moment


_DURATIONS: Final = ("days and time duration", "years and months duration")
_POINTS: Final = tuple(ORDERED)

FITTERS: Final[dict[str, Fitter]] = {
    "any": lambda value: value,
    "number": _number,
    "integer": _integer,
    "string": _kinds("string"),
    "boolean": _kinds("boolean"),
    "list": _list,
    "exact list": _exact_list,
    "numbers": _list_of("number"),
    "strings": _list_of("string", "null"),
    "contexts": _list_of("context"),
    "context": _kinds("context"),
    "date": _kinds("date"),
    "time": _kinds("time"),
    "date and time": _moment,
    "instant": _datetime,
    "day": _kinds("date", "date and time"),
    "clock": _kinds("time", "date and time"),
    "duration": _kinds(*_DURATIONS),
    "years and months duration": _kinds("years and months duration"),
    "days and time duration": _kinds("days and time duration"),
    "point": _kinds(*_POINTS),
    "range": _kinds("range"),
    "function": _kinds("function"),
}


def fitter(kind: str) -> Fitter:
    """The fitter of a kind; ``... or null`` also takes null."""
    plain = kind.removesuffix(" or null")
    fit = FITTERS[plain]
    if plain == kind:
        return fit
    return lambda value: None if value is None else fit(value)
