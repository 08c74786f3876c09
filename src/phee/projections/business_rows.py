"""What the flows of requests, batches and messages mean for rows; see phee.projections.rows.

What the process instance says has the same form for every type of flow, that of a transfer's; the
mapped variables of each type have a form of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from phee.projections.rows import RowChange, Target, TransferInstanceRow


class RequestVariablesRow(RowChange, gc=False):
    """What the mapped variables say about a transaction request."""

    workflow_instance_key: int
    direction: str
    stated_state: str | None = None
    transaction_id: str | None = None
    client_correlation_id: str | None = None
    external_id: str | None = None
    auth_type: str | None = None
    initiator_type: str | None = None
    scenario: str | None = None
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


class BatchVariablesRow(RowChange, gc=False):
    """What the mapped variables of one process instance say about its batch."""

    workflow_instance_key: int
    direction: str
    batch_id: str | None = None
    sub_batch_id: str | None = None
    sub_batch_ids: str | None = None
    request_id: str | None = None
    request_file: str | None = None
    result_file: str | None = None
    note: str | None = None
    payment_mode: str | None = None
    payer_fsp: str | None = None
    payee_fsp: str | None = None
    registering_institution_id: str | None = None
    client_correlation_id: str | None = None
    approved_amount: Decimal | None = None
    approved_count: int | None = None
    error_information: str | None = None


class OutboundVariablesRow(RowChange, gc=False):
    """What the mapped variables say about a message to a person."""

    workflow_instance_key: int
    direction: str
    internal_id: str | None = None
    external_id: str | None = None
    delivery_status: str | None = None
    delivery_error_message: str | None = None
    source_address: str | None = None
    mobile_number: str | None = None
    message: str | None = None
    bridge_id: str | None = None
    response: str | None = None


@dataclass(frozen=True, slots=True)
class BusinessTable:
    """The table of one type of flow, and its two groups of columns."""

    flow_type: str
    instances: Target
    variables: Target

    @property
    def name(self) -> str:
        """The table's name."""
        return self.instances.table


def _business(flow_type: str, table: str, variables: type[RowChange]) -> BusinessTable:
    key = ("workflow_instance_key",)
    return BusinessTable(
        flow_type,
        Target(
            table,
            TransferInstanceRow,
            key,
            position="instance_position",
            largest_wins=frozenset({"outcome"}),
        ),
        Target(table, variables, key, position="variables_position"),
    )


REQUESTS = _business("TRANSACTION_REQUEST", "transaction_requests", RequestVariablesRow)
BATCHES = _business("BATCH", "batch_instances", BatchVariablesRow)
OUTBOUND = _business("OUTBOUND_MESSAGE", "outbound_messages", OutboundVariablesRow)
BUSINESS_TABLES = (REQUESTS, BATCHES, OUTBOUND)
BUSINESS_TARGETS = tuple(
    target for table in BUSINESS_TABLES for target in (table.instances, table.variables)
)
