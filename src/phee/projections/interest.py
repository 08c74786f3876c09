"""Which records a projection wants, decided before their values are decoded."""

from __future__ import annotations

from phee.records import INTENTS, ValueType
from phee.records.types import (
    IncidentIntent,
    JobIntent,
    ProcessInstanceIntent,
    ProcessIntent,
    VariableIntent,
)

INTENT_BITS = 8
"""An interest is a set of codes: the value type, shifted by these bits, and the intent."""
KNOWN_VALUE_TYPES = frozenset(int(value_type) for value_type in ValueType)

_LIFE_CYCLE = {
    (ValueType.PROCESS_INSTANCE, ProcessInstanceIntent.ELEMENT_ACTIVATING),
    (ValueType.PROCESS_INSTANCE, ProcessInstanceIntent.ELEMENT_COMPLETED),
    (ValueType.PROCESS_INSTANCE, ProcessInstanceIntent.ELEMENT_TERMINATED),
    (ValueType.PROCESS_INSTANCE, ProcessInstanceIntent.ELEMENT_MIGRATED),
    (ValueType.VARIABLE, VariableIntent.CREATED),
    (ValueType.VARIABLE, VariableIntent.UPDATED),
    (ValueType.INCIDENT, IncidentIntent.CREATED),
    (ValueType.INCIDENT, IncidentIntent.RESOLVED),
}
_JOB_EVENTS = {
    (ValueType.JOB, intent)
    for intent in (
        JobIntent.CREATED,
        JobIntent.COMPLETED,
        JobIntent.TIMED_OUT,
        JobIntent.FAILED,
        JobIntent.RETRIES_UPDATED,
        JobIntent.CANCELED,
        JobIntent.ERROR_THROWN,
        JobIntent.RECURRED_AFTER_BACKOFF,
        JobIntent.YIELDED,
        JobIntent.TIMEOUT_UPDATED,
        JobIntent.MIGRATED,
    )
}
_DEFINITIONS = {
    (ValueType.PROCESS, ProcessIntent.CREATED),
    (ValueType.PROCESS, ProcessIntent.DELETED),
}


def _codes(wanted: set[tuple[ValueType, int]]) -> frozenset[int]:
    for value_type, intent in wanted:
        INTENTS[value_type](intent)  # a pair that does not exist is a fault of this module
    return frozenset(value_type << INTENT_BITS | intent for value_type, intent in wanted)


RELATIONAL_INTEREST = _codes(_LIFE_CYCLE | _JOB_EVENTS | _DEFINITIONS)
DOCUMENT_INTEREST = _codes(_LIFE_CYCLE | {(ValueType.JOB, JobIntent.CREATED)})
