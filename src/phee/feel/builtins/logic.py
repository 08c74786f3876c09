"""Boolean functions, and those that look at null."""

from __future__ import annotations

from typing import Any

from phee.feel.builtins.registry import builtin
from phee.feel.errors import EvaluationStopped


@builtin("not(negand: any)")
def not_(negand: Any) -> bool | None:
    """The opposite truth value; null for anything that is none."""
    return (not negand) if type(negand) is bool else None


@builtin("is defined(value: any)")
def is_defined(value: Any) -> bool:
    """Whether a value is not null (Zeebe)."""
    return value is not None


@builtin("get or else(value: any, default: any)")
def get_or_else(value: Any, default: Any) -> Any:
    """The value, or the default where it is null (Zeebe)."""
    return default if value is None else value


@builtin("assert(value: any, condition: any, cause: string?)")
def assert_(value: Any, condition: Any, cause: str = "") -> Any:
    """The value if the condition is true; else the whole evaluation ends (Zeebe)."""
    if condition is True:
        return value
    raise EvaluationStopped(cause or "The condition is not fulfilled")


@builtin("all(list: list)", "all(items: any...)", "and(list: list)", "and(items: any...)")
def all_(values: list[Any]) -> bool | None:
    """False if an element is false, else null if one is no boolean, else true."""
    return _decide(values, decisive=False)


@builtin("any(list: list)", "any(items: any...)", "or(list: list)", "or(items: any...)")
def any_(values: list[Any]) -> bool | None:
    """True if an element is true, else null if one is no boolean, else false."""
    return _decide(values, decisive=True)


def _decide(values: list[Any], *, decisive: bool) -> bool | None:
    if any(value is decisive for value in values):
        return decisive
    return None if any(type(value) is not bool for value in values) else not decisive
