"""A record log in memory, for tests and simulations: the contract without an engine."""

from __future__ import annotations

import asyncio
import threading
from bisect import bisect_right

from phee.records import Record, encode_block


class MemoryLog:
    """A :class:`phee.stream.port.RecordLog` that keeps its blocks in a list."""

    def __init__(self, *, epoch: int = 1, partition_id: int = 1) -> None:
        self._epoch = epoch
        self._partition_id = partition_id
        self._blocks: list[bytes] = []
        self._last_positions: list[int] = []
        self._first_position = 1
        self._acknowledged: dict[str, int] = {}
        self._changed = threading.Condition()

    @property
    def epoch(self) -> int:
        """See RecordLog."""
        return self._epoch

    @property
    def partition_id(self) -> int:
        """See RecordLog."""
        return self._partition_id

    @property
    def first_position(self) -> int:
        """See RecordLog."""
        return self._first_position

    @property
    def durable_position(self) -> int:
        """See RecordLog."""
        return self._last_positions[-1] if self._last_positions else 0

    def append(self, records: list[Record]) -> None:
        """Commit ``records``, which must continue the log, as one block."""
        self.append_block(
            records[-1].position, encode_block(self._epoch, self._partition_id, records)
        )

    def append_block(self, last_position: int, block: bytes) -> None:
        """Commit an encoded block that ends at ``last_position``."""
        with self._changed:
            assert last_position > self.durable_position, "positions only grow"
            self._blocks.append(block)
            self._last_positions.append(last_position)
            self._changed.notify_all()

    def drop_before(self, position: int) -> None:
        """Delete the blocks that end before ``position``, as a log with little disk does."""
        with self._changed:
            count = bisect_right(self._last_positions, position - 1)
            del self._blocks[:count], self._last_positions[:count]
            self._first_position = max(self._first_position, position)

    def read(self, after: int, *, max_bytes: int = 1 << 20) -> list[tuple[int, bytes]]:
        """See RecordLog."""
        with self._changed:
            start = end = bisect_right(self._last_positions, after)
            size = 0
            while end < len(self._blocks) and (end == start or size < max_bytes):
                size += len(self._blocks[end])
                end += 1
            return list(zip(self._last_positions[start:end], self._blocks[start:end], strict=True))

    async def wait_beyond(self, position: int, *, timeout_s: float) -> int:
        """See RecordLog."""
        return await asyncio.to_thread(self.wait_beyond_here, position, timeout_s)

    def wait_beyond_here(self, position: int, timeout_s: float) -> int:
        """Like :meth:`wait_beyond`, in a thread."""
        with self._changed:
            self._changed.wait_for(lambda: self.durable_position > position, timeout_s)
            return self.durable_position

    def acknowledge(self, consumer: str, position: int) -> None:
        """See RecordLog."""
        with self._changed:
            self._acknowledged[consumer] = max(position, self._acknowledged.get(consumer, 0))

    def forget(self, consumer: str) -> None:
        """See RecordLog."""
        with self._changed:
            self._acknowledged.pop(consumer, None)

    def acknowledged(self) -> dict[str, int]:
        """See RecordLog."""
        with self._changed:
            return dict(self._acknowledged)
