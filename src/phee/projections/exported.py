"""Records as they are, for stores that keep every one of them beside what they mean.

What is kept is what a Zeebe exporter keeps by default: every event, but for the batches and the
internal ones.
"""

from __future__ import annotations

from typing import Any

import msgspec

from phee.errors import InvalidInput
from phee.projections.dead_letter import DeadLetter
from phee.projections.documents import DocumentFold
from phee.projections.interest import DOCUMENT_INTEREST, INTENT_BITS
from phee.projections.masking import Masker
from phee.projections.routing import Route
from phee.records import INTENTS, Record, ValueType
from phee.records.json_form import to_json

_LEFT_OUT = {
    ValueType.JOB_BATCH,
    ValueType.MESSAGE_BATCH,
    ValueType.PROCESS_INSTANCE_BATCH,
    ValueType.PROCESS_EVENT,
    ValueType.CHECKPOINT,
}
KEPT_VALUE_TYPES = tuple(one for one in ValueType if one not in _LEFT_OUT)
RECORD_INTEREST = DOCUMENT_INTEREST | {
    value_type << INTENT_BITS | int(intent)
    for value_type in KEPT_VALUE_TYPES
    for intent in INTENTS.get(value_type, ())
}
"""Every kept event, and what documents are made of."""


class RecordFold(DocumentFold):
    """A document fold that keeps every record it was given, in order."""

    def __init__(self, epoch: int, **options: Any) -> None:
        super().__init__(epoch, **options)
        self.records: list[Record] = []

    def apply(self, record: Record, route: Route) -> None:
        """See DocumentFold.

        Raises:
            InvalidInput: a field of a payment cannot be read; the record itself is kept.
        """
        self.records.append(record)
        self.tenant_id = route.tenant_id
        if (record.value_type << INTENT_BITS | record.intent) in DOCUMENT_INTEREST:
            super().apply(record, route)

    @property
    def masker(self) -> Masker | None:
        """What masks these records."""
        return self._maskers(self.tenant_id)


def record_json(record: Record, *, partition_id: int, masker: Masker | None) -> bytes:
    """Return the exported form of a record; with a ``masker``, personal variables are tokens.

    Raises:
        InvalidInput: its value cannot be written as JSON.
    """
    try:
        exported = to_json(record, partition_id=partition_id)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"the record is not JSON: {type(error).__name__}") from error
    return exported if masker is None else _masked(msgspec.json.decode(exported), masker)


def masked_letter(letter: DeadLetter, masker: Masker) -> DeadLetter:
    """Return a dead letter whose record shows no personal data; it is replayed from the stream."""
    if letter.record is None:
        return letter
    return msgspec.structs.replace(letter, record=masked_record(letter.record, masker))


def masked_record(text: str, masker: Masker) -> str:
    """Return a record's JSON with its personal variables as tokens."""
    try:
        return _masked(msgspec.json.decode(text), masker).decode()
    except (msgspec.DecodeError, RecursionError, TypeError, KeyError, AttributeError):
        return masker.token(text)  # what cannot be read cannot be judged


def _masked(content: dict[str, Any], masker: Masker) -> bytes:
    value = content["value"]
    if content["valueType"] == ValueType.VARIABLE.name:
        value["value"] = masker.json_text(value["name"], value["value"])
    if "variables" in value:
        value["variables"] = masker.value("", value["variables"])
    return msgspec.json.encode(content)
