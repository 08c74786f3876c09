"""Making what was written visible: soon while little is written, seldom while much is.

A server shows new documents when their index is refreshed. Doing that by a short interval costs
every index all the time, and most when it is least wanted, with a backlog. So the writer says what
it wrote, and a thread of its own refreshes that, all tenants' indices with one request: at once
when the last round began ``SOON_S`` ago, else when it will have; ``LATE_S`` after a large write. A
server that needs long for it, twice in a row, is let alone for as long, so that refreshing never
takes most of its time. The indices' own interval is for the case that the writer dies in between.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence

import structlog

from phee.errors import PheeError

_LOG = structlog.get_logger(__name__)
SOON_S = 0.1
LATE_S = 1.0
STOP_S_MAX = 1.0
MANY = 500
"""A write of so many documents is one of a backlog, where speed counts and not freshness."""
NAMES_MAX = 50
"""In one request; its path has a limit."""


class Refresher:
    """Calls ``refresh`` with the names that were written to; its thread starts when needed."""

    def __init__(
        self,
        refresh: Callable[[Sequence[str]], object],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._refresh = refresh
        self._clock = clock
        self._due: dict[str, float] = {}
        self._rests_until = -math.inf
        self._took_s = 0.0
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_stopped = False

    def written(self, name: str, documents: int) -> None:
        """Note that ``documents`` were written and confirmed."""
        if not documents:
            return
        now = self._clock()
        due = now if documents < MANY else now + LATE_S
        with self._wake:
            self._due[name] = min(due, self._due.get(name, due))
            if self._thread is None and not self._is_stopped:
                self._thread = threading.Thread(target=self._run, name="phee-refresh", daemon=True)
                self._thread.start()
            self._wake.notify()

    def run_due(self) -> float | None:
        """Refresh what is due; return in how many seconds the next is (None: nothing waits)."""
        now = self._clock()
        if now >= self._rests_until and (names := self._take(now)):
            self._round(names)
        with self._wake:
            if not self._due:
                return None
            return max(min(self._due.values()), self._rests_until) - self._clock()

    def _take(self, now: float) -> list[str]:
        with self._wake:
            names = [name for name, due in self._due.items() if due <= now][:NAMES_MAX]
            for name in names:
                del self._due[name]
        return names

    def _round(self, names: Sequence[str]) -> None:
        began = self._clock()
        try:
            self._refresh(names)
        except RuntimeError:
            if not self._is_stopped:
                raise  # else the connections were closed under it, which is no trouble
        except PheeError as error:
            # The indices' own interval shows it a little later.
            _LOG.info("indices not refreshed", indices=names, error=str(error))
        ended = self._clock()
        before_s, self._took_s = self._took_s, ended - began
        self._rests_until = max(began + SOON_S, ended + min(before_s, self._took_s))

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
