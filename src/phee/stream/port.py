"""The event stream port: how records leave the orchestrator.

:class:`RecordLog` is what an orchestrator in this process offers (the engine implements it); it
knows nothing of who reads. Positions are those of records; a consumer names itself, so that the
log can keep what a switched-on consumer has not acknowledged.
"""

from __future__ import annotations

from typing import Protocol


class RecordLog(Protocol):
    """Committed records, in order, by position. Reading never blocks the writer."""

    @property
    def epoch(self) -> int:
        """The life of this data directory (fixed when it was created)."""

    @property
    def partition_id(self) -> int:
        """The partition whose records these are."""

    @property
    def first_position(self) -> int:
        """The oldest position still kept (1 when nothing was ever deleted)."""

    @property
    def durable_position(self) -> int:
        """The newest position that is on disk (0: none). Later records do not exist yet."""

    def read(self, after: int, *, max_bytes: int = 1 << 20) -> list[tuple[int, bytes]]:
        """Return blocks with records after position ``after``: (last position, compact block).

        Blocks come in order, at least one when there is any, about ``max_bytes`` in all. The
        first may begin at or before ``after``: the reader skips what it has. Safe in any thread.
        """

    async def wait_beyond(self, position: int, *, timeout_s: float) -> int:
        """Return ``durable_position`` once it is past ``position``, or when time is up."""

    def acknowledge(self, consumer: str, position: int) -> None:
        """Say that ``consumer`` has made everything up to ``position`` durable on its side.

        A consumer is known from its first acknowledgement on (0 announces it) and pins the log
        until :meth:`forget`.
        """

    def forget(self, consumer: str) -> None:
        """Stop keeping records for ``consumer``."""

    def acknowledged(self) -> dict[str, int]:
        """Return the acknowledged position of every known consumer."""
