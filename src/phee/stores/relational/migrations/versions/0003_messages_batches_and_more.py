"""Messages, timers, decisions, earlier values, requests, batches, outbound messages, error codes.

Nothing that is there is lost. Every step looks first whether it was done, for on MySQL each is
committed by itself: a migration that was interrupted goes on at the next start.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from phee.stores.relational.types import Money, MoneySum, RowId, Timestamp

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


_made: set[str] = set()
"""Tables of this run; nothing of them can be there already."""


def upgrade() -> None:
    """Make the new tables and columns."""
    _made.clear()
    _columns()
    _batch_amounts()
    _batch_instances()
    _batches()
    _decision_definitions()
    _decision_evaluations()
    _decision_requirements()
    _error_codes()
    _message_correlations()
    _message_subscriptions()
    _messages()
    _outbound_messages()
    _sub_batches()
    _timers()
    _transaction_requests()
    _variable_history()


def _columns() -> None:
    _add("transfers", _key("parent_process_instance_key"))
    _add("transfers", _key("root_process_instance_key"))
    _add("transfers", _long("counted"))
    _add("process_instances", _key("root_process_instance_key"))
    _add("process_definitions", _name("checksum", 64))


def _batch_amounts() -> None:
    _table(
        "batch_amounts",
        _id(),
        _key("epoch", required=True),
        _name("batch_id", required=True),
        _default("sub_batch_id", sa.String(255), ""),
        _default("currency", sa.String(3), ""),
        _default("total_transactions", sa.BigInteger(), sa.text("0")),
        _default("ongoing", sa.BigInteger(), sa.text("0")),
        _default("completed", sa.BigInteger(), sa.text("0")),
        _default("failed", sa.BigInteger(), sa.text("0")),
        _column("total_amount", MoneySum(), required=True),
        _column("ongoing_amount", MoneySum(), required=True),
        _column("completed_amount", MoneySum(), required=True),
        _column("failed_amount", MoneySum(), required=True),
        unique=(
            "epoch",
            "batch_id",
            "sub_batch_id",
            "currency",
        ),
    )


def _batch_instances() -> None:
    _table(
        "batch_instances",
        _id(),
        _key("epoch", required=True),
        _key("workflow_instance_key", required=True),
        _key("workflow_key"),
        _name("bpmn_process_id"),
        _name("flow"),
        _name("direction", 10),
        _key("parent_process_instance_key"),
        _key("root_process_instance_key"),
        _default("status", sa.String(16), "IN_PROGRESS"),
        _column("started_at", Timestamp()),
        _column("completed_at", Timestamp()),
        _name("instance_state", 16),
        _column("outcome", sa.SmallInteger()),
        _default("instance_position", sa.BigInteger(), sa.text("-1")),
        _default("variables_position", sa.BigInteger(), sa.text("-1")),
        _name("batch_id"),
        _name("sub_batch_id"),
        _long("sub_batch_ids"),
        _long("counted"),
        _name("request_id"),
        _name("request_file"),
        _name("result_file"),
        _long("note"),
        _name("payment_mode"),
        _name("payer_fsp"),
        _name("payee_fsp"),
        _name("registering_institution_id"),
        _name("client_correlation_id"),
        _column("approved_amount", Money()),
        _key("approved_count"),
        _long("error_information"),
        unique=(
            "workflow_instance_key",
            "epoch",
        ),
    )
    _index("batch_instances", "batch_id")


def _batches() -> None:
    _table(
        "batches",
        _id(),
        _key("epoch", required=True),
        _name("batch_id", required=True),
        _key("workflow_instance_key"),
        _key("workflow_key"),
        _name("bpmn_process_id"),
        _name("request_id"),
        _name("request_file"),
        _name("result_file"),
        _long("note"),
        _name("payment_mode"),
        _name("payer_fsp"),
        _name("payee_fsp"),
        _name("registering_institution_id"),
        _name("client_correlation_id"),
        _column("approved_amount", Money()),
        _key("approved_count"),
        _long("error_information"),
        _default("status", sa.String(16), "IN_PROGRESS"),
        _column("started_at", Timestamp()),
        _column("completed_at", Timestamp()),
        _default("total_transactions", sa.BigInteger(), sa.text("0")),
        _default("ongoing", sa.BigInteger(), sa.text("0")),
        _default("completed", sa.BigInteger(), sa.text("0")),
        _default("failed", sa.BigInteger(), sa.text("0")),
        _name("currency", 3),
        _column("total_amount", MoneySum()),
        _column("ongoing_amount", MoneySum()),
        _column("completed_amount", MoneySum()),
        _column("failed_amount", MoneySum()),
        unique=(
            "epoch",
            "batch_id",
        ),
    )
    _index("batches", "batch_id")
    _index("batches", "client_correlation_id")
    _index("batches", "payer_fsp", "started_at")
    _index("batches", "registering_institution_id", "started_at")
    _index("batches", "started_at")
    _index("batches", "status", "started_at")


def _decision_definitions() -> None:
    _table(
        "decision_definitions",
        _id(),
        _key("epoch", required=True),
        _key("decision_key", required=True),
        _name("decision_id", required=True),
        _name("decision_name", required=True),
        _column("version", sa.Integer(), required=True),
        _name("decision_requirements_id", required=True),
        _key("decision_requirements_key", required=True),
        _name("state", 16, required=True),
        _column("deployed_at", Timestamp()),
        _default("position", sa.BigInteger(), sa.text("-1")),
        unique=(
            "decision_key",
            "epoch",
        ),
    )
    _index("decision_definitions", "decision_id", "version")
    _index("decision_definitions", "deployed_at")


def _decision_evaluations() -> None:
    _table(
        "decision_evaluations",
        _id(),
        _key("epoch", required=True),
        _key("evaluation_key", required=True),
        _key("decision_key", required=True),
        _name("decision_id", required=True),
        _name("decision_name", required=True),
        _column("decision_version", sa.Integer(), required=True),
        _key("decision_requirements_key", required=True),
        _key("process_instance_key"),
        _name("bpmn_process_id", required=True),
        _name("element_id", required=True),
        _key("element_instance_key"),
        _name("state", 16, required=True),
        _long("decision_output", required=True),
        _long("variables", required=True),
        _long("evaluated_decisions", required=True),
        _column("is_truncated", sa.SmallInteger(), required=True),
        _column("evaluated_at", Timestamp(), required=True),
        _name("failed_decision_id"),
        _long("failure_message"),
        _default("position", sa.BigInteger(), sa.text("-1")),
        unique=(
            "evaluation_key",
            "epoch",
        ),
    )
    _index("decision_evaluations", "decision_id", "evaluated_at")
    _index("decision_evaluations", "evaluated_at")
    _index("decision_evaluations", "process_instance_key")
    _index("decision_evaluations", "state", "evaluated_at")


def _decision_requirements() -> None:
    _table(
        "decision_requirements",
        _id(),
        _key("epoch", required=True),
        _key("decision_requirements_key", required=True),
        _name("decision_requirements_id", required=True),
        _name("name", required=True),
        _column("version", sa.Integer(), required=True),
        _name("namespace", required=True),
        _name("resource_name", required=True),
        _long("resource"),
        _name("checksum", 64),
        _name("state", 16, required=True),
        _column("deployed_at", Timestamp()),
        _default("position", sa.BigInteger(), sa.text("-1")),
        unique=(
            "decision_requirements_key",
            "epoch",
        ),
    )


def _error_codes() -> None:
    _table(
        "error_codes",
        _id(),
        _default("transaction_type", sa.String(64), ""),
        _name("error_code", 64, required=True),
        _long("error_message", required=True),
        _default("recoverable", sa.SmallInteger(), sa.text("0")),
        unique=(
            "error_code",
            "transaction_type",
        ),
    )
    _index("error_codes", "recoverable")


def _message_correlations() -> None:
    _table(
        "message_correlations",
        _id(),
        _key("epoch", required=True),
        _key("message_key", required=True),
        _key("subscription_key", required=True),
        _key("process_instance_key", required=True),
        _name("bpmn_process_id", required=True),
        _name("element_id", required=True),
        _name("message_name", required=True),
        _name("correlation_key", required=True),
        _column("correlated_at", Timestamp(), required=True),
        _default("position", sa.BigInteger(), sa.text("-1")),
        unique=(
            "message_key",
            "subscription_key",
            "epoch",
        ),
    )
    _index("message_correlations", "process_instance_key")


def _message_subscriptions() -> None:
    _table(
        "message_subscriptions",
        _id(),
        _key("epoch", required=True),
        _key("subscription_key", required=True),
        _key("process_instance_key", required=True),
        _name("bpmn_process_id", required=True),
        _key("element_instance_key", required=True),
        _name("element_id", required=True),
        _name("message_name", required=True),
        _name("correlation_key", required=True),
        _name("state", 16, required=True),
        _key("message_key"),
        _column("created_at", Timestamp()),
        _column("correlated_at", Timestamp()),
        _column("closed_at", Timestamp()),
        _default("position", sa.BigInteger(), sa.text("-1")),
        unique=(
            "subscription_key",
            "epoch",
        ),
    )
    _index("message_subscriptions", "correlation_key")
    _index("message_subscriptions", "created_at")
    _index("message_subscriptions", "message_name", "created_at")
    _index("message_subscriptions", "process_instance_key")
    _index("message_subscriptions", "state", "created_at")


def _messages() -> None:
    _table(
        "messages",
        _id(),
        _key("epoch", required=True),
        _key("message_key", required=True),
        _name("name", required=True),
        _name("correlation_key", required=True),
        _name("message_id", required=True),
        _key("time_to_live_ms", required=True),
        _long("variables", required=True),
        _column("is_truncated", sa.SmallInteger(), required=True),
        _column("published_at", Timestamp(), required=True),
        _column("deadline", Timestamp()),
        _default("position", sa.BigInteger(), sa.text("-1")),
        unique=(
            "message_key",
            "epoch",
        ),
    )
    _index("messages", "correlation_key")
    _index("messages", "name", "published_at")
    _index("messages", "published_at")


def _outbound_messages() -> None:
    _table(
        "outbound_messages",
        _id(),
        _key("epoch", required=True),
        _key("workflow_instance_key", required=True),
        _key("workflow_key"),
        _name("bpmn_process_id"),
        _name("flow"),
        _name("direction", 10),
        _key("parent_process_instance_key"),
        _key("root_process_instance_key"),
        _default("status", sa.String(16), "IN_PROGRESS"),
        _column("submitted_on_date", Timestamp()),
        _column("delivered_on_date", Timestamp()),
        _name("instance_state", 16),
        _column("outcome", sa.SmallInteger()),
        _default("instance_position", sa.BigInteger(), sa.text("-1")),
        _default("variables_position", sa.BigInteger(), sa.text("-1")),
        _name("internal_id"),
        _name("external_id"),
        _name("delivery_status"),
        _long("delivery_error_message"),
        _name("source_address"),
        _name("mobile_number"),
        _long("message"),
        _name("sms_bridge_id"),
        _long("response"),
        unique=(
            "workflow_instance_key",
            "epoch",
        ),
    )
    _index("outbound_messages", "external_id")
    _index("outbound_messages", "internal_id")
    _index("outbound_messages", "mobile_number", "submitted_on_date")
    _index("outbound_messages", "status", "submitted_on_date")
    _index("outbound_messages", "submitted_on_date")


def _sub_batches() -> None:
    _table(
        "sub_batches",
        _id(),
        _key("epoch", required=True),
        _name("batch_id", required=True),
        _name("sub_batch_id", required=True),
        _key("workflow_instance_key"),
        _key("workflow_key"),
        _name("bpmn_process_id"),
        _name("request_id"),
        _name("request_file"),
        _name("result_file"),
        _long("note"),
        _name("payment_mode"),
        _name("payer_fsp"),
        _name("payee_fsp"),
        _name("registering_institution_id"),
        _name("client_correlation_id"),
        _column("approved_amount", Money()),
        _key("approved_count"),
        _long("error_information"),
        _default("status", sa.String(16), "IN_PROGRESS"),
        _column("started_at", Timestamp()),
        _column("completed_at", Timestamp()),
        _default("total_transactions", sa.BigInteger(), sa.text("0")),
        _default("ongoing", sa.BigInteger(), sa.text("0")),
        _default("completed", sa.BigInteger(), sa.text("0")),
        _default("failed", sa.BigInteger(), sa.text("0")),
        _name("currency", 3),
        _column("total_amount", MoneySum()),
        _column("ongoing_amount", MoneySum()),
        _column("completed_amount", MoneySum()),
        _column("failed_amount", MoneySum()),
        unique=(
            "epoch",
            "batch_id",
            "sub_batch_id",
        ),
    )
    _index("sub_batches", "batch_id")
    _index("sub_batches", "client_correlation_id")
    _index("sub_batches", "payer_fsp", "started_at")
    _index("sub_batches", "registering_institution_id", "started_at")
    _index("sub_batches", "started_at")
    _index("sub_batches", "status", "started_at")


def _timers() -> None:
    _table(
        "timers",
        _id(),
        _key("epoch", required=True),
        _key("timer_key", required=True),
        _key("process_instance_key"),
        _key("process_definition_key", required=True),
        _key("element_instance_key"),
        _name("element_id", required=True),
        _column("repetitions", sa.Integer(), required=True),
        _name("state", 16, required=True),
        _column("due_at", Timestamp()),
        _column("created_at", Timestamp()),
        _column("ended_at", Timestamp()),
        _default("position", sa.BigInteger(), sa.text("-1")),
        unique=(
            "timer_key",
            "epoch",
        ),
    )
    _index("timers", "due_at")
    _index("timers", "process_instance_key")
    _index("timers", "state", "due_at")


def _transaction_requests() -> None:
    _table(
        "transaction_requests",
        _id(),
        _key("epoch", required=True),
        _key("workflow_instance_key", required=True),
        _key("workflow_key"),
        _name("bpmn_process_id"),
        _name("flow"),
        _name("direction", 10),
        _key("parent_process_instance_key"),
        _key("root_process_instance_key"),
        _default("state", sa.String(16), "IN_PROGRESS"),
        _column("started_at", Timestamp()),
        _column("completed_at", Timestamp()),
        _name("instance_state", 16),
        _column("outcome", sa.SmallInteger()),
        _default("instance_position", sa.BigInteger(), sa.text("-1")),
        _default("variables_position", sa.BigInteger(), sa.text("-1")),
        _name("stated_state", 16),
        _name("transaction_id"),
        _name("clientcorrelationid"),
        _name("external_id"),
        _name("auth_type"),
        _name("initiator_type"),
        _name("scenario"),
        _column("amount", Money()),
        _name("currency", 3),
        _name("payer_dfsp_id"),
        _name("payer_party_id"),
        _name("payer_party_id_type"),
        _name("payer_quote_code"),
        _column("payer_fee", Money()),
        _name("payer_fee_currency", 3),
        _name("payee_dfsp_id"),
        _name("payee_party_id"),
        _name("payee_party_id_type"),
        _name("payee_quote_code"),
        _column("payee_fee", Money()),
        _name("payee_fee_currency", 3),
        _long("status_detail"),
        _long("error_information"),
        unique=(
            "workflow_instance_key",
            "epoch",
        ),
    )
    _index("transaction_requests", "amount")
    _index("transaction_requests", "clientcorrelationid")
    _index("transaction_requests", "currency", "amount")
    _index("transaction_requests", "direction", "started_at")
    _index("transaction_requests", "external_id")
    _index("transaction_requests", "payee_dfsp_id", "started_at")
    _index("transaction_requests", "payee_party_id", "started_at")
    _index("transaction_requests", "payer_dfsp_id", "started_at")
    _index("transaction_requests", "payer_party_id", "started_at")
    _index("transaction_requests", "started_at")
    _index("transaction_requests", "state", "started_at")
    _index("transaction_requests", "transaction_id")


def _variable_history() -> None:
    _table(
        "variable_history",
        _id(),
        _key("epoch", required=True),
        _key("scope_key", required=True),
        _name("name", required=True),
        _long("value", required=True),
        _column("is_truncated", sa.SmallInteger(), required=True),
        _column("timestamp", Timestamp(), required=True),
        _key("workflow_instance_key", required=True),
        _default("position", sa.BigInteger(), sa.text("-1")),
        unique=(
            "scope_key",
            "name",
            "position",
            "epoch",
        ),
    )
    _index("variable_history", "workflow_instance_key")


# --- steps that may have been taken already ---


def _table(name: str, *columns: sa.Column[Any], unique: tuple[str, ...]) -> None:
    if not sa.inspect(op.get_bind()).has_table(name):
        _made.add(name)
        op.create_table(
            name,
            *columns,
            sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
            sa.UniqueConstraint(*unique, name=f"uq_{name}_{'_'.join(unique)}"),
        )


def _index(table: str, *columns: str) -> None:
    name = f"ix_{table}_{'_'.join(columns)}"
    indexes = [] if table in _made else sa.inspect(op.get_bind()).get_indexes(table)
    if name not in {index["name"] for index in indexes}:
        op.create_index(name, table, list(columns))


def _add(table: str, column: sa.Column[Any]) -> None:
    columns = sa.inspect(op.get_bind()).get_columns(table)
    if column.name not in {known["name"] for known in columns}:
        op.add_column(table, column)


def _id() -> sa.Column[Any]:
    return sa.Column("id", RowId, nullable=False)


def _column(name: str, kind: Any, *, required: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=not required)


def _key(name: str, *, required: bool = False) -> sa.Column[Any]:
    return _column(name, sa.BigInteger(), required=required)


def _name(name: str, length: int = 255, *, required: bool = False) -> sa.Column[Any]:
    return _column(name, sa.String(length), required=required)


def _long(name: str, *, required: bool = False) -> sa.Column[Any]:
    return _column(name, _LONG_TEXT, required=required)


def _default(name: str, kind: Any, default: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, server_default=default)
