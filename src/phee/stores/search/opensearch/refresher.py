"""Making what was written visible: soon while little is written, seldom while much is.

A server shows new documents when their index is refreshed. Doing that by a short interval costs
every index all the time, and most when it is least wanted, with a backlog. So the writer says what
it wrote, and a thread of its own refreshes that: at once when the last time is ``SOON_S`` ago, else
when it will be; ``LATE_S`` after a large write. A server that needs long for it is let alone for
``REST`` times as long, so that refreshing never takes most of its time. The indices' own interval
is for the case that the writer dies in between.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from phee.errors import PheeError

_LOG = structlog.get_logger(__name__)
SOON_S = 0.1
LATE_S = 1.0
REST = 2.0
STOP_S_MAX = 1.0
MANY = 500
"""A write of so many documents is one of a backlog, where speed counts and not freshness."""


class Refresher:
    """Calls ``refresh`` with the names that were written to; its thread starts when needed."""

    def __init__(
        self,
        refresh: Callable[[str], object],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._refresh = refresh
        self._clock = clock
        self._due: dict[str, float] = {}
        self._rests_until: dict[str, float] = {}
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_stopped = False

    def written(self, name: str, documents: int) -> None:
        """Note that ``documents`` were written and confirmed."""
        if not documents:
            return
        now = self._clock()
        soon = max(now, self._rests_until.get(name, now))
        due = soon if documents < MANY else now + LATE_S
        with self._wake:
            self._due[name] = min(due, self._due.get(name, due))
            if self._thread is None and not self._is_stopped:
                self._thread = threading.Thread(target=self._run, name="phee-refresh", daemon=True)
                self._thread.start()
            self._wake.notify()

    def run_due(self) -> float | None:
        """Refresh what is due; return in how many seconds the next is (None: nothing waits)."""
        now = self._clock()
        with self._wake:
            names = [name for name, due in self._due.items() if due <= now]
            for name in names:
                del self._due[name]
        for name in names:
            began = self._clock()
            try:
                self._refresh(name)
            except RuntimeError:
                if not self._is_stopped:
                    raise  # else the connections were closed under it, which is no trouble
            except PheeError as error:
                # The index's own interval shows it a little later.
                _LOG.info("index not refreshed", index=name, error=str(error))
            ended = self._clock()
            self._rests_until[name] = max(began + SOON_S, ended + REST * (ended - began))
        with self._wake:
            return min(self._due.values()) - self._clock() if self._due else None

    def stop(self) -> None:
        """End the thread; what waits is left to the index's own interval."""
        with self._wake:
            self._is_stopped = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(STOP_S_MAX)  # a server that does not answer must not hold us up

    def _run(self) -> None:
        while True:
            pause_s = self.run_due()
            with self._wake:
                if self._is_stopped:
                    return
                if pause_s is None and not self._due:
                    self._wake.wait()
                elif pause_s is not None and pause_s > 0:
                    self._wake.wait(pause_s)
                if self._is_stopped:
                    return
