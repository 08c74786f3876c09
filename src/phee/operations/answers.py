"""What the operations API answers: upstream's names, amounts as exact text, times as epoch ms."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Generic, TypeVar

import iso4217
import msgspec

from phee.stores.relational import models
from phee.stores.search import Document

T = TypeVar("T")
Row = TypeVar("Row")


class _Answer(msgspec.Struct, kw_only=True, rename="camel"):
    """Base of answers: camel-case names on the wire."""


class PageAnswer(msgspec.Struct, Generic[T], frozen=True, kw_only=True, rename="camel"):
    """One page of a listing, in the shape of a Spring Page; totals count all that matches.

    They do so up to 10,000; from there on, ``total_is_exact`` is false and at least so many do.
    ``next_cursor`` is null on the last page.
    """

    content: list[T]
    total_elements: int
    total_pages: int
    number: int
    size: int
    number_of_elements: int
    first: bool
    last: bool
    empty: bool
    total_is_exact: bool
    next_cursor: str | None


def page_answer(
    found: models.Page[Row],
    make: Callable[[Row], T],
    *,
    page: int,
    size: int,
    cursor: str | None = None,
) -> PageAnswer[T]:
    """Return one page of a listing as its answer."""
    return PageAnswer(
        content=[make(row) for row in found.rows],
        total_elements=found.total,
        total_pages=-(-found.total // size),
        number=page,
        size=size,
        number_of_elements=len(found.rows),
        first=page == 0 and cursor is None,
        last=not found.next_cursor and (cursor is not None or (page + 1) * size >= found.total),
        empty=not found.rows,
        total_is_exact=found.total_is_exact,
        next_cursor=found.next_cursor or None,
    )


class ErrorMeaning(_Answer):
    """What an error code means, from the table that operators maintain."""

    error_code: str
    error_message: str
    recoverable: bool


class TransferAnswer(_Answer):
    """A payment; ``workflow_instance_key`` names the instance that makes it."""

    id: int
    workflow_instance_key: int
    transaction_id: str | None
    started_at: int | None
    completed_at: int | None
    status: str
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
    error_information: Any
    batch_id: str | None
    sub_batch_id: str | None
    client_correlation_id: str | None
    bpmn_process_id: str | None
    parent_process_instance_key: int | None
    root_process_instance_key: int | None
    error: ErrorMeaning | None = None


_MONEY = {
    "amount": "currency",
    "payer_fee": "payer_fee_currency",
    "payee_fee": "payee_fee_currency",
}


def transfer_answer(row: models.Transfer) -> TransferAnswer:
    """Return a transfer as its answer."""
    values = {n: getattr(row, n) for n in TransferAnswer.__struct_fields__ if n != "error"}
    for name, currency in _MONEY.items():
        values[name] = amount_text(values[name], values[currency])
    values["error_information"] = error_information(row.error_information)
    return TransferAnswer(**values)


class TaskAnswer(_Answer):
    """A job of an instance, and what happened to it last."""

    id: int
    workflow_key: int
    workflow_instance_key: int
    timestamp: int
    intent: str
    record_type: str
    type: str
    element_id: str
    job_key: int
    created_at: int | None
    ended_at: int | None
    worker: str | None
    retries: int | None
    error_code: str | None
    error_message: str | None


class VariableAnswer(_Answer):
    """The latest value of a variable, as JSON text."""

    id: int
    workflow_key: int
    workflow_instance_key: int
    scope_key: int
    timestamp: int
    name: str
    value: str


class FlowNodeAnswer(_Answer):
    """A step of an instance."""

    element_instance_key: int
    element_id: str
    element_type: str
    flow_scope_key: int | None
    state: str
    started_at: int | None
    ended_at: int | None


class IncidentAnswer(_Answer):
    """What stopped an instance; the keys are those the resolve command wants."""

    incident_key: int
    process_instance_key: int
    bpmn_process_id: str
    element_id: str
    element_instance_key: int | None
    job_key: int | None
    error_type: str
    error_message: str | None
    state: str
    created_at: int | None
    resolved_at: int | None


class ProcessInstanceAnswer(_Answer):
    """A run of a flow; ``root_process_instance_key`` is the run that began it all."""

    process_instance_key: int
    bpmn_process_id: str
    version: int
    process_definition_key: int
    parent_process_instance_key: int | None
    root_process_instance_key: int | None
    state: str
    started_at: int | None
    ended_at: int | None


class DeadLetterAnswer(_Answer):
    """What could not be projected, and why; ``position`` is where the record is in the log."""

    id: int
    consumer: str
    epoch: int
    partition_id: int
    position: int
    reason_code: str
    reason: str
    value_type: str | None
    intent: str | None
    record_key: int | None
    process_instance_key: int | None
    timestamp: int | None
    state: str


class DecisionEntry(_Answer):
    """Something that was decided about a dead letter; ``outcome`` is its state after it."""

    action: str
    outcome: str
    reason: str | None
    decided_by: str | None
    decided_at: int


class DeadLetterDetail(DeadLetterAnswer):
    """A dead letter with the record itself, as JSON text (hexadecimal when it is unreadable)."""

    record: str | None
    decisions: list[DecisionEntry] = []


class InstanceParts(_Answer):
    """Everything that happened in one instance."""

    tasks: list[TaskAnswer]
    variables: list[VariableAnswer]
    flow_nodes: list[FlowNodeAnswer]
    incidents: list[IncidentAnswer]


class TransferDetail(InstanceParts):
    """A transfer and everything that happened in it."""

    transfer: TransferAnswer


class ProcessInstanceDetail(InstanceParts):
    """A process instance and everything that happened in it."""

    process_instance: ProcessInstanceAnswer


class DocumentAnswer(_Answer):
    """A payment, process instance or incident that was found."""

    kind: str
    key: int
    process_instance_key: int
    bpmn_process_id: str | None
    flow: str | None
    status: str
    started_at: int | None
    completed_at: int | None
    direction: str | None
    transaction_id: str | None
    client_correlation_id: str | None
    batch_id: str | None
    amount: str | None
    currency: str | None
    payer_dfsp_id: str | None
    payer_party_id: str | None
    payer_party_id_type: str | None
    payee_dfsp_id: str | None
    payee_party_id: str | None
    payee_party_id_type: str | None
    note: str | None
    element_id: str | None
    error_type: str | None
    error_text: str | None


def document_answer(document: Document) -> DocumentAnswer:
    """Return a search hit as its answer."""
    values = {name: getattr(document, name) for name in DocumentAnswer.__struct_fields__}
    values["amount"] = amount_text(document.amount, document.currency)
    return DocumentAnswer(**values)


class SearchAnswer(_Answer):
    """One page of hits; ``next_cursor`` is null on the last.

    A page may be short, or empty, and have a cursor: what follows was not looked at yet. ``total``
    is a lower bound when it is not exact.
    """

    total: int
    total_is_exact: bool
    documents: list[DocumentAnswer]
    next_cursor: str | None


class StatusSum(_Answer):
    """The transfers of one status and currency: how many, and their exact sum."""

    status: str
    currency: str | None
    count: int
    amount: str


class TimeSums(_Answer):
    """What began in one interval; ``start`` is epoch ms."""

    start: int
    count: int
    by_status: list[StatusSum]


class Statistics(_Answer):
    """Counts and sums of the transfers that began from ``start_from`` to ``start_to`` (epoch ms).

    ``totals`` come from the relational store, ``buckets`` (those that are not empty) from search.
    """

    start_from: int
    start_to: int
    interval_ms: int
    totals: list[StatusSum]
    buckets: list[TimeSums]


def same_fields(answer: type[T], *without: str) -> Callable[[Any], T]:
    """Return a function that makes an ``answer`` out of a row that has fields of the same names.

    Fields named in ``without`` keep their default.
    """
    fields = answer.__struct_fields__  # type: ignore[attr-defined]
    names = [name for name in fields if name not in without]

    def make(row: Any) -> T:
        return answer(**{name: getattr(row, name) for name in names})

    return make


def amount_text(amount: Decimal | None, currency: str | None) -> str | None:
    """Return an amount with at least the decimal places of its currency, never rounded."""
    if amount is None:
        return None
    places = _minor_digits(currency)
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and -exponent < places:
        amount = amount.quantize(Decimal(1).scaleb(-places))
    return f"{amount:f}"


def _minor_digits(currency: str | None) -> int:
    try:
        return iso4217.Currency(currency or "").exponent or 0
    except ValueError:
        return 0


def error_information(text: str | None) -> Any:
    """Return what an error variable says: the object in it, or the text when it holds none."""
    if text is None:
        return None
    try:
        value = msgspec.json.decode(text)
        return msgspec.json.decode(value) if isinstance(value, str) else value
    except (msgspec.MsgspecError, UnicodeError):
        return text
