"""What messages, timers, decisions and replaced values mean for rows; see phee.projections.rows."""

from __future__ import annotations

from phee.projections.rows import RowChange, Target


class VariableHistoryRow(RowChange, gc=False):
    """A value that another one has replaced; ``position`` is that of the record that set it."""

    scope_key: int
    name: str
    value: str
    is_truncated: int
    timestamp: int
    workflow_instance_key: int


class MessageRow(RowChange, gc=False):
    """A message. Its end has no row: whoever sweeps the buffer names it by its key alone."""

    message_key: int
    name: str
    correlation_key: str
    message_id: str
    time_to_live_ms: int
    variables: str
    is_truncated: int
    published_at: int
    deadline: int | None = None


class MessageSubscriptionRow(RowChange, gc=False):
    subscription_key: int
    process_instance_key: int
    bpmn_process_id: str
    element_instance_key: int
    element_id: str
    message_name: str
    correlation_key: str
    state: str
    message_key: int | None = None
    created_at: int | None = None
    correlated_at: int | None = None
    closed_at: int | None = None


class MessageCorrelationRow(RowChange, gc=False):
    message_key: int
    subscription_key: int
    process_instance_key: int
    bpmn_process_id: str
    element_id: str
    message_name: str
    correlation_key: str
    correlated_at: int


class TimerRow(RowChange, gc=False):
    timer_key: int
    process_instance_key: int | None
    process_definition_key: int
    element_instance_key: int | None
    element_id: str
    repetitions: int
    state: str
    due_at: int | None = None
    created_at: int | None = None
    ended_at: int | None = None


class DecisionDefinitionRow(RowChange, gc=False):
    decision_key: int
    decision_id: str
    decision_name: str
    version: int
    decision_requirements_id: str
    decision_requirements_key: int
    state: str
    deployed_at: int | None = None


class DecisionRequirementsRow(RowChange, gc=False):
    decision_requirements_key: int
    decision_requirements_id: str
    name: str
    version: int
    namespace: str
    resource_name: str
    state: str
    resource: str | None = None
    checksum: str | None = None
    deployed_at: int | None = None


class DecisionEvaluationRow(RowChange, gc=False):
    evaluation_key: int
    decision_key: int
    decision_id: str
    decision_name: str
    decision_version: int
    decision_requirements_key: int
    process_instance_key: int | None
    bpmn_process_id: str
    element_id: str
    element_instance_key: int | None
    state: str
    decision_output: str
    variables: str
    evaluated_decisions: str
    is_truncated: int
    evaluated_at: int
    failed_decision_id: str | None = None
    failure_message: str | None = None


VARIABLE_HISTORY = Target("variable_history", VariableHistoryRow, ("scope_key", "name", "position"))
MESSAGES = Target("messages", MessageRow, ("message_key",))
MESSAGE_SUBSCRIPTIONS = Target(
    "message_subscriptions", MessageSubscriptionRow, ("subscription_key",)
)
MESSAGE_CORRELATIONS = Target(
    "message_correlations", MessageCorrelationRow, ("message_key", "subscription_key")
)
TIMERS = Target("timers", TimerRow, ("timer_key",))
DECISION_DEFINITIONS = Target("decision_definitions", DecisionDefinitionRow, ("decision_key",))
DECISION_REQUIREMENTS = Target(
    "decision_requirements", DecisionRequirementsRow, ("decision_requirements_key",)
)
DECISION_EVALUATIONS = Target("decision_evaluations", DecisionEvaluationRow, ("evaluation_key",))
HAPPENING_TARGETS = (
    VARIABLE_HISTORY,
    MESSAGES,
    MESSAGE_SUBSCRIPTIONS,
    MESSAGE_CORRELATIONS,
    TIMERS,
    DECISION_DEFINITIONS,
    DECISION_REQUIREMENTS,
    DECISION_EVALUATIONS,
)
