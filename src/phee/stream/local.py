"""The event stream inside one process: a record log read without a socket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from phee.stream.memory import MemoryLog
from phee.stream.port import Chunk, Lane


class LocalStream:
    """An :class:`phee.stream.port.EventStream` over a log in this process."""

    def __init__(self, log: MemoryLog, consumer: str) -> None:
        self._log = log
        self._consumer = consumer
        self._lane = Lane(log.epoch, log.partition_id)
        if consumer not in log.acknowledged():
            log.acknowledge(consumer, 0)

    def lanes(self) -> frozenset[Lane]:
        """See EventStream."""
        return frozenset((self._lane,))

    def fetch(
        self, after: Mapping[Lane, int], *, max_bytes: int, timeout_s: float
    ) -> Sequence[Chunk]:
        """See EventStream."""
        position = after[self._lane]
        last = self._log.wait_beyond_here(position, timeout_s)
        blocks = self._log.read(position, max_bytes=max_bytes)
        return [Chunk(self._lane, blocks, self._log.first_position, last)]

    def acknowledge(self, positions: Mapping[Lane, int]) -> None:
        """See EventStream."""
        self._log.acknowledge(self._consumer, positions[self._lane])

    def close(self) -> None:
        """See EventStream."""
