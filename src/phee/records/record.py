"""The record: one line of what an orchestrator did, and its compact form.

Invariants: within one (epoch, partition) positions grow by one per record; a block holds the
records of one durable commit, in order; ``sourceRecordPosition`` is the position of the command
that caused the record (-1: none).

Compact form: a :class:`Block` is one MessagePack array; records and values inside are arrays too.
Values are decoded only when asked for, since most readers want a few value types.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

from phee.records.types import INTENTS, RecordType, RejectionType, ValueType
from phee.records.values import DEFAULT_TENANT, RecordValue, value_class

BLOCK_VERSION = 1


class Record(msgspec.Struct, array_like=True, gc=False):
    """One record with its value decoded. ``timestamp`` is in ms since 1970 UTC.

    ``record_type``, ``value_type``, ``intent`` and ``rejection_type`` are the plain numbers of
    the enums in :mod:`phee.records.types`.
    """

    position: int
    source_record_position: int
    key: int
    timestamp: int
    record_type: int
    value_type: int
    intent: int
    value: RecordValue
    rejection_type: int = RejectionType.NULL_VAL
    rejection_reason: str = ""

    @property
    def tenant_id(self) -> str:
        """The tenant this record belongs to (the default tenant for tenant-less types)."""
        return getattr(self.value, "tenant_id", DEFAULT_TENANT)

    @property
    def intent_name(self) -> str:
        """The intent by name, or its number when this version does not know it."""
        try:
            return INTENTS[ValueType(self.value_type)](self.intent).name
        except (KeyError, ValueError):
            return str(self.intent)

    @property
    def is_event(self) -> bool:
        """True for facts; commands and rejections change nothing downstream."""
        return self.record_type == RecordType.EVENT


class StoredRecord(msgspec.Struct, array_like=True, gc=False):
    """A record as it lies in a block: like :class:`Record`, its value still encoded."""

    position: int
    source_record_position: int
    key: int
    timestamp: int
    record_type: int
    value_type: int
    intent: int
    value: msgspec.Raw
    rejection_type: int = RejectionType.NULL_VAL
    rejection_reason: str = ""

    def decoded(self) -> Record:
        """Return the record with its value decoded."""
        return Record(
            self.position,
            self.source_record_position,
            self.key,
            self.timestamp,
            self.record_type,
            self.value_type,
            self.intent,
            _value_decoder(self.value_type).decode(self.value),
            self.rejection_type,
            self.rejection_reason,
        )


class Block(msgspec.Struct, array_like=True):
    """The records of one commit. ``epoch`` names the life of the data directory they are from."""

    version: int
    epoch: int
    partition_id: int
    records: list[StoredRecord]

    def select(
        self, value_types: AbstractSet[int], *, events_only: bool = True
    ) -> Iterator[Record]:
        """Yield the decoded records of ``value_types``, in order."""
        for stored in self.records:
            if stored.value_type not in value_types:
                continue
            if events_only and stored.record_type != RecordType.EVENT:
                continue
            yield stored.decoded()


_ENCODER = msgspec.msgpack.Encoder()
_BLOCK_DECODER = msgspec.msgpack.Decoder(Block)
_VALUE_DECODERS: dict[int, msgspec.msgpack.Decoder[RecordValue]] = {}


def _value_decoder(value_type: int) -> msgspec.msgpack.Decoder[RecordValue]:
    decoder = _VALUE_DECODERS.get(value_type)
    if decoder is None:
        decoder = msgspec.msgpack.Decoder(value_class(ValueType(value_type)))
        _VALUE_DECODERS[value_type] = decoder
    return decoder


def encode_block(epoch: int, partition_id: int, records: list[Record]) -> bytes:
    """Return the compact form of ``records``, which must be consecutive and not empty."""
    assert records, "a block holds at least one record"
    assert records[-1].position - records[0].position == len(records) - 1, "positions have a gap"
    return _ENCODER.encode((BLOCK_VERSION, epoch, partition_id, records))


def encode_rows(epoch: int, partition_id: int, rows: Sequence[tuple[Any, ...]]) -> bytes:
    """Like :func:`encode_block`, for records as plain tuples in the order of :class:`Record`.

    Trailing fields may be left out where they have their default. For writers on a hot path.
    """
    assert rows, "a block holds at least one record"
    assert rows[-1][0] - rows[0][0] == len(rows) - 1, "positions have a gap"
    return _ENCODER.encode((BLOCK_VERSION, epoch, partition_id, rows))


def decode_block(data: bytes) -> Block:
    """Read a block written by :func:`encode_block`.

    Raises:
        msgspec.DecodeError: ``data`` is not a block of a version this code reads.
    """
    block = _BLOCK_DECODER.decode(data)
    if block.version != BLOCK_VERSION:
        raise msgspec.DecodeError(f"block version {block.version}, expected {BLOCK_VERSION}")
    return block
