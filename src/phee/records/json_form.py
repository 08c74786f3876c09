"""Records as JSON, field for field as Zeebe 8.5 exports them.

``to_json`` and ``from_json`` are inverse to each other for every value type with a struct; types
without one keep their fields as they came.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast, get_args, get_origin, get_type_hints

import msgspec

from phee.records.record import Record, StoredRecord
from phee.records.types import INTENTS, RecordType, RejectionType, ValueType
from phee.records.values import (
    OtherValue,
    ProcessInstanceCreationValue,
    RecordValue,
    value_class,
)

BROKER_VERSION = "8.5.8"
"""The Zeebe version whose record form this is; readers choose their parsing by it."""


class _Twin(msgspec.Struct, rename="camel"):
    """Base of the object-like twins of the array-like value structs."""


_TWINS: dict[type[RecordValue], type[_Twin]] = {}


def _twin_type(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, RecordValue):
        return _twin(annotation)
    if get_origin(annotation) is list:
        return list[_twin_type(get_args(annotation)[0])]  # type: ignore[misc]
    return annotation


def _twin(value_type: type[RecordValue]) -> type[_Twin]:
    twin = _TWINS.get(value_type)
    if twin is None:
        hints = get_type_hints(value_type)
        fields = [
            (f.name, _twin_type(hints[f.name]), msgspec.field(default=f.default))
            if f.default is not msgspec.NODEFAULT
            else (
                f.name,
                _twin_type(hints[f.name]),
                msgspec.field(default_factory=f.default_factory),
            )
            for f in msgspec.structs.fields(value_type)
        ]
        twin = cast(
            "type[_Twin]", msgspec.defstruct(f"{value_type.__name__}Json", fields, bases=(_Twin,))
        )
        _TWINS[value_type] = twin
    return twin


_NESTED: dict[type[RecordValue], dict[int, type[RecordValue]]] = {}


def _nested(value_type: type[RecordValue]) -> dict[int, type[RecordValue]]:
    """Return which fields, by number, are lists of other values: most types have none."""
    nested = _NESTED.get(value_type)
    if nested is None:
        hints = get_type_hints(value_type)
        nested = {}
        for number, field in enumerate(msgspec.structs.fields(value_type)):
            inner = get_args(hints[field.name]) if get_origin(hints[field.name]) is list else ()
            if inner and isinstance(inner[0], type) and issubclass(inner[0], RecordValue):
                nested[number] = inner[0]
        _NESTED[value_type] = nested
    return nested


def _to_twin(value: RecordValue) -> Any:
    value_type = type(value)
    fields: Any = msgspec.structs.astuple(value)
    if nested := _nested(value_type):
        fields = list(fields)
        for number in nested:
            fields[number] = [_to_twin(item) for item in fields[number]]
    twin = _twin(value_type)(*fields)
    if value_type is ProcessInstanceCreationValue:
        twin.fetch_variables = msgspec.UNSET  # type: ignore[attr-defined] # not exported
    return twin


def _from_twin(twin: Any, value_type: type[RecordValue]) -> RecordValue:
    fields: Any = msgspec.structs.astuple(twin)
    if nested := _nested(value_type):
        fields = list(fields)
        for number, inner in nested.items():
            fields[number] = [_from_twin(item, inner) for item in fields[number]]
    return value_type(*fields)


class _Envelope(msgspec.Struct, rename="camel"):
    partition_id: int
    value: Any
    key: int
    position: int
    timestamp: int
    intent: str
    rejection_type: str
    rejection_reason: str
    record_version: int
    authorizations: dict[str, list[str]]
    source_record_position: int
    value_type: str
    broker_version: str
    record_type: str


class _ReadEnvelope(msgspec.Struct, rename="camel"):
    partition_id: int
    value: msgspec.Raw
    key: int
    position: int
    timestamp: int
    intent: str
    value_type: str
    record_type: str
    rejection_type: str = "NULL_VAL"
    rejection_reason: str = ""
    source_record_position: int = -1


_READER = msgspec.json.Decoder(_ReadEnvelope)
_ENCODER = msgspec.json.Encoder()
_RECORD_TYPE_NAMES = {int(one): one.name for one in RecordType}
_REJECTION_TYPE_NAMES = {int(one): one.name for one in RejectionType}
_VALUE_TYPE_NAMES = {int(one): one.name for one in ValueType}
_INTENT_NAMES = {
    (int(one), int(intent)): intent.name for one, intents in INTENTS.items() for intent in intents
}
"""Names by number, because asking an enum for one takes as long as writing the record."""


def to_json(record: Record, *, partition_id: int) -> bytes:
    """Return ``record`` as one line of JSON (without a newline), as Zeebe 8.5 exports it."""
    value, value_type = record.value, record.value_type
    return _ENCODER.encode(
        _Envelope(
            partition_id,
            value.fields if isinstance(value, OtherValue) else _to_twin(value),
            record.key,
            record.position,
            record.timestamp,
            _INTENT_NAMES.get((value_type, record.intent)) or str(record.intent),
            _REJECTION_TYPE_NAMES[record.rejection_type],
            record.rejection_reason,
            _record_version(record),
            {"authorized_tenants": [record.tenant_id]},
            record.source_record_position,
            _VALUE_TYPE_NAMES[value_type],
            BROKER_VERSION,
            _RECORD_TYPE_NAMES[record.record_type],
        )
    )


def _record_version(record: Record) -> int:
    """Return which generation of its kind a record is: only this one has a second."""
    is_second = record.value_type == ValueType.DEPLOYMENT and record.is_event
    return 2 if is_second else 1


def from_json(data: bytes | str) -> tuple[int, Record]:
    """Read an exported record (ours or a real Zeebe's); return (partition id, record).

    Fields that this version does not know are ignored.

    Raises:
        msgspec.DecodeError: not JSON, or not a record.
        KeyError: a value type or intent that this version does not know.
    """
    envelope = _READER.decode(data)
    value_type = ValueType[envelope.value_type]
    return envelope.partition_id, Record(
        position=envelope.position,
        source_record_position=envelope.source_record_position,
        key=envelope.key,
        timestamp=envelope.timestamp,
        record_type=RecordType[envelope.record_type],
        value_type=value_type,
        intent=INTENTS[value_type][envelope.intent],
        value=_value_reader(value_type)(envelope.value),
        rejection_type=RejectionType[envelope.rejection_type],
        rejection_reason=envelope.rejection_reason,
    )


class JsonRecord(StoredRecord):
    """A record as it came in JSON, its value not read yet (the same use as its base, see there)."""

    def decoded(self) -> Record:
        """Return the record with its value read."""
        return Record(
            self.position,
            self.source_record_position,
            self.key,
            self.timestamp,
            self.record_type,
            self.value_type,
            self.intent,
            _value_reader(self.value_type)(self.value),
            self.rejection_type,
            self.rejection_reason,
        )


UNKNOWN = 255
"""The number of a value type or an intent that this version knows no name for."""

_RECORD_TYPES = {one.name: int(one) for one in RecordType}
_REJECTION_TYPES = {one.name: int(one) for one in RejectionType}
_VALUE_TYPES = {one.name: int(one) for one in ValueType}
_INTENTS = {
    one.name: {intent.name: int(intent) for intent in intents} for one, intents in INTENTS.items()
}
_NO_INTENTS: dict[str, int] = {}


def read_json(data: bytes) -> tuple[int, JsonRecord]:
    """Read the envelope of an exported record; return (partition id, record).

    Cheaper than :func:`from_json` where most values are never looked at, and made for streams of
    other versions: a value type or an intent without a known name gets the number
    :data:`UNKNOWN`, and a record of an unknown value type keeps its whole JSON as its value.

    Raises:
        msgspec.DecodeError: not JSON, or not a record.
        KeyError: a record or rejection type that does not exist.
    """
    envelope = _READER.decode(data)
    name = envelope.value_type
    value_type = _VALUE_TYPES.get(name, UNKNOWN)
    return envelope.partition_id, JsonRecord(
        envelope.position,
        envelope.source_record_position,
        envelope.key,
        envelope.timestamp,
        _RECORD_TYPES[envelope.record_type],
        value_type,
        _INTENTS.get(name, _NO_INTENTS).get(envelope.intent, UNKNOWN),
        envelope.value if value_type != UNKNOWN else msgspec.Raw(data),
        _REJECTION_TYPES[envelope.rejection_type],
        envelope.rejection_reason,
    )


_READERS: dict[int, Callable[[msgspec.Raw], RecordValue]] = {}


def _value_reader(value_type: int) -> Callable[[msgspec.Raw], RecordValue]:
    reader = _READERS.get(value_type)
    if reader is None:
        reader = _READERS[value_type] = _make_reader(value_class(ValueType(value_type)))
    return reader


def _make_reader(struct: type[RecordValue]) -> Callable[[msgspec.Raw], RecordValue]:
    if struct is OtherValue:
        fields = msgspec.json.Decoder(dict[str, Any])
        return lambda raw: OtherValue(fields.decode(raw))
    decoder = msgspec.json.Decoder(_twin(struct))
    return lambda raw: _from_twin(decoder.decode(raw), struct)
