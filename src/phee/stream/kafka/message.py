"""One record as one Kafka message: what the exporter writes, and what both known forms mean.

Ours: the value is the record's JSON as Zeebe writes it, and headers say epoch, partition, position,
tenant and version of this form. Foreign (Zeebe's and Mifos' exporters): the same JSON, no headers.
Two more messages of ours have headers and no value: a **mark** says that nothing at or before its
position comes after it in this Kafka partition; a **substitute** stands where a record would be
that Kafka does not accept, and says why (its content is in the topic for dead letters).
"""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import msgspec

from phee.records import StoredRecord
from phee.records.json_form import read_json
from phee.stream.port import Lane, Unreadable

if TYPE_CHECKING:
    from confluent_kafka import Message

EPOCH, PARTITION, POSITION, TENANT = "epoch", "partition", "position", "tenant"
SCHEMA, KIND, REASON = "schema-version", "kind", "reason"
SCHEMA_VERSION = b"1"
MARK, SUBSTITUTE = b"mark", b"dead-letter"
POSITION_MAX = 1 << 62

Headers = list[tuple[str, bytes]]
_SCHEMA_HEADER = (SCHEMA, SCHEMA_VERSION)
Content = StoredRecord | Unreadable | None
"""None is a mark."""


def record_headers(epoch: int, partition_id: int, position: int, tenant_id: str) -> Headers:
    """Return the headers of a record; the epoch first, where readers look for it."""
    return [
        *_lane_headers(epoch, partition_id),
        (POSITION, b"%d" % position),
        _tenant_header(tenant_id),
        _SCHEMA_HEADER,
    ]


@lru_cache(maxsize=64)
def _lane_headers(epoch: int, partition_id: int) -> Headers:
    return [(EPOCH, b"%d" % epoch), (PARTITION, b"%d" % partition_id)]


@lru_cache(maxsize=1_024)
def _tenant_header(tenant_id: str) -> tuple[str, bytes]:
    return TENANT, tenant_id.encode()


def mark_headers(epoch: int, partition_id: int, position: int) -> Headers:
    """Return the headers of a mark."""
    return [
        (EPOCH, b"%d" % epoch),
        (PARTITION, b"%d" % partition_id),
        (POSITION, b"%d" % position),
        (KIND, MARK),
    ]


def substitute_headers(
    epoch: int, partition_id: int, position: int, tenant_id: str, reason: str
) -> Headers:
    """Return the headers of what stands where a record would be that could not be sent."""
    return [
        *record_headers(epoch, partition_id, position, tenant_id),
        (KIND, SUBSTITUTE),
        (REASON, reason.encode()),
    ]


class MessageReader:
    """Reads the messages of one Kafka partition.

    What cannot be given a position of its own (no header, no JSON) goes into a lane of its own,
    :attr:`unplaced`, whose positions are Kafka offsets plus one.
    """

    def __init__(self, lane_name: str, number: int, foreign_epoch: int) -> None:
        self._name = lane_name
        self._foreign_epoch = foreign_epoch
        self._lanes: dict[tuple[int, int], Lane] = {}
        self._seen: dict[tuple[bytes | None, int], Lane] = {}
        no_epoch = -1 - zlib.crc32(lane_name.encode())
        self.unplaced = Lane(no_epoch, number, f"{lane_name}/unplaced")

    def lane(self, epoch: int, partition_id: int) -> Lane:
        """Return the lane of the records of one engine's partition that are in here."""
        lane = self._lanes.get((epoch, partition_id))
        if lane is None:
            lane = self._lanes[epoch, partition_id] = Lane(epoch, partition_id, self._name)
        return lane

    def read(self, message: Message) -> tuple[Lane, int, Content]:
        """Return lane, position and content of a message."""
        try:
            return self._read(message)
        except (msgspec.DecodeError, KeyError, ValueError, TypeError, RecursionError) as error:
            return self._unreadable(message, error)

    def _read(self, message: Message) -> tuple[Lane, int, Content]:
        value = message.value()
        if value is None:
            return self._without_value(_headers(message))
        partition_id, record = read_json(value)
        position = record.position
        if not 0 < position < POSITION_MAX:
            raise ValueError("its position is out of range")
        epoch = _epoch(message)
        lane = self._seen.get((epoch, partition_id))
        if lane is None:
            lane = self._seen[epoch, partition_id] = self._lane_of(epoch, partition_id)
        return lane, position, record

    def _lane_of(self, epoch: bytes | None, partition_id: int) -> Lane:
        if not 0 <= partition_id < 1 << 31:
            raise ValueError("its partition is out of range")
        return self.lane(self._foreign_epoch if epoch is None else int(epoch), partition_id)

    def _without_value(self, headers: dict[str, bytes]) -> tuple[Lane, int, Content]:
        lane, position = self._place(headers)
        kind = headers.get(KIND)
        if kind == MARK:
            return lane, position, None
        if kind == SUBSTITUTE:
            reason = headers.get(REASON, b"").decode(errors="replace")
            content = msgspec.json.encode({"deadLetterOf": lane.name, "position": position})
            return lane, position, Unreadable(content, f"the exporter could not send it: {reason}")
        raise ValueError("a message without a value")

    def _unreadable(self, message: Message, error: Exception) -> tuple[Lane, int, Content]:
        """Give what is no record its place: by its headers, else in the lane of such."""
        try:
            lane, position = self._place(_headers(message))
        except (KeyError, ValueError, TypeError):
            lane, position = self.unplaced, (message.offset() or 0) + 1
        reason = f"the message is no record: {type(error).__name__}"
        return lane, position, Unreadable(message.value() or b"", reason)

    def _place(self, headers: dict[str, bytes]) -> tuple[Lane, int]:
        epoch, partition_id, position = (
            int(headers[name]) for name in (EPOCH, PARTITION, POSITION)
        )
        if not (0 <= epoch < 1 << 63 and 0 <= partition_id < 1 << 31):
            raise ValueError("a header is out of range")
        if not 0 < position < POSITION_MAX:
            raise ValueError("a position is out of range")
        return self.lane(epoch, partition_id), position


def _epoch(message: Message) -> bytes | None:
    """Return the header that says it, which comes first in what our exporter writes."""
    headers = cast("Headers", message.headers() or ())
    for name, value in headers:
        if name == EPOCH:
            return value
    return None


def _headers(message: Message) -> dict[str, bytes]:
    return dict(cast("Headers", message.headers() or ()))
