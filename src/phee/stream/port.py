"""The event stream port: how records leave the orchestrator, and how consumers read them.

:class:`EventStream` is what a consumer reads, in whatever process it runs. :class:`RecordLog` is
what an orchestrator in this process offers (the engine implements it); it knows nothing of who
reads. Positions are those of records; a consumer names itself, so that the log can keep what a
switched-on consumer has not acknowledged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from phee.records import Block


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


class Lane(msgspec.Struct, frozen=True, order=True):
    """One ordered sequence of records: within it positions only grow.

    An engine's log is one lane. A stream that spreads a partition's records (Kafka) has more, told
    apart by ``name``; watermarks are kept per lane. A struct, because it is looked up for every
    record and a dataclass hashes in Python.
    """

    epoch: int
    partition_id: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something in a stream that is no record: what it is and why, for a dead letter."""

    content: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive blocks of one lane.

    Attributes:
        blocks: (position of the last record, block); the first may begin before what was asked
            for. A block is compact, as an engine wrote it, or read already, where the stream has
            another form; one without records only says that there is nothing up to its position.
        first_position: the oldest position the stream still has; 1 when nothing is missing.
        last_position: the newest position the stream had when it answered. A stream whose lanes
            have gaps says instead how many records wait, added to the position it came to.
    """

    lane: Lane
    blocks: Sequence[tuple[int, bytes | Block | Unreadable]]
    first_position: int
    last_position: int


class EventStream(Protocol):
    """What a named consumer reads. Not for use by several threads at once.

    Every call raises :class:`phee.errors.Unavailable` while the stream cannot be reached, and
    connects again when called again: restarts of the other side are normal.
    """

    def lanes(self) -> frozenset[Lane]:
        """Return the lanes that this consumer is to read now; cheap, and asked all the time.

        A stream that learns of its lanes while it reads says them here once it has met them, and
        gives out nothing of a lane that was not asked for.
        """

    def fetch(
        self, after: Mapping[Lane, int], *, max_bytes: int, timeout_s: float
    ) -> Sequence[Chunk]:
        """Return what lies behind the given positions, waiting until there is something.

        Returns one chunk for each lane that answered in time, possibly without blocks (nothing
        new). Reading never marks anything as done.
        """

    def acknowledge(self, positions: Mapping[Lane, int]) -> None:
        """Say that everything up to these positions is durable on the consumer's side."""

    def close(self) -> None:
        """Let go of the stream; the consumer keeps what it acknowledged."""
