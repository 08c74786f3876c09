"""The newest blocks of a record log, read from it once for all consumers that keep up.

Reading costs a thread's turn and a walk through the store, and every importer wants the same blocks
at about the same time (docs/performance.md says what it costs). Invariant: the blocks kept are
consecutive, from the first one that ends behind ``_begin`` to the one that ends at ``_end``.
"""

from __future__ import annotations

import asyncio
from collections import deque

from phee.stream.port import RecordLog

KEPT_BYTES_MAX = 4 << 20
"""Some seconds of records under full load; who is further behind reads from the log itself."""


class RecentBlocks:
    """Reads ``record_log``; for use in one event loop."""

    def __init__(self, record_log: RecordLog) -> None:
        self._record_log = record_log
        self._blocks: deque[tuple[int, bytes]] = deque()
        self._begin = self._end = record_log.durable_position
        self._bytes = 0
        self._reading = asyncio.Lock()

    async def read(self, after: int, *, max_bytes: int) -> list[tuple[int, bytes]]:
        """Return what RecordLog.read returns."""
        if after >= self._end:
            async with self._reading:
                if after >= self._end:  # nobody else has read on meanwhile
                    await self._go_on(after, max_bytes)
        if after < self._begin:  # asked last: what is kept may have moved on while we waited
            return await self._read(after, max_bytes)
        return self._kept(after, max_bytes)

    async def _go_on(self, after: int, max_bytes: int) -> None:
        if after > self._end:  # nobody has asked for what lies between
            self._blocks.clear()
            self._bytes = 0
            self._begin = self._end = after
        for last_position, block in await self._read(self._end, max_bytes):
            self._blocks.append((last_position, block))
            self._bytes += len(block)
            self._end = last_position
        while self._bytes > KEPT_BYTES_MAX and len(self._blocks) > 1:
            self._begin, oldest = self._blocks.popleft()
            self._bytes -= len(oldest)

    def _kept(self, after: int, max_bytes: int) -> list[tuple[int, bytes]]:
        found: list[tuple[int, bytes]] = []
        for last_position, block in reversed(self._blocks):
            if last_position <= after:
                break
            found.append((last_position, block))
        found.reverse()
        size = 0
        for count, (_, block) in enumerate(found):
            if count and size >= max_bytes:
                return found[:count]
            size += len(block)
        return found

    async def _read(self, after: int, max_bytes: int) -> list[tuple[int, bytes]]:
        return await asyncio.to_thread(self._record_log.read, after, max_bytes=max_bytes)
