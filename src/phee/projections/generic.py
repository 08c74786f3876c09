"""Rows that every process gets, whatever it is for: no configuration, one function per table."""

from __future__ import annotations

from phee.projections.happening_rows import VariableHistoryRow
from phee.projections.routing import Route
from phee.projections.rows import (
    FlowNodeInstanceRow,
    IncidentRow,
    ProcessDefinitionRow,
    ProcessInstanceRow,
    TaskRow,
    VariableRow,
)
from phee.projections.texts import cut
from phee.records import Record
from phee.records.types import (
    IncidentIntent,
    JobIntent,
    ProcessInstanceIntent,
    ProcessIntent,
    VariableIntent,
)
from phee.records.values import (
    IncidentValue,
    JobValue,
    ProcessInstanceValue,
    ProcessValue,
    VariableValue,
)

_STATES = {
    ProcessInstanceIntent.ELEMENT_ACTIVATING: "ACTIVE",
    ProcessInstanceIntent.ELEMENT_MIGRATED: "ACTIVE",
    ProcessInstanceIntent.ELEMENT_COMPLETED: "COMPLETED",
    ProcessInstanceIntent.ELEMENT_TERMINATED: "TERMINATED",
}
STATE_BY_INTENT: dict[int, str] = {int(intent): state for intent, state in _STATES.items()}
"""What an element instance is after a record with this intent."""
_STARTED = ProcessInstanceIntent.ELEMENT_ACTIVATING
_ENDED = frozenset(
    (ProcessInstanceIntent.ELEMENT_COMPLETED, ProcessInstanceIntent.ELEMENT_TERMINATED)
)
_JOB_ENDED = frozenset((JobIntent.COMPLETED, JobIntent.CANCELED, JobIntent.ERROR_THROWN))
_JOB_INTENT_NAMES = {int(intent): intent.name for intent in JobIntent}


def key_or_none(key: int) -> int | None:
    """Return a key, or None for Zeebe's "none" (-1)."""
    return key if key >= 0 else None


_UPDATED = VariableIntent.UPDATED


