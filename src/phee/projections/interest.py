"""Which records a projection wants, decided before their values are decoded."""

from __future__ import annotations

from phee.records import INTENTS, ValueType
from phee.records.types import (
    CreatedDeletedIntent,
    DecisionEvaluationIntent,
    IncidentIntent,
    JobIntent,
    MessageIntent,
    MessageStartEventSubscriptionIntent,
    ProcessInstanceIntent,
    ProcessIntent,
    ProcessMessageSubscriptionIntent,
    TimerIntent,
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
    (ValueType.DECISION, CreatedDeletedIntent.CREATED),
    (ValueType.DECISION, CreatedDeletedIntent.DELETED),
    (ValueType.DECISION_REQUIREMENTS, CreatedDeletedIntent.CREATED),
    (ValueType.DECISION_REQUIREMENTS, CreatedDeletedIntent.DELETED),
}
_EVENTS = {
    (ValueType.DECISION_EVALUATION, DecisionEvaluationIntent.EVALUATED),
    (ValueType.DECISION_EVALUATION, DecisionEvaluationIntent.FAILED),
    (ValueType.MESSAGE, MessageIntent.PUBLISHED),
    (ValueType.PROCESS_MESSAGE_SUBSCRIPTION, ProcessMessageSubscriptionIntent.CREATED),
    (ValueType.PROCESS_MESSAGE_SUBSCRIPTION, ProcessMessageSubscriptionIntent.CORRELATED),
    (ValueType.PROCESS_MESSAGE_SUBSCRIPTION, ProcessMessageSubscriptionIntent.DELETED),
    (
        ValueType.MESSAGE_START_EVENT_SUBSCRIPTION,
        MessageStartEventSubscriptionIntent.CORRELATED,
    ),
    (ValueType.TIMER, TimerIntent.CREATED),
    (ValueType.TIMER, TimerIntent.TRIGGERED),
    (ValueType.TIMER, TimerIntent.CANCELED),
}
WITHOUT_PROCESS = frozenset(
    (ValueType.MESSAGE, ValueType.TIMER, ValueType.DECISION, ValueType.DECISION_REQUIREMENTS)
)
"""Value types that do not say of which process they are."""


def _codes(wanted: set[tuple[ValueType, int]]) -> frozenset[int]:
    for value_type, intent in wanted:
        INTENTS[value_type](intent)  # a pair that does not exist is a fault of this module
    return frozenset(value_type << INTENT_BITS | intent for value_type, intent in wanted)


RELATIONAL_INTEREST = _codes(_LIFE_CYCLE | _JOB_EVENTS | _DEFINITIONS | _EVENTS)
DOCUMENT_INTEREST = _codes(_LIFE_CYCLE | {(ValueType.JOB, JobIntent.CREATED)})
