"""Payments: what the records of a mapped flow mean for its transfer.

Three independent groups of facts (the instance, its variables, its jobs), each ordered by its own
position; the status follows from them and from open incidents (:func:`status_rule`), so it comes
out the same in whatever order the groups arrive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from phee.projections.mapping import FlowMapping
from phee.projections.routing import Route
from phee.projections.rows import (
    OUTCOME_COMPLETED,
    OUTCOME_FAILED,
    OUTCOME_UNKNOWN,
    TransferInstanceRow,
    TransferJobsRow,
    TransferVariablesRow,
)
from phee.records import Record
from phee.records.types import JobIntent, ProcessInstanceIntent
from phee.records.values import IncidentValue, JobValue, ProcessInstanceValue, VariableValue

_STARTED = ProcessInstanceIntent.ELEMENT_ACTIVATING
_COMPLETED = ProcessInstanceIntent.ELEMENT_COMPLETED
_TERMINATED = ProcessInstanceIntent.ELEMENT_TERMINATED


def status_rule(
    open_incident: str, *, state: str = "instance_state", is_unknown: str = "is_unknown = 1"
) -> str:
    """Return the SQL expression of a transfer's status.

    Args:
        open_incident: SQL condition that is true while an incident of the instance is open.
        state: the column that says how the instance is.
        is_unknown: SQL condition that is true while the outcome of the payment is unknown.
    """
    return (
        f"CASE WHEN {state} = 'TERMINATED' THEN 'FAILED'"
        f" WHEN {state} = 'COMPLETED' THEN CASE outcome"
        f" WHEN {OUTCOME_FAILED} THEN 'FAILED' WHEN {OUTCOME_UNKNOWN} THEN 'UNKNOWN'"
        f" ELSE 'COMPLETED' END"
        f" WHEN {open_incident} THEN 'EXCEPTION'"
        f" WHEN {is_unknown} THEN 'UNKNOWN' ELSE 'IN_PROGRESS' END"
    )


def transfer_status(
    state: str | None, outcome: int | None, *, is_unknown: bool, has_open_incident: bool
) -> str:
    """Return a transfer's status: :func:`status_rule` for stores that have no SQL."""
    if state == "TERMINATED":
        return "FAILED"
    if state == "COMPLETED":
        ends = {OUTCOME_FAILED: "FAILED", OUTCOME_UNKNOWN: "UNKNOWN"}
        return ends.get(outcome or OUTCOME_COMPLETED, "COMPLETED")
    if has_open_incident:
        return "EXCEPTION"
    return "UNKNOWN" if is_unknown else "IN_PROGRESS"


class TransferFold:
    """Folds the records of many transfers, of one epoch, into one change per transfer and group.

    ``touched`` are the instances whose status must be worked out again. Flows of other types
    than transfers are folded by it, too, with another form of their variables.
    """

    def __init__(
        self, epoch: int, variables_row: Callable[..., Any] = TransferVariablesRow
    ) -> None:
        self._epoch = epoch
        self._variables_row = variables_row
        self.instances: dict[int, TransferInstanceRow] = {}
        self.variables: dict[int, Any] = {}
        self.jobs: dict[int, TransferJobsRow] = {}
        self.touched: set[int] = set()

    def process_instance(self, record: Record, value: ProcessInstanceValue, route: Route) -> None:
        """Apply the life of the process, and the ends it reaches."""
        mapping = route.mapping
        if mapping is None:
            return
        if value.bpmn_element_type == "PROCESS":
            self._process(record, value, self._instance(record, value, mapping))
        elif (
            value.bpmn_element_type == "END_EVENT"
            and record.intent == _COMPLETED
            and value.flow_scope_key == value.process_instance_key
        ):
            row = self._instance(record, value, mapping)
            row.outcome = max(row.outcome or OUTCOME_COMPLETED, mapping.outcome(value.element_id))

    def variable(self, record: Record, value: VariableValue, route: Route) -> None:
        """Apply a variable of the process's own scope.

        Raises:
            InvalidInput: a mapped field cannot be read from it (the others are applied).
        """
        mapping = route.mapping
        if (
            mapping is None
            or value.name not in mapping.rules
            or value.scope_key != value.process_instance_key
        ):
            return
        key = value.process_instance_key
        row = self.variables.get(key)
        if row is None:
            row = self._variables_row(self._epoch, record.position, key, mapping.direction)
            self.variables[key] = row
            self.touched.add(key)
        row.position = record.position
        mapping.apply(row, value.name, value.value)

    def job(self, record: Record, value: JobValue, route: Route) -> None:
        """Apply a new job: one that handles an unknown outcome, or one that goes on after it."""
        mapping = route.mapping
        if mapping is None or record.intent != JobIntent.CREATED or not mapping.unknown_job_types:
            return
        is_unknown = mapping.is_unknown(value.type.removesuffix(f"-{route.tenant_id}"))
        if is_unknown is None:
            return
        key = value.process_instance_key
        self.jobs[key] = TransferJobsRow(self._epoch, record.position, key, int(is_unknown))
        self.touched.add(key)

    def incident(self, value: IncidentValue, route: Route) -> None:
        """Mark that an incident of this instance came or went."""
        if route.mapping is not None:
            self.touched.add(value.process_instance_key)

    def _instance(
        self, record: Record, value: ProcessInstanceValue, mapping: FlowMapping
    ) -> TransferInstanceRow:
        key = value.process_instance_key
        row = self.instances.get(key)
        if row is None:
            row = self.instances[key] = TransferInstanceRow(
                self._epoch,
                record.position,
                key,
                mapping.name,
                mapping.direction,
                value.bpmn_process_id,
                value.process_definition_key,
            )
            self.touched.add(key)
        row.position = record.position
        return row

    @staticmethod
    def _process(record: Record, value: ProcessInstanceValue, row: TransferInstanceRow) -> None:
        if value.parent_process_instance_key >= 0:
            row.parent_process_instance_key = value.parent_process_instance_key
        else:
            row.root_process_instance_key = value.process_instance_key
        if record.intent == _STARTED:
            row.started_at = record.timestamp
            row.instance_state = "ACTIVE"
        elif record.intent in (_COMPLETED, _TERMINATED):
            row.completed_at = record.timestamp
            row.instance_state = "COMPLETED" if record.intent == _COMPLETED else "TERMINATED"
