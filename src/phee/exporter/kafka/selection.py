"""Which records are exported, by record type, value type and intent."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from phee.errors import InvalidInput
from phee.projections.interest import DOCUMENT_INTEREST, INTENT_BITS, RELATIONAL_INTEREST
from phee.records import INTENTS, RecordType, ValueType

LEFT_OUT = ("JOB_BATCH", "MESSAGE_BATCH", "PROCESS_INSTANCE_BATCH", "PROCESS_EVENT", "CHECKPOINT")
"""Internal affairs of an engine, which Zeebe's exporters leave out too."""
PROJECTED = "PROJECTED"
"""Named like a value type: what rows and documents are made of, and nothing else."""


class Selection:
    """Says which records to export.

    Args:
        record_types: names, such as ``EVENT``.
        include: value types (``JOB``), intents of one (``JOB.CREATED``) or ``PROJECTED``; empty is
            everything.
        exclude: the same, taken away again.

    Raises:
        InvalidInput: a name that does not exist.
    """

    def __init__(
        self,
        record_types: Iterable[str] = ("EVENT",),
        include: Iterable[str] = (),
        exclude: Iterable[str] = LEFT_OUT,
    ) -> None:
        self._record_types = frozenset(_record_type(name) for name in record_types)
        included = _codes(include) or _codes(one.name for one in ValueType)
        self._codes = included - _codes(exclude)

    @property
    def value_types(self) -> AbstractSet[int]:
        """The value types of which anything is exported."""
        return {code >> INTENT_BITS for code in self._codes}

    def wants(self, record_type: int, value_type: int, intent: int) -> bool:
        """Whether a record is exported."""
        return (
            record_type in self._record_types
            and (value_type << INTENT_BITS | intent) in self._codes
        )


def _record_type(name: str) -> int:
    try:
        return int(RecordType[name.upper()])
    except KeyError:
        known = ", ".join(one.name for one in RecordType)
        raise _unknown("record type", name, known) from None


def _codes(names: Iterable[str]) -> frozenset[int]:
    return frozenset(code for name in names for code in _codes_of(name))


def _codes_of(name: str) -> Iterable[int]:
    if name.strip().upper() == PROJECTED:
        return RELATIONAL_INTEREST | DOCUMENT_INTEREST
    type_name, _, intent_name = name.strip().upper().partition(".")
    try:
        value_type = ValueType[type_name]
    except KeyError:
        known = ", ".join([*(one.name for one in ValueType), PROJECTED])
        raise _unknown("value type", type_name, known) from None
    intents = {one.name: int(one) for one in INTENTS.get(value_type, ())}
    if not intent_name:
        return [value_type << INTENT_BITS | intent for intent in intents.values()]
    if intent_name not in intents:
        raise _unknown(f"intent of {type_name}", intent_name, ", ".join(intents))
    return [value_type << INTENT_BITS | intents[intent_name]]


def _unknown(what: str, name: str, known: str) -> InvalidInput:
    return InvalidInput(
        f"{name[:80]!r} is no {what}", where="selection of records", fix=f"Known: {known}"
    )
