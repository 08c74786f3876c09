"""The tables of requests, batches, messages to people, and error codes.

Counters of batches are always the sum of what the rows of ``transfers`` say: both change in one
transaction (:mod:`phee.stores.relational.batch_counters`). What the columns mean is in
:mod:`phee.stores.relational.meanings`; the rest is like :mod:`phee.stores.relational.tables`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Index, SmallInteger, String, Table, UniqueConstraint
from sqlalchemy import text as sql

from phee.stores.relational.columns import (
    LongText,
    indexed,
    key,
    metadata,
    moment,
    name,
    position,
    row_id,
)
from phee.stores.relational.types import Money, MoneySum


def _flow_columns(**named: str) -> list[Column[Any]]:
    """What every run of a mapped flow has; ``named`` are upstream's names where they differ."""
    return [
        row_id(),
        key("epoch", nullable=False),
        key("workflow_instance_key", nullable=False),
        key("workflow_key"),
        name("bpmn_process_id"),
        name("flow"),
        name("direction", 10),
        key("parent_process_instance_key"),
        key("root_process_instance_key"),
        Column(
            named.get("status", "status"),
            String(16),
            key="status",
            nullable=False,
            server_default="IN_PROGRESS",
        ),
        moment(named.get("started_at", "started_at"), key="started_at"),
        moment(named.get("completed_at", "completed_at"), key="completed_at"),
        name("instance_state", 16),
        Column("outcome", SmallInteger),
        position("instance_position"),
        position("variables_position"),
    ]


transaction_requests = indexed(
    Table(
        "transaction_requests",
        metadata,
        *_flow_columns(status="state"),
        name("stated_state", 16),
        name("transaction_id"),
        name("clientcorrelationid", key="client_correlation_id"),
        name("external_id"),
        name("auth_type"),
        name("initiator_type"),
        name("scenario"),
        Column("amount", Money),
        name("currency", 3),
        name("payer_dfsp_id"),
        name("payer_party_id"),
        name("payer_party_id_type"),
        name("payer_quote_code"),
        Column("payer_fee", Money),
        name("payer_fee_currency", 3),
        name("payee_dfsp_id"),
        name("payee_party_id"),
        name("payee_party_id_type"),
        name("payee_quote_code"),
        Column("payee_fee", Money),
        name("payee_fee_currency", 3),
        Column("status_detail", LongText),
        Column("error_information", LongText),
        UniqueConstraint("workflow_instance_key", "epoch"),
    ),
    ("started_at",),
    ("transaction_id",),
    ("client_correlation_id",),
    ("external_id",),
    ("status", "started_at"),
    ("direction", "started_at"),
    ("currency", "amount"),
    ("amount",),
    ("payer_party_id", "started_at"),
    ("payee_party_id", "started_at"),
    ("payer_dfsp_id", "started_at"),
    ("payee_dfsp_id", "started_at"),
)

outbound_messages = indexed(
    Table(
        "outbound_messages",
        metadata,
        *_flow_columns(started_at="submitted_on_date", completed_at="delivered_on_date"),
        name("internal_id"),
        name("external_id"),
        name("delivery_status"),
        Column("delivery_error_message", LongText),
        name("source_address"),
        name("mobile_number"),
        Column("message", LongText),
        name("sms_bridge_id", key="bridge_id"),
        Column("response", LongText),
        UniqueConstraint("workflow_instance_key", "epoch"),
    ),
    ("started_at",),
    ("internal_id",),
    ("external_id",),
    ("mobile_number", "started_at"),
    ("status", "started_at"),
)


def _batch_facts() -> list[Column[Any]]:
    """What flows say about a batch, beside its ids."""
    return [
        name("request_id"),
        name("request_file"),
        name("result_file"),
        Column("note", LongText),
        name("payment_mode"),
        name("payer_fsp"),
        name("payee_fsp"),
        name("registering_institution_id"),
        name("client_correlation_id"),
        Column("approved_amount", Money),
        Column("approved_count", BigInteger),
        Column("error_information", LongText),
    ]


batch_instances = indexed(
    Table(
        "batch_instances",
        metadata,
        *_flow_columns(),
        name("batch_id"),
        name("sub_batch_id"),
        Column("sub_batch_ids", LongText),
        Column("counted", LongText),
        *_batch_facts(),
        UniqueConstraint("workflow_instance_key", "epoch"),
    ),
    ("batch_id",),
)


def _counters() -> list[Column[Any]]:
    counts = ("total_transactions", "ongoing", "completed", "failed")
    return [Column(count, BigInteger, nullable=False, server_default=sql("0")) for count in counts]


def _sums(*, nullable: bool) -> list[Column[Any]]:
    sums = ("total_amount", "ongoing_amount", "completed_amount", "failed_amount")
    return [Column(one, MoneySum, nullable=nullable) for one in sums]


def _batch(table: str, *ids: str) -> Table:
    return indexed(
        Table(
            table,
            metadata,
            row_id(),
            key("epoch", nullable=False),
            *(name(one, nullable=False) for one in ids),
            key("workflow_instance_key"),
            key("workflow_key"),
            name("bpmn_process_id"),
            *_batch_facts(),
            Column("status", String(16), nullable=False, server_default="IN_PROGRESS"),
            moment("started_at"),
            moment("completed_at"),
            *_counters(),
            name("currency", 3),
            *_sums(nullable=True),
            UniqueConstraint("epoch", *ids),
        ),
        (ids[0],),
        ("started_at",),
        ("client_correlation_id",),
        ("payer_fsp", "started_at"),
        ("registering_institution_id", "started_at"),
        ("status", "started_at"),
    )


batches = _batch("batches", "batch_id")
sub_batches = _batch("sub_batches", "batch_id", "sub_batch_id")

batch_amounts = Table(
    "batch_amounts",
    metadata,
    row_id(),
    key("epoch", nullable=False),
    name("batch_id", nullable=False),
    Column("sub_batch_id", String(255), nullable=False, server_default=""),
    Column("currency", String(3), nullable=False, server_default=""),
    *_counters(),
    *_sums(nullable=False),
    UniqueConstraint("epoch", "batch_id", "sub_batch_id", "currency"),
)

error_codes = Table(
    "error_codes",
    metadata,
    row_id(),
    Column("transaction_type", String(64), nullable=False, server_default=""),
    Column("error_code", String(64), nullable=False),
    Column("error_message", LongText, nullable=False),
    Column("recoverable", SmallInteger, nullable=False, server_default=sql("0")),
    UniqueConstraint("error_code", "transaction_type"),
)
Index(None, error_codes.c.recoverable)
