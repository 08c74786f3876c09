"""How much the engine takes in: a limit on commands in flight that follows its latency.

Additive increase, multiplicative decrease, as Zeebe's back-pressure: while answers are slower than
the target the limit shrinks, while they are fast and the limit is reached it grows. A reason from
outside (disk, export lag) closes the intake until it is taken back. Commands that finish work are
always taken.
"""

from __future__ import annotations

from phee.errors import Overloaded

LIMIT_MIN = 100
LIMIT_MAX = 20_000
LIMIT_FIRST = 2_000
TARGET_MS = 200.0
BACKOFF = 0.9


class Intake:
    """Counts commands in flight and refuses what is too much."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.limit = LIMIT_FIRST
        self.closed_because: str | None = None

    def admit(self, *, always: bool) -> None:
        """Count a command in.

        Raises:
            Overloaded: too many are in flight, or the intake is closed.
        """
        if not always:
            if self.closed_because is not None:
                raise Overloaded(
                    f"the engine takes no new work now: {self.closed_because}",
                    fix="try again a little later",
                )
            if self.in_flight >= self.limit:
                raise Overloaded(
                    f"{self.in_flight} commands are in flight, {self.limit} are taken at once",
                    fix="try again a little later",
                )
        self.in_flight += 1

    def finished(self, count: int, latency_ms: float) -> None:
        """Count commands out and learn from how long they took."""
        if latency_ms > TARGET_MS:
            self.limit = max(LIMIT_MIN, int(self.limit * BACKOFF))
        elif self.in_flight * 2 >= self.limit:
            self.limit = min(LIMIT_MAX, self.limit + count)
        self.in_flight -= count
        assert self.in_flight >= 0, "more commands finished than came"
