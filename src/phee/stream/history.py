"""A stream from its beginning, for one onlooker that leaves no trace in it.

What consumers do is :class:`phee.stream.port.EventStream`; a history is read by those who prove or
rebuild stores: again and again, up to positions that are known, without a group and without
acknowledging anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from phee.errors import InvalidState, Unavailable
from phee.extras import require_extra
from phee.records import Block, decode_block
from phee.stream.choice import EMBEDDED, STREAM_VARIABLE, open_stream
from phee.stream.port import Chunk, EventStream, Lane, Unreadable

FETCH_BYTES = 1 << 20
FETCH_TIMEOUT_S = 5.0
Form = bytes | Block | Unreadable


class LogIncomplete(InvalidState):
    """The stream no longer has everything since its beginning, so nothing can be folded from it."""

    code = "log-incomplete"


class History(Protocol):
    """Every record of a stream, in the order of each lane. Not for several threads at once."""

    def lanes(self, known: Iterable[Lane]) -> frozenset[Lane]:
        """Return the lanes of this stream among those that stores know, and any it knows itself."""

    def read(
        self,
        after: Mapping[Lane, int],
        upto: Mapping[Lane, int],
        *,
        since_ms: int | None = None,
        wait_s: float = FETCH_TIMEOUT_S,
    ) -> Iterator[Chunk]:
        """Yield chunks, lane by lane in order, until each has come to its position in ``upto``.

        The last chunk of a lane may go further. ``since_ms`` passes over what was written before
        that moment (ms since 1970 UTC), as far as that is cheap to find.

        Raises:
            LogIncomplete: the stream no longer has what lies behind ``after``.
            Unavailable: it does not answer, or has not come to ``upto`` within ``wait_s``.
        """

    def ends(self) -> dict[Lane, int]:
        """Return how far every lane goes now; may have to read the whole stream for it."""

    def close(self) -> None:
        """Let go of the stream."""


class LogHistory:
    """The history of an engine's record log."""

    def __init__(self, stream: EventStream) -> None:
        """Prepare to read ``stream``, which belongs to the history from here on."""
        self._stream = stream

    def lanes(self, known: Iterable[Lane]) -> frozenset[Lane]:  # noqa: ARG002 - it knows its lane
        """See History."""
        return self._stream.lanes()

    def read(
        self,
        after: Mapping[Lane, int],
        upto: Mapping[Lane, int],
        *,
        since_ms: int | None = None,
        wait_s: float = FETCH_TIMEOUT_S,
    ) -> Iterator[Chunk]:
        """See History."""
        for lane in sorted(upto):
            at = after.get(lane, 0)
            if since_ms is not None and at < upto[lane]:
                at = max(at, self._position_at(lane, since_ms, upto[lane]))
            while at < upto[lane]:
                chunk = self._next(lane, at, wait_s)
                yield chunk
                at = chunk.blocks[-1][0]

    def ends(self) -> dict[Lane, int]:
        """See History."""
        lanes = self._stream.lanes()
        chunks = self._stream.fetch(dict.fromkeys(lanes, 0), max_bytes=1, timeout_s=1.0)
        return {chunk.lane: chunk.last_position for chunk in chunks}

    def close(self) -> None:
        """See History."""
        self._stream.close()

    def _next(self, lane: Lane, after: int, wait_s: float) -> Chunk:
        chunks = self._stream.fetch({lane: after}, max_bytes=FETCH_BYTES, timeout_s=wait_s)
        chunk = next((chunk for chunk in chunks if chunk.blocks), None)
        if chunk is None:
            raise not_there(lane, after)
        if chunk.first_position > after + 1:
            raise LogIncomplete(
                f"the log begins at position {chunk.first_position}, not at {after + 1}",
                where=str(lane),
                fix="Keep the log (PHEE_KEEP_LOG=true), or restore it from a backup",
            )
        return chunk

    def _position_at(self, lane: Lane, moment_ms: int, end: int) -> int:
        """Return a position before which nothing was written at or after ``moment_ms``."""
        low, high = 0, end
        while high - low > 1:
            middle = (low + high) // 2
            chunks = self._stream.fetch({lane: middle}, max_bytes=1, timeout_s=FETCH_TIMEOUT_S)
            block = next((block_of(c.blocks[0][1]) for c in chunks if c.blocks), None)
            if block is None or not block.records or block.records[0].timestamp >= moment_ms:
                high = middle
            else:
                low = middle
        return low


def open_history(address: str, data: Path) -> History:
    """Return the history of the stream that ``address`` (the value of ``PHEE_STREAM``) names.

    Raises:
        InvalidInput: the address names no stream, or a part of it is wrong.
        NotSupported: the Kafka client is not installed.
    """
    if address in ("", EMBEDDED) or not address.startswith("kafka://"):
        return LogHistory(open_stream(address, data, ""))
    from phee.stream.kafka.address import parse_kafka_address

    kafka = parse_kafka_address(address)
    require_extra("kafka", where=STREAM_VARIABLE)
    from phee.stream.kafka.history import KafkaHistory

    return KafkaHistory(kafka)


def not_there(lane: Lane, after: int) -> Unavailable:
    """Return the error for a stream that ends before a position that a store has."""
    return Unavailable(
        "the stream does not have what a store has already",
        where=f"{lane}, after position {after}",
        fix="See that the hub runs on the data directory these stores were made from",
    )


def block_of(data: Form) -> Block | None:
    """Return a block in whatever form a stream gives it; None when it is no block."""
    if isinstance(data, Unreadable):
        return None
    return data if isinstance(data, Block) else decode_block(data)


def up_to(chunk: Chunk, position: int) -> Chunk:
    """Return ``chunk`` without what lies behind ``position``."""
    kept: list[tuple[int, Form]] = []
    for last_position, data in chunk.blocks:
        if last_position > position:
            kept += _beginning(data, position)
            break
        kept.append((last_position, data))
    return Chunk(chunk.lane, kept, chunk.first_position, chunk.last_position)


def _beginning(data: Form, position: int) -> list[tuple[int, Form]]:
    block = block_of(data)
    if block is None:
        return []
    kept = [record for record in block.records if record.position <= position]
    if not kept:
        return []
    return [(kept[-1].position, Block(block.version, block.epoch, block.partition_id, kept))]
