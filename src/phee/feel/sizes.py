"""How large a value is, nested ones counted."""

from __future__ import annotations

from typing import Any

from phee.feel.errors import LimitExceeded
from phee.feel.limits import CHARACTERS_PER_STEP, RESULT_DEPTH_MAX, RESULT_VALUES_MAX


def steps_of(value: Any) -> int:
    """The steps that reading or building a value takes, its own elements only."""
    kind = type(value)
    if kind is list or kind is dict:
        return len(value)
    return len(value) // CHARACTERS_PER_STEP if kind is str else 0


def check_size(value: Any) -> None:
    """Bound the size and depth of a result.

    Raises:
        LimitExceeded: it is too large to be handed out.
    """
    left = RESULT_VALUES_MAX
    level = [value]
    for _ in range(RESULT_DEPTH_MAX):
        below: list[Any] = []
        for container in level:
            if type(container) is list:
                below.extend(container)
            elif type(container) is dict:
                below.extend(container.values())
            if len(below) > left:
                raise LimitExceeded(f"The result has more than {RESULT_VALUES_MAX} values")
        left -= len(below)
        level = [inner for inner in below if type(inner) is list or type(inner) is dict]
        if not level:
            return
    raise LimitExceeded(f"The result nests deeper than {RESULT_DEPTH_MAX} levels")
