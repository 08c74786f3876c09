"""What the relational store answers: plain, immutable rows. Times are ms since 1970 UTC."""

from __future__ import annotations

from decimal import Decimal
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a listing, and how many rows the whole listing has.

    ``total`` is a lower bound when it is not exact; ``next_cursor`` is empty on the last page.
    """

    total: int
    rows: list[T]
    total_is_exact: bool = True
    next_cursor: str = ""


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    epoch: int
    workflow_instance_key: int
    workflow_key: int | None
    bpmn_process_id: str | None
    flow: str | None
    direction: str | None
    transaction_id: str | None
    client_correlation_id: str | None
    batch_id: str | None
    sub_batch_id: str | None
    amount: Decimal | None
    currency: str | None
    payer_dfsp_id: str | None
    payer_party_id: str | None
    payer_party_id_type: str | None
    payer_quote_code: str | None
    payer_fee: Decimal | None
    payer_fee_currency: str | None
    payee_dfsp_id: str | None
    payee_party_id: str | None
    payee_party_id_type: str | None
    payee_quote_code: str | None
    payee_fee: Decimal | None
    payee_fee_currency: str | None
    status: str
    status_detail: str | None
    error_information: str | None
    started_at: int | None
    completed_at: int | None
    parent_process_instance_key: int | None = None
    root_process_instance_key: int | None = None


class Task(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    epoch: int
    job_key: int
    workflow_instance_key: int
    workflow_key: int
    element_id: str
    element_instance_key: int | None
    type: str
    intent: str
    record_type: str
    timestamp: int
    created_at: int | None
    ended_at: int | None
    worker: str | None
    retries: int | None
    error_code: str | None
    error_message: str | None


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """``value`` is JSON text."""

    id: int
    epoch: int
    scope_key: int
    name: str
    value: str
    timestamp: int
    workflow_instance_key: int
    workflow_key: int
    position: int


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """``state`` is OPEN or RESOLVED."""

    id: int
    epoch: int
    incident_key: int
    process_instance_key: int
    process_definition_key: int
    bpmn_process_id: str
    element_id: str
    element_instance_key: int | None
    job_key: int | None
    error_type: str
    error_message: str | None
    state: str
    created_at: int | None
    resolved_at: int | None


class ProcessInstance(msgspec.Struct, frozen=True, kw_only=True):
    """``state`` is ACTIVE, COMPLETED or TERMINATED."""

    id: int
    epoch: int
    process_instance_key: int
    bpmn_process_id: str
    flow: str
    version: int
    process_definition_key: int
    parent_process_instance_key: int | None
    parent_element_instance_key: int | None
    root_process_instance_key: int | None
    state: str
    started_at: int | None
    ended_at: int | None


class FlowNodeInstance(msgspec.Struct, frozen=True, kw_only=True):
    """``state`` is ACTIVE, COMPLETED or TERMINATED."""

    id: int
    epoch: int
    element_instance_key: int
    process_instance_key: int
    process_definition_key: int
    element_id: str
    element_type: str
    flow_scope_key: int | None
    state: str
    started_at: int | None
    ended_at: int | None


class ProcessDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """``resource`` (the drawing) is None in listings."""

    id: int
    epoch: int
    process_definition_key: int
    bpmn_process_id: str
    version: int
    resource_name: str
    state: str
    deployed_at: int | None
    resource: str | None = None


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """``record`` is the record as JSON, or hexadecimal when it could not be read at all."""

    id: int
    consumer: str
    epoch: int
    partition_id: int
    position: int
    reason_code: str
    reason: str
    tenant_id: str | None
    value_type: str | None
    intent: str | None
    record_key: int | None
    process_instance_key: int | None
    record: str | None
    timestamp: int | None
    state: str


class DeadLetterDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did about a dead letter, and the letter's state after it."""

    action: str
    outcome: str
    reason: str | None
    decided_by: str | None
    decided_at: int


class StatusTotal(msgspec.Struct, frozen=True, kw_only=True):
    """How many transfers have one status and currency, and their exact sum."""

    status: str
    currency: str | None
    count: int
    amount: Decimal


class StoredWatermark(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of this sequence of records up to ``position`` is applied."""

    consumer: str
    lane: str
    epoch: int
    partition_id: int
    position: int
