"""What records mean for rows: the changes that projections produce and stores apply.

A row here is a partial one: None says nothing and leaves what is stored. Each belongs to a
:class:`Target`: a table (or a group of its columns), its key, and the column with the position of
the newest record applied, by which a store refuses older changes. Times are ms since 1970 UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import msgspec

OUTCOME_COMPLETED, OUTCOME_UNKNOWN, OUTCOME_FAILED = 1, 2, 3
"""How a flow ended, in the order in which one end outweighs another."""


class RowChange(msgspec.Struct):
    """Base of all row changes; ``epoch`` and the key fields are always set."""

    epoch: int
    position: int


class ProcessInstanceRow(RowChange, gc=False):
    process_instance_key: int
    bpmn_process_id: str
    flow: str
    version: int
    process_definition_key: int
    parent_process_instance_key: int | None
    parent_element_instance_key: int | None
    state: str
    started_at: int | None = None
    ended_at: int | None = None
    root_process_instance_key: int | None = None


class FlowNodeInstanceRow(RowChange, gc=False):
    element_instance_key: int
    process_instance_key: int
    process_definition_key: int
    element_id: str
    element_type: str
    flow_scope_key: int | None
    state: str
    started_at: int | None = None
    ended_at: int | None = None


class VariableRow(RowChange, gc=False):
    scope_key: int
    name: str
    value: str
    timestamp: int
    workflow_instance_key: int
    workflow_key: int


class TaskRow(RowChange, gc=False):
    job_key: int
    workflow_instance_key: int
    workflow_key: int
    element_id: str
    element_instance_key: int
    type: str
    intent: str
    record_type: str
    timestamp: int
    created_at: int | None = None
    ended_at: int | None = None
    worker: str | None = None
    retries: int | None = None
    error_code: str | None = None
    error_message: str | None = None


class IncidentRow(RowChange, gc=False):
    incident_key: int
    process_instance_key: int
    process_definition_key: int
    bpmn_process_id: str
    element_id: str
    element_instance_key: int
    job_key: int | None
    error_type: str
    error_message: str
    state: str
    created_at: int | None = None
    resolved_at: int | None = None


class ProcessDefinitionRow(RowChange, gc=False):
    process_definition_key: int
    bpmn_process_id: str
    version: int
    resource_name: str
    state: str
    resource: str | None = None
    deployed_at: int | None = None
    checksum: str | None = None


class TransferInstanceRow(RowChange, gc=False):
    """What the process instance says about its transfer."""

    workflow_instance_key: int
    flow: str
    direction: str
    bpmn_process_id: str
    workflow_key: int
    instance_state: str | None = None
    outcome: int | None = None
    started_at: int | None = None
    completed_at: int | None = None
    parent_process_instance_key: int | None = None
    root_process_instance_key: int | None = None


class TransferVariablesRow(RowChange, gc=False):
    """What the mapped variables say about a transfer."""

    workflow_instance_key: int
    direction: str
    transaction_id: str | None = None
    client_correlation_id: str | None = None
    batch_id: str | None = None
    sub_batch_id: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    payer_dfsp_id: str | None = None
    payer_party_id: str | None = None
    payer_party_id_type: str | None = None
    payer_quote_code: str | None = None
    payer_fee: Decimal | None = None
    payer_fee_currency: str | None = None
    payee_dfsp_id: str | None = None
    payee_party_id: str | None = None
    payee_party_id_type: str | None = None
    payee_quote_code: str | None = None
    payee_fee: Decimal | None = None
    payee_fee_currency: str | None = None
    status_detail: str | None = None
    error_information: str | None = None
    note: str | None = None


class TransferJobsRow(RowChange, gc=False):
    """Whether the newest job of a transfer is one that handles an unknown outcome."""

    workflow_instance_key: int
    is_unknown: int


@dataclass(frozen=True, slots=True)
class Target:
    """Where row changes of one kind go.

    Attributes:
        table: the table's name.
        row: the struct of its changes.
        key: the fields that identify a row, besides ``epoch``.
        position: the column for ``position``.
        largest_wins: columns that keep the larger value instead of the newer one.
        only_in_documents: fields that the relational store has no column for.
    """

    table: str
    row: type[RowChange]
    key: tuple[str, ...]
    position: str = "position"
    largest_wins: frozenset[str] = frozenset()
    only_in_documents: frozenset[str] = frozenset()


PROCESS_INSTANCES = Target("process_instances", ProcessInstanceRow, ("process_instance_key",))
FLOW_NODE_INSTANCES = Target("flow_node_instances", FlowNodeInstanceRow, ("element_instance_key",))
VARIABLES = Target("variables", VariableRow, ("scope_key", "name"))
TASKS = Target("tasks", TaskRow, ("job_key",))
INCIDENTS = Target("incidents", IncidentRow, ("incident_key",))
PROCESS_DEFINITIONS = Target(
    "process_definitions", ProcessDefinitionRow, ("process_definition_key",)
)
TRANSFER_INSTANCES = Target(
    "transfers",
    TransferInstanceRow,
    ("workflow_instance_key",),
    position="instance_position",
    largest_wins=frozenset({"outcome"}),
)
TRANSFER_VARIABLES = Target(
    "transfers",
    TransferVariablesRow,
    ("workflow_instance_key",),
    position="variables_position",
    only_in_documents=frozenset({"note"}),
)
TRANSFER_JOBS = Target(
    "transfers", TransferJobsRow, ("workflow_instance_key",), position="jobs_position"
)
TARGETS = (
    PROCESS_DEFINITIONS,
    PROCESS_INSTANCES,
    FLOW_NODE_INSTANCES,
    VARIABLES,
    TASKS,
    INCIDENTS,
    TRANSFER_INSTANCES,
    TRANSFER_VARIABLES,
    TRANSFER_JOBS,
)
"""Every target, in the order in which a store applies them."""
