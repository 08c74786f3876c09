"""Making written groups durable, in order, while the next ones are processed.

A group is written (unsynced) by the engine's loop; one thread flushes the write-ahead log, and
whatever was written before a flush began is durable when it ends. Groups are handed out in order
and only then. A failed flush hands out nothing, ever again.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phee.engine.group import Group
    from phee.engine.stats import Stats
    from phee.engine.store import Store

UNFLUSHED_GROUPS_MAX = 3


class Commits:
    """The groups that are written and not yet durable."""

    def __init__(
        self,
        store: Store,
        stats: Stats,
        on_durable: Callable[[list[Group]], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._store = store
        self._stats = stats
        self._on_durable = on_durable
        self._on_failure = on_failure
        self._written: deque[Group] = deque()
        self._flushing = False
        self._flush_began = 0.0
        self._stopped = False
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="phee-flush")

    def __len__(self) -> int:
        return len(self._written)

    @property
    def full(self) -> bool:
        """True when the disk is behind: no further group should be processed yet."""
        return len(self._written) >= UNFLUSHED_GROUPS_MAX

    @property
    def flushing_for_s(self) -> float:
        """For how long the disk has been asked to make something durable (0: it is not)."""
        return time.perf_counter() - self._flush_began if self._flushing else 0.0

    def add(self, group: Group) -> None:
        """Make a group durable that was just written."""
        self._written.append(group)
        self._flush()

    def stop(self) -> list[Group]:
        """Hand out nothing more; return the groups that nobody will be told about."""
        self._stopped = True
        left = list(self._written)
        self._written.clear()
        return left

    async def close(self) -> None:
        """End the thread."""
        await self._loop.run_in_executor(None, self._thread.shutdown)

    def _flush(self) -> None:
        if self._flushing or not self._written:
            return
        self._flushing = True
        count = len(self._written)
        self._flush_began = time.perf_counter()
        done = self._loop.run_in_executor(self._thread, self._store.flush)
        done.add_done_callback(lambda future: self._flushed(future, count))

    def _flushed(self, done: asyncio.Future[None], count: int) -> None:
        self._flushing = False
        error = done.exception()
        if self._stopped:
            return
        if error is not None:
            self._on_failure(error)
            return
        now = time.perf_counter()
        self._stats.flush_ms.add((now - self._flush_began) * 1000)
        groups = [self._written.popleft() for _ in range(count)]
        for group in groups:
            group.latency_ms = (now - group.started_at) * 1000
            self._stats.commit_ms.add(group.latency_ms)
        self._flush()
        try:
            self._on_durable(groups)
        except Exception as fault:  # noqa: BLE001 - a silent stop would be worse
            self._on_failure(fault)
