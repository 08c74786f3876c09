"""The record log as readers see it: what is durable, by position, from any thread.

Invariants: a reader never sees a record that is not on disk; positions have no gap; what a known
consumer has not acknowledged is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading

from phee.engine.rows import ACKNOWLEDGED_ROW, decode_row, encode_row
from phee.engine.store import Store
from phee.records import decode_block


class EngineLog:
    """The committed records of one data directory (satisfies the record log port)."""

    def __init__(
        self,
        store: Store,
        *,
        epoch: int,
        partition_id: int,
        durable_position: int,
        keep_all: bool = True,
    ) -> None:
        self._store = store
        self._epoch = epoch
        self._partition_id = partition_id
        self._durable_position = durable_position
        self._keep_all = keep_all
        self._lock = threading.Lock()
        self._acknowledged: dict[str, int] = {
            key[1:].decode(): decode_row(row) for key, row in store.scan(ACKNOWLEDGED_ROW)
        }
        first = store.first_block()
        self._first_position = decode_block(first).records[0].position if first else 1
        self._closed = False
        self._changed: list[asyncio.Future[None]] = []

    @property
    def epoch(self) -> int:
        """The life of this data directory (fixed when it was created)."""
        return self._epoch

    @property
    def partition_id(self) -> int:
        """The partition whose records these are."""
        return self._partition_id

    @property
    def first_position(self) -> int:
        """The oldest position still kept (1 when nothing was ever deleted)."""
        return self._first_position

    @property
    def durable_position(self) -> int:
        """The newest position that is on disk (0: none)."""
        return self._durable_position

    def read(self, after: int, *, max_bytes: int = 1 << 20) -> list[tuple[int, bytes]]:
        """Return durable blocks with records after position ``after``: (last position, block)."""
        durable = self._durable_position
        if after >= durable or self._closed:
            return []
        blocks = self._store.blocks_after(after, max_bytes=max_bytes)
        return [entry for entry in blocks if entry[0] <= durable]

    async def wait_beyond(self, position: int, *, timeout_s: float) -> int:
        """Return ``durable_position`` once it is past ``position``, or when time is up."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while self._durable_position <= position:
            left = deadline - loop.time()
            if left <= 0:
                break
            changed: asyncio.Future[None] = loop.create_future()
            self._changed.append(changed)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed, left)
        return self._durable_position

    def advance(self, position: int) -> None:
        """Say that everything up to ``position`` is durable (called in the engine's loop)."""
        assert position >= self._durable_position, "the durable position never goes back"
        self._durable_position = position
        changed, self._changed = self._changed, []
        for future in changed:
            if not future.done():
                future.set_result(None)

    def close(self) -> None:
        """Give out nothing more: the directory is given back."""
        self._closed = True

    # -- consumers

    def acknowledge(self, consumer: str, position: int) -> None:
        """Say that ``consumer`` has made everything up to ``position`` durable on its side."""
        with self._lock:
            if position <= self._acknowledged.get(consumer, -1):
                return
            self._acknowledged[consumer] = position
            self._store.put(ACKNOWLEDGED_ROW + consumer.encode(), encode_row(position))
        self._trim()

    def forget(self, consumer: str) -> None:
        """Stop keeping records for ``consumer``."""
        with self._lock:
            if self._acknowledged.pop(consumer, None) is not None:
                self._store.delete([ACKNOWLEDGED_ROW + consumer.encode()])
        self._trim()

    def acknowledged(self) -> dict[str, int]:
        """Return the acknowledged position of every known consumer."""
        with self._lock:
            return dict(self._acknowledged)

    def _trim(self) -> None:
        """Delete what every consumer has, where the retention says so."""
        if self._keep_all:
            return
        with self._lock:
            if not self._acknowledged:
                return
            floor = min(self._acknowledged.values())
            if floor <= self._first_position:
                return
            # blocks are deleted whole, by their last position
            self._store.delete_blocks_before(floor + 1)
            first = self._store.first_block()
            self._first_position = decode_block(first).records[0].position if first else floor + 1
