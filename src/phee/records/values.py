"""The value of each value type, field for field as Zeebe 8.5 exports it.

Structs are array-like: in the compact (MessagePack) form a value is a list, so **fields are only
ever appended, with a default**. :mod:`phee.records.json_form` gives them their camelCase names.
Defaults are those of an empty Zeebe record. A value type without a struct here (written by a newer
engine, say) travels as :class:`OtherValue`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from phee.records.types import ValueType

DEFAULT_TENANT = "<default>"


class RecordValue(msgspec.Struct, array_like=True, gc=False):
    """Base of all record values."""


class ProcessInstanceValue(RecordValue):
    bpmn_process_id: str = ""
    version: int = -1
    process_definition_key: int = -1
    process_instance_key: int = -1
    element_id: str = ""
    flow_scope_key: int = -1
    bpmn_element_type: str = "UNSPECIFIED"
    bpmn_event_type: str = "UNSPECIFIED"
    parent_process_instance_key: int = -1
    parent_element_instance_key: int = -1
    tenant_id: str = DEFAULT_TENANT


class JobValue(RecordValue):
    type: str = ""
    worker: str = ""
    retries: int = -1
    deadline: int = -1
    timeout: int = -1
    retry_backoff: int = 0
    recurring_time: int = -1
    error_message: str = ""
    error_code: str = ""
    custom_headers: dict[str, str] = {}
    variables: dict[str, Any] = {}
    element_id: str = ""
    element_instance_key: int = -1
    bpmn_process_id: str = ""
    process_definition_version: int = -1
    process_definition_key: int = -1
    process_instance_key: int = -1
    job_kind: str = "BPMN_ELEMENT"
    tenant_id: str = DEFAULT_TENANT


class JobBatchValue(RecordValue):
    type: str = ""
    worker: str = ""
    timeout: int = -1
    max_jobs_to_activate: int = -1
    job_keys: list[int] = []
    jobs: list[JobValue] = []
    truncated: bool = False
    tenant_ids: list[str] = []


class VariableValue(RecordValue):
    """``value`` is JSON text."""

    name: str = ""
    value: str = ""
    scope_key: int = -1
    process_instance_key: int = -1
    process_definition_key: int = -1
    bpmn_process_id: str = ""
    tenant_id: str = DEFAULT_TENANT


class VariableDocumentValue(RecordValue):
    scope_key: int = -1
    update_semantics: str = "PROPAGATE"
    variables: dict[str, Any] = {}
    tenant_id: str = DEFAULT_TENANT


class StartInstruction(RecordValue):
    element_id: str = ""


class ProcessInstanceCreationValue(RecordValue):
    bpmn_process_id: str = ""
    version: int = -1
    process_definition_key: int = -1
    process_instance_key: int = -1
    variables: dict[str, Any] = {}
    start_instructions: list[StartInstruction] = []
    fetch_variables: list[str] = []
    tenant_id: str = DEFAULT_TENANT


class ProcessInstanceResultValue(RecordValue):
    bpmn_process_id: str = ""
    version: int = -1
    process_definition_key: int = -1
    process_instance_key: int = -1
    variables: dict[str, Any] = {}
    tenant_id: str = DEFAULT_TENANT


class ProcessInstanceBatchValue(RecordValue):
    process_instance_key: int = -1
    batch_element_instance_key: int = -1
    index: int = -1
    tenant_id: str = DEFAULT_TENANT


class IncidentValue(RecordValue):
    error_type: str = "UNKNOWN"
    error_message: str = ""
    bpmn_process_id: str = ""
    process_definition_key: int = -1
    process_instance_key: int = -1
    element_id: str = ""
    element_instance_key: int = -1
    job_key: int = -1
    variable_scope_key: int = -1
    tenant_id: str = DEFAULT_TENANT


class MessageValue(RecordValue):
    name: str = ""
    correlation_key: str = ""
    message_id: str = ""
    time_to_live: int = -1
    deadline: int = -1
    variables: dict[str, Any] = {}
    tenant_id: str = DEFAULT_TENANT


class MessageBatchValue(RecordValue):
    message_keys: list[int] = []


class MessageSubscriptionValue(RecordValue):
    process_instance_key: int = -1
    element_instance_key: int = -1
    bpmn_process_id: str = ""
    message_name: str = ""
    correlation_key: str = ""
    message_key: int = -1
    variables: dict[str, Any] = {}
    interrupting: bool = True
    tenant_id: str = DEFAULT_TENANT


class ProcessMessageSubscriptionValue(RecordValue):
    process_instance_key: int = -1
    element_instance_key: int = -1
    bpmn_process_id: str = ""
    message_name: str = ""
    correlation_key: str = ""
    message_key: int = -1
    variables: dict[str, Any] = {}
    interrupting: bool = True
    element_id: str = ""
    tenant_id: str = DEFAULT_TENANT


class MessageStartEventSubscriptionValue(RecordValue):
    process_definition_key: int = -1
    bpmn_process_id: str = ""
    start_event_id: str = ""
    message_name: str = ""
    correlation_key: str = ""
    message_key: int = -1
    process_instance_key: int = -1
    variables: dict[str, Any] = {}
    tenant_id: str = DEFAULT_TENANT


class TimerValue(RecordValue):
    process_definition_key: int = -1
    process_instance_key: int = -1
    element_instance_key: int = -1
    due_date: int = -1
    target_element_id: str = ""
    repetitions: int = 0
    tenant_id: str = DEFAULT_TENANT


class ProcessEventValue(RecordValue):
    scope_key: int = -1
    target_element_id: str = ""
    variables: dict[str, Any] = {}
    process_definition_key: int = -1
    process_instance_key: int = -1
    tenant_id: str = DEFAULT_TENANT


class ProcessMetadata(RecordValue):
    """A process inside a DEPLOYMENT record; ``checksum`` is the MD5 of the resource."""

    bpmn_process_id: str = ""
    version: int = -1
    process_definition_key: int = -1
    resource_name: str = ""
    checksum: bytes = b""
    duplicate: bool = False
    tenant_id: str = DEFAULT_TENANT


class ProcessValue(RecordValue):
    """A deployed process definition; ``resource`` is the drawing itself."""

    bpmn_process_id: str = ""
    version: int = -1
    process_definition_key: int = -1
    resource_name: str = ""
    resource: bytes = b""
    checksum: bytes = b""
    duplicate: bool = False
    tenant_id: str = DEFAULT_TENANT


class DeploymentResource(RecordValue):
    resource_name: str = ""
    resource: bytes = b""


class DeploymentValue(RecordValue):
    resources: list[DeploymentResource] = []
    processes_metadata: list[ProcessMetadata] = []
    decisions_metadata: list[dict[str, Any]] = []
    decision_requirements_metadata: list[dict[str, Any]] = []
    form_metadata: list[dict[str, Any]] = []
    tenant_id: str = DEFAULT_TENANT


class DecisionValue(RecordValue):
    """A deployed decision."""

    decision_id: str = ""
    decision_name: str = ""
    version: int = -1
    decision_key: int = -1
    decision_requirements_id: str = ""
    decision_requirements_key: int = -1
    duplicate: bool = False
    tenant_id: str = DEFAULT_TENANT


class DecisionRequirementsValue(RecordValue):
    """A deployed graph of decisions; ``resource`` is the DMN file itself."""

    decision_requirements_id: str = ""
    decision_requirements_name: str = ""
    decision_requirements_version: int = -1
    decision_requirements_key: int = -1
    namespace: str = ""
    resource_name: str = ""
    resource: bytes = b""
    checksum: bytes = b""
    duplicate: bool = False
    tenant_id: str = DEFAULT_TENANT


class DecisionEvaluationValue(RecordValue):
    """An evaluation; ``decision_output`` is JSON text, ``evaluated_decisions`` keep their form."""

    decision_key: int = -1
    decision_id: str = ""
    decision_name: str = ""
    decision_version: int = -1
    decision_requirements_id: str = ""
    decision_requirements_key: int = -1
    decision_output: str = "null"
    variables: dict[str, Any] = {}
    bpmn_process_id: str = ""
    process_definition_key: int = -1
    process_instance_key: int = -1
    element_id: str = ""
    element_instance_key: int = -1
    failed_decision_id: str = ""
    evaluation_failure_message: str = ""
    evaluated_decisions: list[dict[str, Any]] = []
    tenant_id: str = DEFAULT_TENANT


class ErrorValue(RecordValue):
    exception_message: str = ""
    stacktrace: str = ""
    error_event_position: int = -1
    process_instance_key: int = -1


class OtherValue(RecordValue):
    """A value of a type that has no struct: its JSON fields as they came."""

    fields: dict[str, Any] = {}

    @property
    def tenant_id(self) -> str:
        """The ``tenantId`` field, or the default tenant where the type has none."""
        return str(self.fields.get("tenantId", DEFAULT_TENANT))


VALUES: dict[ValueType, type[RecordValue]] = {
    ValueType.PROCESS_INSTANCE: ProcessInstanceValue,
    ValueType.JOB: JobValue,
    ValueType.JOB_BATCH: JobBatchValue,
    ValueType.VARIABLE: VariableValue,
    ValueType.VARIABLE_DOCUMENT: VariableDocumentValue,
    ValueType.PROCESS_INSTANCE_CREATION: ProcessInstanceCreationValue,
    ValueType.PROCESS_INSTANCE_RESULT: ProcessInstanceResultValue,
    ValueType.PROCESS_INSTANCE_BATCH: ProcessInstanceBatchValue,
    ValueType.INCIDENT: IncidentValue,
    ValueType.MESSAGE: MessageValue,
    ValueType.MESSAGE_BATCH: MessageBatchValue,
    ValueType.MESSAGE_SUBSCRIPTION: MessageSubscriptionValue,
    ValueType.PROCESS_MESSAGE_SUBSCRIPTION: ProcessMessageSubscriptionValue,
    ValueType.MESSAGE_START_EVENT_SUBSCRIPTION: MessageStartEventSubscriptionValue,
    ValueType.TIMER: TimerValue,
    ValueType.PROCESS_EVENT: ProcessEventValue,
    ValueType.PROCESS: ProcessValue,
    ValueType.DEPLOYMENT: DeploymentValue,
    ValueType.DECISION: DecisionValue,
    ValueType.DECISION_REQUIREMENTS: DecisionRequirementsValue,
    ValueType.DECISION_EVALUATION: DecisionEvaluationValue,
    ValueType.ERROR: ErrorValue,
}
"""The struct of each value type that phee reads or writes by field."""


def value_class(value_type: ValueType) -> type[RecordValue]:
    """Return the struct of ``value_type``, :class:`OtherValue` when it has none of its own."""
    return VALUES.get(value_type, OtherValue)
