"""Rows of messages, timers and decisions; like phee.projections.generic, without configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec

from phee.projections.generic import drawing, key_or_none
from phee.projections.happening_rows import (
    DECISION_DEFINITIONS,
    DECISION_EVALUATIONS,
    DECISION_REQUIREMENTS,
    MESSAGE_CORRELATIONS,
    MESSAGE_SUBSCRIPTIONS,
    MESSAGES,
    TIMERS,
    DecisionDefinitionRow,
    DecisionEvaluationRow,
    DecisionRequirementsRow,
    MessageCorrelationRow,
    MessageRow,
    MessageSubscriptionRow,
    TimerRow,
)
from phee.projections.rows import Target
from phee.projections.texts import cut
from phee.records import Record, ValueType
from phee.records.types import (
    CreatedDeletedIntent,
    DecisionEvaluationIntent,
    ProcessMessageSubscriptionIntent,
    TimerIntent,
)
from phee.records.values import (
    DecisionEvaluationValue,
    DecisionRequirementsValue,
    DecisionValue,
    MessageStartEventSubscriptionValue,
    MessageValue,
    ProcessMessageSubscriptionValue,
    TimerValue,
)

_TIMER_STATES = {
    int(TimerIntent.CREATED): "ACTIVE",
    int(TimerIntent.TRIGGERED): "TRIGGERED",
    int(TimerIntent.CANCELED): "CANCELED",
}


class HappeningFold:
    """Folds the records of one epoch into one change per row."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._messages: dict[int, MessageRow] = {}
        self._subscriptions: dict[int, MessageSubscriptionRow] = {}
        self._correlations: dict[tuple[int, int], MessageCorrelationRow] = {}
        self._timers: dict[int, TimerRow] = {}
        self._decisions: dict[int, DecisionDefinitionRow] = {}
        self._requirements: dict[int, DecisionRequirementsRow] = {}
        self._evaluations: dict[int, DecisionEvaluationRow] = {}
        self._folds: dict[int, Callable[[Record], None]] = {
            ValueType.MESSAGE: self._message,
            ValueType.PROCESS_MESSAGE_SUBSCRIPTION: self._subscription,
            ValueType.MESSAGE_START_EVENT_SUBSCRIPTION: self._start_subscription,
            ValueType.TIMER: self._timer,
            ValueType.DECISION: self._decision,
            ValueType.DECISION_REQUIREMENTS: self._decision_requirements,
            ValueType.DECISION_EVALUATION: self._evaluation,
        }

    def apply(self, record: Record) -> None:
        """Fold one record in; other value types than those of this module change nothing."""
        fold = self._folds.get(record.value_type)
        if fold is not None:
            fold(record)

    def changes(self) -> list[tuple[Target, Any]]:
        """Return the row changes, table by table."""
        return [
            (MESSAGES, self._messages.values()),
            (MESSAGE_SUBSCRIPTIONS, self._subscriptions.values()),
            (MESSAGE_CORRELATIONS, self._correlations.values()),
            (TIMERS, self._timers.values()),
            (DECISION_DEFINITIONS, self._decisions.values()),
            (DECISION_REQUIREMENTS, self._requirements.values()),
            (DECISION_EVALUATIONS, self._evaluations.values()),
        ]

    # --- messages ---

    def _message(self, record: Record) -> None:
        value = cast("MessageValue", record.value)
        variables, is_truncated = cut(json_text(value.variables))
        self._messages[record.key] = MessageRow(
            self._epoch,
            record.position,
            record.key,
            value.name,
            value.correlation_key,
            value.message_id,
            value.time_to_live,
            variables,
            is_truncated,
            record.timestamp,
            key_or_none(value.deadline),
        )

    def _subscription(self, record: Record) -> None:
        value = cast("ProcessMessageSubscriptionValue", record.value)
        row = self._subscriptions.get(record.key)
        if row is None:
            row = self._subscriptions[record.key] = MessageSubscriptionRow(
                self._epoch,
                record.position,
                record.key,
                value.process_instance_key,
                value.bpmn_process_id,
                value.element_instance_key,
                value.element_id,
                value.message_name,
                value.correlation_key,
                "OPEN",
            )
        row.position = record.position
        match record.intent:
            case ProcessMessageSubscriptionIntent.CREATED:
                row.created_at = record.timestamp
            case ProcessMessageSubscriptionIntent.CORRELATED:
                row.state = "CORRELATED"
                row.message_key = value.message_key
                row.correlated_at = record.timestamp
                self._correlate(record, value, value.element_id)
            case _:
                row.state = "CLOSED"
                row.closed_at = record.timestamp

    def _start_subscription(self, record: Record) -> None:
        value = cast("MessageStartEventSubscriptionValue", record.value)
        self._correlate(record, value, value.start_event_id)

    def _correlate(
        self,
        record: Record,
        value: ProcessMessageSubscriptionValue | MessageStartEventSubscriptionValue,
        element_id: str,
    ) -> None:
        self._correlations[value.message_key, record.key] = MessageCorrelationRow(
            self._epoch,
            record.position,
            value.message_key,
            record.key,
            value.process_instance_key,
            value.bpmn_process_id,
            element_id,
            value.message_name,
            value.correlation_key,
            record.timestamp,
        )

    # --- timers ---

    def _timer(self, record: Record) -> None:
        value = cast("TimerValue", record.value)
        row = self._timers.get(record.key)
        if row is None:
            row = self._timers[record.key] = TimerRow(
                self._epoch,
                record.position,
                record.key,
                key_or_none(value.process_instance_key),
                value.process_definition_key,
                key_or_none(value.element_instance_key),
                value.target_element_id,
                value.repetitions,
                "ACTIVE",
            )
        row.position = record.position
        row.state = _TIMER_STATES[record.intent]
        row.due_at = key_or_none(value.due_date)
        if record.intent == TimerIntent.CREATED:
            row.created_at = record.timestamp
        else:
            row.ended_at = record.timestamp

    # --- decisions ---

    def _decision(self, record: Record) -> None:
        value = cast("DecisionValue", record.value)
        created = record.intent == CreatedDeletedIntent.CREATED
        before = self._decisions.get(value.decision_key)
        self._decisions[value.decision_key] = DecisionDefinitionRow(
            self._epoch,
            record.position,
            value.decision_key,
            value.decision_id,
            value.decision_name,
            value.version,
            value.decision_requirements_id,
            value.decision_requirements_key,
            "DEPLOYED" if created else "DELETED",
            record.timestamp if created else (before.deployed_at if before else None),
        )

    def _decision_requirements(self, record: Record) -> None:
        value = cast("DecisionRequirementsValue", record.value)
        created = record.intent == CreatedDeletedIntent.CREATED
        before = self._requirements.get(value.decision_requirements_key)
        self._requirements[value.decision_requirements_key] = DecisionRequirementsRow(
            self._epoch,
            record.position,
            value.decision_requirements_key,
            value.decision_requirements_id,
            value.decision_requirements_name,
            value.decision_requirements_version,
            value.namespace,
            value.resource_name,
            "DEPLOYED" if created else "DELETED",
            drawing(value.resource) or (before.resource if before else None),
            value.checksum.hex() or (before.checksum if before else None),
            record.timestamp if created else (before.deployed_at if before else None),
        )

    def _evaluation(self, record: Record) -> None:
        value = cast("DecisionEvaluationValue", record.value)
        output, output_cut = cut(value.decision_output)
        variables, variables_cut = cut(json_text(value.variables))
        evaluated, evaluated_cut = cut(json_text(value.evaluated_decisions))
        self._evaluations[record.key] = DecisionEvaluationRow(
            self._epoch,
            record.position,
            record.key,
            value.decision_key,
            value.decision_id,
            value.decision_name,
            value.decision_version,
            value.decision_requirements_key,
            key_or_none(value.process_instance_key),
            value.bpmn_process_id,
            value.element_id,
            key_or_none(value.element_instance_key),
            "EVALUATED" if record.intent == DecisionEvaluationIntent.EVALUATED else "FAILED",
            output,
            variables,
            evaluated,
            max(output_cut, variables_cut, evaluated_cut),
            record.timestamp,
            value.failed_decision_id or None,
            value.evaluation_failure_message or None,
        )


def json_text(value: Any) -> str:
    """Return a decoded document as JSON text."""
    return msgspec.json.encode(value).decode()