class GenericFold:
    """Folds the records of one epoch into one change per row.

    ``replaced`` are the variables whose value before the first one here only the store knows, with
    the position from which on it does not count; ``children`` are the instances of call
    activities that began here, with their parents.
    """

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self.process_instances: dict[int, ProcessInstanceRow] = {}
        self.flow_nodes: dict[int, FlowNodeInstanceRow] = {}
        self.variables: dict[tuple[int, str], VariableRow] = {}
        self.variable_history: list[VariableHistoryRow] = []
        self.replaced: dict[tuple[int, str], int] = {}
        self.children: dict[int, int] = {}
        self.tasks: dict[int, TaskRow] = {}
        self.incidents: dict[int, IncidentRow] = {}
        self.definitions: dict[int, ProcessDefinitionRow] = {}

    def process_instance(self, record: Record, value: ProcessInstanceValue, route: Route) -> None:
        """A process or a flow node began, ended or moved to another definition."""
        row: ProcessInstanceRow | FlowNodeInstanceRow
        if value.bpmn_element_type == "PROCESS":
            row = self._process(record, value, route)
        else:
            row = self._flow_node(record, value)
        intent = record.intent
        row.position = record.position
        row.state = STATE_BY_INTENT[intent]
        if intent == _STARTED:
            row.started_at = record.timestamp
        elif intent in _ENDED:
            row.ended_at = record.timestamp

    def _process(
        self, record: Record, value: ProcessInstanceValue, route: Route
    ) -> ProcessInstanceRow:
        row = self.process_instances.get(record.key)
        if row is None or row.process_definition_key != value.process_definition_key:
            before = row
            row = self.process_instances[record.key] = ProcessInstanceRow(
                self._epoch,
                record.position,
                value.process_instance_key,
                value.bpmn_process_id,
                route.flow,
                value.version,
                value.process_definition_key,
                key_or_none(value.parent_process_instance_key),
                key_or_none(value.parent_element_instance_key),
                "ACTIVE",
                before.started_at if before is not None else None,
                None,
                self._root(record, value)
                or (before.root_process_instance_key if before is not None else None),
            )
        return row

    def _root(self, record: Record, value: ProcessInstanceValue) -> int | None:
        """The instance that began it all; None when only the store can know."""
        parent = value.parent_process_instance_key
        if parent < 0:
            return value.process_instance_key
        if record.intent != _STARTED:
            return None
        self.children[value.process_instance_key] = parent
        return None

    def _flow_node(self, record: Record, value: ProcessInstanceValue) -> FlowNodeInstanceRow:
        row = self.flow_nodes.get(record.key)
        if row is None:
            row = self.flow_nodes[record.key] = FlowNodeInstanceRow(
                self._epoch,
                record.position,
                record.key,
                value.process_instance_key,
                value.process_definition_key,
                value.element_id,
                value.bpmn_element_type,
                key_or_none(value.flow_scope_key),
                "ACTIVE",
            )
        row.element_id = value.element_id
        row.process_definition_key = value.process_definition_key
        return row

    def variable(self, record: Record, value: VariableValue) -> None:
        """A variable has a new value."""
        key = (value.scope_key, value.name)
        if record.intent == _UPDATED:
            self._replace(key, record.position)
        self.variables[key] = VariableRow(
            self._epoch,
            record.position,
            value.scope_key,
            value.name,
            value.value,
            record.timestamp,
            value.process_instance_key,
            value.process_definition_key,
        )

    def _replace(self, key: tuple[int, str], position: int) -> None:
        before = self.variables.get(key)
        if before is None:
            self.replaced[key] = position
        else:
            self.variable_history.append(history_of(before))

    def job(self, record: Record, value: JobValue) -> None:
        """Something happened to a job."""
        row = self.tasks.get(record.key)
        if row is None:
            row = self.tasks[record.key] = TaskRow(
                self._epoch,
                record.position,
                record.key,
                value.process_instance_key,
                value.process_definition_key,
                value.element_id,
                value.element_instance_key,
                value.type,
                "",
                "JOB",
                record.timestamp,
            )
        row.position = record.position
        row.intent = _JOB_INTENT_NAMES.get(record.intent, str(record.intent))
        row.timestamp = record.timestamp
        row.retries = value.retries
        row.worker = value.worker or row.worker
        row.error_code = value.error_code or row.error_code
        row.error_message = value.error_message or row.error_message
        if record.intent == JobIntent.CREATED:
            row.created_at = record.timestamp
        elif record.intent in _JOB_ENDED:
            row.ended_at = record.timestamp

    def incident(self, record: Record, value: IncidentValue) -> None:
        """An incident came or went."""
        row = self.incidents.get(record.key)
        if row is None:
            row = self.incidents[record.key] = IncidentRow(
                self._epoch,
                record.position,
                record.key,
                value.process_instance_key,
                value.process_definition_key,
                value.bpmn_process_id,
                value.element_id,
                value.element_instance_key,
                key_or_none(value.job_key),
                value.error_type,
                value.error_message,
                "OPEN",
            )
        row.position = record.position
        if record.intent == IncidentIntent.CREATED:
            row.created_at = record.timestamp
        else:
            row.state = "RESOLVED"
            row.resolved_at = record.timestamp

    def process(self, record: Record, value: ProcessValue) -> None:
        """A process was deployed or deleted."""
        created = record.intent == ProcessIntent.CREATED
        before = self.definitions.get(value.process_definition_key)
        self.definitions[value.process_definition_key] = ProcessDefinitionRow(
            self._epoch,
            record.position,
            value.process_definition_key,
            value.bpmn_process_id,
            value.version,
            value.resource_name,
            "DEPLOYED" if created else "DELETED",
            drawing(value.resource) or (before.resource if before is not None else None),
            record.timestamp if created else (before.deployed_at if before is not None else None),
            value.checksum.hex() or (before.checksum if before is not None else None),
        )


def drawing(resource: bytes) -> str | None:
    """Return a deployed file as text, None when the record does not hold it."""
    return resource.decode(errors="replace") if resource else None


def history_of(row: VariableRow) -> VariableHistoryRow:
    """Return what is kept of a variable's value when another one takes its place."""
    value, is_truncated = cut(row.value)
    return VariableHistoryRow(
        row.epoch,
        row.position,
        row.scope_key,
        row.name,
        value,
        is_truncated,
        row.timestamp,
        row.workflow_instance_key,
    )
