"""Everything one batch of records means for one tenant's search documents.

One document per payment (an instance of a mapped flow), one per other process instance, one per
incident. Documents fill up group by group like rows do; see :mod:`phee.projections.rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from decimal import Decimal
from typing import cast

from phee.projections.generic import STATE_BY_INTENT
from phee.projections.masking import Masker
from phee.projections.routing import Route
from phee.projections.rows import RowChange, Target, TransferVariablesRow
from phee.projections.transfers import TransferFold
from phee.records import Record, ValueType
from phee.records.types import IncidentIntent, ProcessInstanceIntent
from phee.records.values import IncidentValue, JobValue, ProcessInstanceValue, VariableValue

PAYMENT, INSTANCE, INCIDENT = "payment", "instance", "incident"


class DocumentRow(RowChange):
    """Base of document changes: what identifies one, and the instance it is about."""

    kind: str
    key: int
    process_instance_key: int


class InstanceDocument(DocumentRow, gc=False):
    bpmn_process_id: str
    flow: str
    state: str | None = None
    outcome: int | None = None
    started_at: int | None = None
    completed_at: int | None = None
    direction: str | None = None


class PaymentVariables(DocumentRow, gc=False):
    direction: str
    transaction_id: str | None
    client_correlation_id: str | None
    batch_id: str | None
    amount: Decimal | None
    currency: str | None
    payer_dfsp_id: str | None
    payer_party_id: str | None
    payer_party_id_type: str | None
    payee_dfsp_id: str | None
    payee_party_id: str | None
    payee_party_id_type: str | None
    note: str | None
    error_text: str | None


class PaymentJobs(DocumentRow, gc=False):
    is_unknown: int


class IncidentDocument(DocumentRow, gc=False):
    bpmn_process_id: str
    flow: str
    element_id: str
    error_type: str
    error_text: str
    state: str
    started_at: int | None = None
    completed_at: int | None = None


_KEY = ("kind", "key")
INSTANCE_DOCUMENTS = Target(
    "documents",
    InstanceDocument,
    _KEY,
    position="instance_position",
    largest_wins=frozenset({"outcome"}),
)
PAYMENT_VARIABLES = Target("documents", PaymentVariables, _KEY, position="variables_position")
PAYMENT_JOBS = Target("documents", PaymentJobs, _KEY, position="jobs_position")
INCIDENT_DOCUMENTS = Target("documents", IncidentDocument, _KEY, position="instance_position")
DOCUMENT_TARGETS = (INSTANCE_DOCUMENTS, PAYMENT_VARIABLES, PAYMENT_JOBS, INCIDENT_DOCUMENTS)
"""Every target, in the order in which a store applies them."""
PAYMENT_TARGETS = (INSTANCE_DOCUMENTS, PAYMENT_VARIABLES, PAYMENT_JOBS)
"""The groups that the document of a payment has, each with a position of its own."""

_FIELDS = tuple(
    "error_information" if name == "error_text" else name
    for name in PaymentVariables.__struct_fields__
    if name not in DocumentRow.__struct_fields__
)
"""What a payment's document takes from its row, in the order of the document."""


Maskers = Callable[[str], Masker | None]
"""Returns what masks the personal data of a tenant; None: nothing is masked."""


class DocumentFold:
    """Folds the records of one tenant and epoch, in order, into document changes."""

    def __init__(self, epoch: int, maskers: Maskers = lambda _: None) -> None:
        self.epoch = epoch
        self._maskers = maskers
        self.tenant_id = ""
        self._payments = TransferFold(epoch)
        self._instances: dict[int, InstanceDocument] = {}
        self._incidents: dict[int, IncidentDocument] = {}

    def apply(self, record: Record, route: Route) -> None:
        """Fold one record in.

        Raises:
            InvalidInput: a field of a payment cannot be read from it; all else is folded in.
        """
        value = record.value
        self.tenant_id = route.tenant_id
        match record.value_type:
            case ValueType.PROCESS_INSTANCE:
                instance = cast("ProcessInstanceValue", value)
                if route.mapping is not None:
                    self._payments.process_instance(record, instance, route)
                elif instance.bpmn_element_type == "PROCESS":
                    self._instance(record, instance, route)
            case ValueType.VARIABLE:
                self._payments.variable(record, cast("VariableValue", value), route)
            case ValueType.JOB:
                self._payments.job(record, cast("JobValue", value), route)
            case ValueType.INCIDENT:
                incident = cast("IncidentValue", value)
                self._payments.incident(incident, route)
                self._incident(record, incident, route)

    @property
    def touched_payments(self) -> set[int]:
        """The instances whose payment status must be worked out again."""
        return self._payments.touched

    def touched_others(self) -> list[tuple[str, int]]:
        """Return (kind, key) of the documents whose status is simply their state."""
        instances = [(INSTANCE, key) for key in self._instances]
        return instances + [(INCIDENT, key) for key in self._incidents]

    def changes(self) -> list[tuple[Target, Collection[RowChange]]]:
        """Return the document changes in the order a store applies them, masked."""
        payments = self._payments
        instances = [
            InstanceDocument(
                row.epoch,
                row.position,
                PAYMENT,
                row.workflow_instance_key,
                row.workflow_instance_key,
                row.bpmn_process_id,
                row.flow,
                row.instance_state,
                row.outcome,
                row.started_at,
                row.completed_at,
                row.direction,
            )
            for row in payments.instances.values()
        ]
        jobs = [
            PaymentJobs(row.epoch, row.position, PAYMENT, key, key, row.is_unknown)
            for key, row in payments.jobs.items()
        ]
        return [
            (INSTANCE_DOCUMENTS, [*instances, *self._instances.values()]),
            (PAYMENT_VARIABLES, self._variables()),
            (PAYMENT_JOBS, jobs),
            (INCIDENT_DOCUMENTS, self._incidents.values()),
        ]

    def _variables(self) -> list[PaymentVariables]:
        rows = [_variables(row) for row in self._payments.variables.values()]
        masker = self._maskers(self.tenant_id) if self.tenant_id else None  # nothing was applied
        return rows if masker is None else [masker.struct(row) for row in rows]

    def _instance(self, record: Record, value: ProcessInstanceValue, route: Route) -> None:
        key = value.process_instance_key
        row = self._instances.get(key)
        if row is None:
            row = self._instances[key] = InstanceDocument(
                self.epoch, record.position, INSTANCE, key, key, value.bpmn_process_id, route.flow
            )
        row.position = record.position
        row.state = STATE_BY_INTENT[record.intent]
        if record.intent == ProcessInstanceIntent.ELEMENT_ACTIVATING:
            row.started_at = record.timestamp
        elif row.state != "ACTIVE":
            row.completed_at = record.timestamp

    def _incident(self, record: Record, value: IncidentValue, route: Route) -> None:
        row = self._incidents.get(record.key)
        if row is None:
            row = self._incidents[record.key] = IncidentDocument(
                self.epoch,
                record.position,
                INCIDENT,
                record.key,
                value.process_instance_key,
                value.bpmn_process_id,
                route.flow,
                value.element_id,
                value.error_type,
                value.error_message,
                "OPEN",
            )
        row.position = record.position
        if record.intent == IncidentIntent.CREATED:
            row.started_at = record.timestamp
        else:
            row.state = "RESOLVED"
            row.completed_at = record.timestamp


def _variables(row: TransferVariablesRow) -> PaymentVariables:
    key = row.workflow_instance_key
    fields = [getattr(row, name) for name in _FIELDS]
    return PaymentVariables(row.epoch, row.position, PAYMENT, key, key, *fields)
