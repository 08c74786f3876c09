"""What the listings beside transfers answer: upstream's names, exact amounts as text, epoch ms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from phee.operations.answers import InstanceParts, amount_text, error_information


class ListedAnswer(msgspec.Struct, kw_only=True, rename="camel"):
    """Base of what a listing shows of a row."""


T = TypeVar("T", bound=ListedAnswer)


class TransactionRequestAnswer(ListedAnswer):
    """A request to be paid."""

    id: int
    workflow_instance_key: int
    transaction_id: str | None
    started_at: int | None
    completed_at: int | None
    state: str
    status_detail: str | None
    direction: str | None
    amount: str | None
    currency: str | None
    payer_dfsp_id: str | None
    payer_party_id: str | None
    payer_party_id_type: str | None
    payer_quote_code: str | None
    payer_fee: str | None
    payer_fee_currency: str | None
    payee_dfsp_id: str | None
    payee_party_id: str | None
    payee_party_id_type: str | None
    payee_quote_code: str | None
    payee_fee: str | None
    payee_fee_currency: str | None
    auth_type: str | None
    initiator_type: str | None
    scenario: str | None
    external_id: str | None
    client_correlation_id: str | None
    error_information: Any
    bpmn_process_id: str | None


class TransactionRequestDetail(InstanceParts):
    """A request and everything that happened in it."""

    transaction_request: TransactionRequestAnswer


class BatchCounters(ListedAnswer):
    """How many transfers there are in each state, and their sums."""

    currency: str | None
    total: int
    ongoing: int
    successful: int
    failed: int
    total_amount: str | None
    pending_amount: str | None
    successful_amount: str | None
    failed_amount: str | None


class SubBatchAnswer(BatchCounters):
    """A sub-batch; amounts are null when its transfers have several currencies."""

    batch_id: str
    sub_batch_id: str
    status: str
    started_at: int | None
    completed_at: int | None
    payer_fsp: str | None
    payee_fsp: str | None


class BatchAnswer(BatchCounters):
    """A batch; amounts are null when its transfers have several currencies."""

    batch_id: str
    workflow_instance_key: int | None
    bpmn_process_id: str | None
    request_id: str | None
    file: str | None
    result_file: str | None
    notes: str | None
    modes: str | None
    status: str
    started_at: int | None
    completed_at: int | None
    payer_fsp: str | None
    payee_fsp: str | None
    registering_institution_id: str | None
    correlation_id: str | None
    approved_amount: str | None
    approved_count: int | None


class BatchDetail(ListedAnswer):
    """A batch with its sub-batches and, for each currency, its amounts."""

    batch: BatchAnswer
    amounts: list[BatchCounters]
    sub_batches: list[SubBatchAnswer]


class OutboundMessageAnswer(ListedAnswer):
    """A message to a person."""

    workflow_instance_key: int
    internal_id: str | None
    external_id: str | None
    status: str
    delivery_status: str | None
    delivery_error_message: str | None
    submitted_on_date: int | None
    delivered_on_date: int | None
    source_address: str | None
    mobile_number: str | None
    message: str | None
    response: str | None


class MessageAnswer(ListedAnswer):
    """A message that was published; one past its deadline is no longer kept for anybody."""

    message_key: int
    name: str
    correlation_key: str
    message_id: str
    time_to_live_ms: int
    variables: str
    is_truncated: int
    published_at: int
    deadline: int | None


class MessageSubscriptionAnswer(ListedAnswer):
    """An instance that waits, or waited, for a message; ``message_key`` is the one that came."""

    subscription_key: int
    process_instance_key: int
    bpmn_process_id: str
    element_instance_key: int
    element_id: str
    message_name: str
    correlation_key: str
    state: str
    message_key: int | None
    created_at: int | None
    correlated_at: int | None
    closed_at: int | None


class TimerAnswer(ListedAnswer):
    """A timer of an instance, or of a start event (then without an instance)."""

    timer_key: int
    process_instance_key: int | None
    process_definition_key: int
    element_instance_key: int | None
    element_id: str
    repetitions: int
    state: str
    due_at: int | None
    created_at: int | None
    ended_at: int | None


class DecisionDefinitionAnswer(ListedAnswer):
    """A deployed decision."""

    decision_key: int
    decision_id: str
    decision_name: str
    version: int
    decision_requirements_id: str
    decision_requirements_key: int
    state: str
    deployed_at: int | None


class DecisionEvaluationAnswer(ListedAnswer):
    """An evaluation; what went in and came out is JSON text, cut when ``is_truncated`` is 1."""

    evaluation_key: int
    decision_key: int
    decision_id: str
    decision_name: str
    decision_version: int
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
    failed_decision_id: str | None
    failure_message: str | None


class ProcessDefinitionAnswer(ListedAnswer):
    """A deployed drawing; ``checksum`` is the MD5 of its file."""

    process_definition_key: int
    bpmn_process_id: str
    version: int
    resource_name: str
    checksum: str | None
    state: str
    deployed_at: int | None


class VariableValueAnswer(ListedAnswer):
    """A value that a variable had or has, as JSON text; ``is_latest`` says which."""

    scope_key: int
    name: str
    value: str
    is_truncated: bool
    is_latest: bool
    timestamp: int
    position: int


class ErrorCodeAnswer(ListedAnswer):
    """What an error code means; ``transaction_type`` is empty where it means so for all."""

    transaction_type: str
    error_code: str
    error_message: str
    recoverable: bool


_COLUMNS: dict[str, str] = {
    "total": "total_transactions",
    "successful": "completed",
    "successful_amount": "completed_amount",
    "pending_amount": "ongoing_amount",
    "file": "request_file",
    "notes": "note",
    "modes": "payment_mode",
    "correlation_id": "client_correlation_id",
    "submitted_on_date": "started_at",
    "delivered_on_date": "completed_at",
}
_OWN_CURRENCY = {"payer_fee": "payer_fee_currency", "payee_fee": "payee_fee_currency"}


def columns_of(answer: type[ListedAnswer]) -> list[str]:
    """Return the columns that an answer is made of."""
    names = [_column(answer, name) for name in answer.__struct_fields__]
    return list(dict.fromkeys(names))


def listed(answer: type[T], row: Mapping[str, Any]) -> T:
    """Return a row as its answer."""
    fields = answer.__struct_fields__
    values = {name: row[_column(answer, name)] for name in fields}
    for name in fields:
        if name == "amount" or name.endswith(("_amount", "_fee")):
            currency = row.get(_OWN_CURRENCY.get(name, "currency"))
            values[name] = amount_text(values[name], currency)
    if "error_information" in values:
        values["error_information"] = error_information(values["error_information"])
    for name in ("recoverable", "is_latest"):
        if name in values:
            values[name] = bool(values[name])
    if values.get("currency") == "":
        values["currency"] = None
    return answer(**values)


def _column(answer: type[ListedAnswer], name: str) -> str:
    if name == "state" and answer is TransactionRequestAnswer:
        return "status"
    return _COLUMNS.get(name, name)
