"""What waits to be processed, in the order in which it is taken.

First what was put off, which is older than anything that waits; then what is due, and streams that
want jobs; then what callers ask for, first come, first served.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from phee.engine.due import DueWork
from phee.engine.job_commands import refill_stream

if TYPE_CHECKING:
    from phee.engine.core import Core
    from phee.engine.group import Work
    from phee.engine.job_streams import JobStream
    from phee.engine.state import State

GROUP_COMMANDS_MAX = 64
"""About 10 ms of processing: the loop has other things to do as well."""


class WorkQueue:
    """The work of one engine that no group has taken yet."""

    def __init__(self, state: State, now: int) -> None:
        self._state = state
        self._due = DueWork(state, now)
        self._waiting: deque[Work] = deque()
        self._oldest_came_at = 0.0  # the oldest of those that wait; 0: not known
        self._refills: dict[JobStream, None] = {}

    def add(self, work: Work) -> None:
        """Take in what a caller asks for."""
        if not self._waiting:
            self._oldest_came_at = time.perf_counter()
        self._waiting.append(work)

    def extend(self, work: Iterable[Work]) -> None:
        """Take in what the engine itself wants; nobody waits for it."""
        self._waiting.extend(work)

    def refill(self, stream: JobStream) -> None:
        """Let a stream be offered the jobs that wait."""
        self._refills[stream] = None

    def take(self, now: int) -> list[Work]:
        """Return the work of the next group, none when nothing waits or is due."""
        work: list[Work] = []
        work += [(_go_on, self._state, None)] * len(self._state.backlog)
        work += [(handler, argument, None) for handler, argument in self._due.take(now)]
        if self._refills:
            work += [(refill_stream, stream, None) for stream in self._refills]
            self._refills.clear()
        waiting = self._waiting
        if waiting and self._oldest_came_at:
            waited_s = time.perf_counter() - self._oldest_came_at
            self._state.stats.wait_ms.add(waited_s * 1000)
            self._oldest_came_at = 0.0
        while waiting and len(work) < GROUP_COMMANDS_MAX:
            work.append(waiting.popleft())
        return work

    def next_at(self) -> int | None:
        """Return when there will be something to do, if nothing comes in."""
        return self._due.next_at()

    def clear(self) -> list[object]:
        """Drop what callers asked for; return the tokens of those who wait for an answer."""
        tokens = [token for _, _, token in self._waiting if token is not None]
        self._waiting.clear()
        return tokens


def _go_on(core: Core, state: State) -> None:
    """Process the oldest command that was put off."""
    later = state.backlog.popleft()
    core.drop(later)
    later.touch_scope(core)
    core.go_on(later.follow_up)
