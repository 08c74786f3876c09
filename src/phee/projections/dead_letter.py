"""What could not be projected, and why."""

from __future__ import annotations

import msgspec

from phee.records import JsonRecord, Record, StoredRecord, ValueType, to_json
from phee.records.types import INTENTS

UNREADABLE = "unreadable-record"
UNKNOWN_TYPE = "unknown-value-type"
UNKNOWN_TENANT = "unknown-tenant"
NOT_PROJECTED = "not-projected"
FAULT = "projection-fault"
REFUSED = "refused-by-store"
UNREADABLE_BLOCK = "unreadable-block"


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A record that a projection could not use. ``reason`` never quotes the record."""

    epoch: int
    partition_id: int
    position: int
    reason_code: str
    reason: str
    tenant_id: str | None = None
    value_type: str | None = None
    intent: str | None = None
    record_key: int | None = None
    process_instance_key: int | None = None
    record: str | None = None
    timestamp: int | None = None


def of_record(
    record: Record, *, epoch: int, partition_id: int, code: str, reason: str, tenant_id: str | None
) -> DeadLetter:
    """Return the dead letter of a record that could be read."""
    return DeadLetter(
        epoch=epoch,
        partition_id=partition_id,
        position=record.position,
        reason_code=code,
        reason=reason,
        tenant_id=tenant_id,
        value_type=ValueType(record.value_type).name,
        intent=record.intent_name,
        record_key=_storable(record.key),
        process_instance_key=_storable(getattr(record.value, "process_instance_key", None)),
        record=to_json(record, partition_id=partition_id).decode(),
        timestamp=record.timestamp,
    )


def of_stored(
    stored: StoredRecord, *, epoch: int, partition_id: int, code: str, reason: str
) -> DeadLetter:
    """Return the dead letter of a record whose value could not be read (kept as it came)."""
    return DeadLetter(
        epoch=epoch,
        partition_id=partition_id,
        position=stored.position,
        reason_code=code,
        reason=reason,
        value_type=_value_type_name(stored.value_type),
        intent=_intent_name(stored.value_type, stored.intent),
        record_key=_storable(stored.key),
        record=_raw(stored),
        timestamp=stored.timestamp,
    )


def of_message(
    content: bytes, *, epoch: int, partition_id: int, position: int, reason: str
) -> DeadLetter:
    """Return the dead letter of a message that is no record (kept as text, or hexadecimal)."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = content.hex()
    return DeadLetter(
        epoch=epoch,
        partition_id=partition_id,
        position=position,
        reason_code=UNREADABLE,
        reason=reason,
        record=text,
    )


def of_block(
    data: bytes, *, epoch: int, partition_id: int, last_position: int, reason: str
) -> DeadLetter:
    """Return the dead letter of a block that could not be read (kept as hexadecimal)."""
    return DeadLetter(
        epoch=epoch,
        partition_id=partition_id,
        position=last_position,
        reason_code=UNREADABLE_BLOCK,
        reason=reason,
        record=data.hex(),
    )


def _raw(stored: StoredRecord) -> str:
    content = bytes(stored.value)
    return content.decode() if isinstance(stored, JsonRecord) else content.hex()


def _storable(key: int | None) -> int | None:
    """A key that fits a column; one that does not is in the record itself all the same."""
    return key if key is not None and abs(key) < 1 << 63 else None


def _value_type_name(number: int) -> str:
    try:
        return ValueType(number).name
    except ValueError:
        return str(number)


def _intent_name(value_type: int, intent: int) -> str:
    try:
        return INTENTS[ValueType(value_type)](intent).name
    except (KeyError, ValueError):
        return str(intent)
