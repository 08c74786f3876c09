"""What lives during one evaluation: the scopes, the warnings, the bounds, the clock."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from phee.feel.errors import EvaluationWarning, LimitExceeded
from phee.feel.limits import CALL_DEPTH_MAX, STEPS_MAX
from phee.feel.values import from_python

_WARNINGS_MAX: Final = 100
MISSING: Final = object()


class Run:
    """One evaluation.

    Attributes:
        warnings: what became null and why, at most 100.
        steps: steps left.
    """

    __slots__ = ("_now", "_random", "_seed", "depth", "steps", "warnings")

    def __init__(
        self, now: datetime | None = None, seed: int | str | None = None, steps: int = STEPS_MAX
    ) -> None:
        self.warnings: list[EvaluationWarning] = []
        self.steps = steps
        self.depth = 0
        self._now = now
        self._seed = seed
        self._random: random.Random | None = None

    def warn(self, kind: str, message: str) -> None:
        """Note why something became null."""
        if len(self.warnings) < _WARNINGS_MAX:
            self.warnings.append(EvaluationWarning(kind, message))

    def warn_no_boolean(self, found: str) -> None:
        """Note that a truth value was asked for."""
        self.warn("INVALID_TYPE", f"Expected boolean but found '{found}'")

    def charge(self, steps: int) -> None:
        """Take steps from the budget.

        Raises:
            LimitExceeded: it is used up.
        """
        self.steps -= steps
        if self.steps < 0:
            raise LimitExceeded("The evaluation takes too many steps")

    def enter(self) -> None:
        """A call begins; ``leave`` ends it.

        Raises:
            LimitExceeded: too many calls wait for each other.
        """
        self.charge(1)
        self.depth += 1
        if self.depth > CALL_DEPTH_MAX:
            raise LimitExceeded("Functions call each other too deeply")

    def leave(self) -> None:
        """The call that ``enter`` began is over."""
        self.depth -= 1

    def now(self) -> datetime:
        """The moment of this evaluation; the same at every question."""
        if self._now is None:
            self._now = datetime.now(UTC)
        return self._now

    def random(self) -> random.Random:
        """A source of numbers that repeats when a seed was given."""
        if self._random is None:
            self._random = random.Random(self._seed)  # noqa: S311 - nothing secret
        return self._random


class Fetched(dict[str, Any]):
    """The caller's variables, each asked for once and turned into a FEEL value."""

    __slots__ = ("source",)

    def __init__(self, source: Mapping[str, Any]) -> None:
        super().__init__()
        self.source = source

    def __missing__(self, name: str) -> Any:
        value = from_python(self.source[name])
        self[name] = value
        return value


class Scope:
    """Names and values, inside another scope; the outermost has a ``Fetched`` and no parent."""

    __slots__ = ("parent", "run", "values")

    def __init__(self, run: Run, values: dict[str, Any], parent: Scope | None = None) -> None:
        self.run = run
        self.values = values
        self.parent = parent

    def lookup(self, name: str) -> Any:
        """The nearest value of a name, or ``MISSING``."""
        scope = self
        while scope.parent is not None:
            value = scope.values.get(name, MISSING)
            if value is not MISSING:
                return value
            scope = scope.parent
        try:
            return scope.values[name]
        except KeyError:
            return MISSING
