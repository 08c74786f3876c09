"""The first tables of a tenant."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from phee.stores.relational.types import Money, RowId, Timestamp

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


def upgrade() -> None:
    """Create every table."""
    _dead_letters()
    _flow_node_instances()
    _incidents()
    _process_definitions()
    _process_instances()
    _tasks()
    _transfers()
    _variables()
    _watermarks()


def _dead_letters() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("id", RowId, nullable=False),
        sa.Column("consumer", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("partition_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("reason_code", sa.String(length=64), nullable=False),
        sa.Column("reason", LONG_TEXT, nullable=False),
        sa.Column("tenant_id", sa.String(length=64)),
        sa.Column("value_type", sa.String(length=64)),
        sa.Column("intent", sa.String(length=64)),
        sa.Column("record_key", sa.BigInteger()),
        sa.Column("process_instance_key", sa.BigInteger()),
        sa.Column("record", LONG_TEXT),
        sa.Column("timestamp", Timestamp()),
        sa.Column("state", sa.String(length=16), server_default="OPEN", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dead_letters"),
        sa.UniqueConstraint(
            "consumer",
            "epoch",
            "partition_id",
            "position",
            "reason_code",
            name="uq_dead_letters_consumer_epoch_partition_id_position_reason_code",
        ),
    )
    op.create_index(
        "ix_dead_letters_process_instance_key", "dead_letters", ["process_instance_key"]
    )
    op.create_index("ix_dead_letters_state_id", "dead_letters", ["state", "id"])


def _flow_node_instances() -> None:
    op.create_table(
        "flow_node_instances",
        sa.Column("id", RowId, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("element_instance_key", sa.BigInteger(), nullable=False),
        sa.Column("process_instance_key", sa.BigInteger(), nullable=False),
        sa.Column("process_definition_key", sa.BigInteger(), nullable=False),
        sa.Column("element_id", sa.String(length=255), nullable=False),
        sa.Column("element_type", sa.String(length=32), nullable=False),
        sa.Column("flow_scope_key", sa.BigInteger()),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("started_at", Timestamp()),
        sa.Column("ended_at", Timestamp()),
        sa.Column("position", sa.BigInteger(), server_default=sa.text("-1"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_flow_node_instances"),
        sa.UniqueConstraint(
            "element_instance_key",
            "epoch",
            name="uq_flow_node_instances_element_instance_key_epoch",
        ),
    )
    op.create_index(
        "ix_flow_node_instances_process_instance_key",
        "flow_node_instances",
        ["process_instance_key"],
    )


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", RowId, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("incident_key", sa.BigInteger(), nullable=False),
        sa.Column("process_instance_key", sa.BigInteger(), nullable=False),
        sa.Column("process_definition_key", sa.BigInteger(), nullable=False),
        sa.Column("bpmn_process_id", sa.String(length=255), nullable=False),
        sa.Column("element_id", sa.String(length=255), nullable=False),
        sa.Column("element_instance_key", sa.BigInteger()),
        sa.Column("job_key", sa.BigInteger()),
        sa.Column("error_type", sa.String(length=64), nullable=False),
        sa.Column("error_message", LONG_TEXT),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", Timestamp()),
        sa.Column("resolved_at", Timestamp()),
        sa.Column("position", sa.BigInteger(), server_default=sa.text("-1"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
        sa.UniqueConstraint("incident_key", "epoch", name="uq_incidents_incident_key_epoch"),
    )
    op.create_index("ix_incidents_bpmn_process_id", "incidents", ["bpmn_process_id"])
    op.create_index("ix_incidents_created_at", "incidents", ["created_at"])
    op.create_index("ix_incidents_error_type", "incidents", ["error_type"])
    op.create_index(
        "ix_incidents_process_instance_key_state", "incidents", ["process_instance_key", "state"]
    )
    op.create_index("ix_incidents_state_created_at", "incidents", ["state", "created_at"])


def _process_definitions() -> None:
    op.create_table(
        "process_definitions",
        sa.Column("id", RowId, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("process_definition_key", sa.BigInteger(), nullable=False),
        sa.Column("bpmn_process_id", sa.String(length=255), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("resource_name", sa.String(length=255), nullable=False),
        sa.Column("resource", LONG_TEXT),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("deployed_at", Timestamp()),
        sa.Column("position", sa.BigInteger(), server_default=sa.text("-1"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_process_definitions"),
        sa.UniqueConstraint(
            "process_definition_key",
            "epoch",
            name="uq_process_definitions_process_definition_key_epoch",
        ),
    )
    op.create_index(
        "ix_process_definitions_bpmn_process_id_version",
        "process_definitions",
        ["bpmn_process_id", "version"],
    )


def _process_instances() -> None:
    op.create_table(
        "process_instances",
        sa.Column("id", RowId, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("process_instance_key", sa.BigInteger(), nullable=False),
        sa.Column("bpmn_process_id", sa.String(length=255), nullable=False),
        sa.Column("flow", sa.String(length=255), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("process_definition_key", sa.BigInteger(), nullable=False),
        sa.Column("parent_process_instance_key", sa.BigInteger()),
        sa.Column("parent_element_instance_key", sa.BigInteger()),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("started_at", Timestamp()),
        sa.Column("ended_at", Timestamp()),
        sa.Column("position", sa.BigInteger(), server_default=sa.text("-1"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_process_instances"),
        sa.UniqueConstraint(
            "process_instance_key", "epoch", name="uq_process_instances_process_instance_key_epoch"
        ),
    )
    op.create_index(
        "ix_process_instances_bpmn_process_id_started_at",
        "process_instances",
        ["bpmn_process_id", "started_at"],
    )
    op.create_index(
        "ix_process_instances_parent_process_instance_key",
        "process_instances",
        ["parent_process_instance_key"],
    )
    op.create_index(
        "ix_process_instances_process_definition_key",
        "process_instances",
        ["process_definition_key"],
    )
    op.create_index("ix_process_instances_started_at", "process_instances", ["started_at"])
    op.create_index(
        "ix_process_instances_state_started_at", "process_instances", ["state", "started_at"]
    )


def _tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", RowId, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("job_key", sa.BigInteger(), nullable=False),
        sa.Column("workflow_instance_key", sa.BigInteger(), nullable=False),
        sa.Column("workflow_key", sa.BigInteger(), nullable=False),
        sa.Column("element_id", sa.String(length=255), nullable=False),
        sa.Column("element_instance_key", sa.BigInteger()),
        sa.Column("type", sa.String(length=255), nullable=False),
        sa.Column("intent", sa.String(length=32), nullable=False),
        sa.Column("record_type", sa.String(length=32), nullable=False),
        sa.Column("timestamp", Timestamp(), nullable=False),
        sa.Column("created_at", Timestamp()),
        sa.Column("ended_at", Timestamp()),
        sa.Column("worker", sa.String(length=255)),
        sa.Column("retries", sa.Integer()),
        sa.Column("error_code", sa.String(length=255)),
        sa.Column("error_message", LONG_TEXT),
        sa.Column("position", sa.BigInteger(), server_default=sa.text("-1"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
        sa.UniqueConstraint("job_key", "epoch", name="uq_tasks_job_key_epoch"),
    )
    op.create_index("ix_tasks_workflow_instance_key", "tasks", ["workflow_instance_key"])


def _transfers() -> None:
    op.create_table(
        "transfers",
        sa.Column("id", RowId, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("workflow_instance_key", sa.BigInteger(), nullable=False),
        sa.Column("workflow_key", sa.BigInteger()),
        sa.Column("bpmn_process_id", sa.String(length=255)),
        sa.Column("flow", sa.String(length=255)),
        sa.Column("direction", sa.String(length=10)),
        sa.Column("transaction_id", sa.String(length=255)),
        sa.Column("clientcorrelationid", sa.String(length=255)),
        sa.Column("batch_id", sa.String(length=255)),
        sa.Column("sub_batch_id", sa.String(length=255)),
        sa.Column("amount", Money(precision=22, scale=4)),
        sa.Column("currency", sa.String(length=3)),
        sa.Column("payer_dfsp_id", sa.String(length=255)),
        sa.Column("payer_party_id", sa.String(length=255)),
        sa.Column("payer_party_id_type", sa.String(length=255)),
        sa.Column("payer_quote_code", sa.String(length=255)),
        sa.Column("payer_fee", Money(precision=22, scale=4)),
        sa.Column("payer_fee_currency", sa.String(length=3)),
        sa.Column("payee_dfsp_id", sa.String(length=255)),
        sa.Column("payee_party_id", sa.String(length=255)),
        sa.Column("payee_party_id_type", sa.String(length=255)),
        sa.Column("payee_quote_code", sa.String(length=255)),
        sa.Column("payee_fee", Money(precision=22, scale=4)),
        sa.Column("payee_fee_currency", sa.String(length=3)),
        sa.Column("status", sa.String(length=16), server_default="IN_PROGRESS", nullable=False),
        sa.Column("status_detail", LONG_TEXT),
        sa.Column("error_information", LONG_TEXT),
        sa.Column("started_at", Timestamp()),
        sa.Column("completed_at", Timestamp()),
        sa.Column("instance_state", sa.String(length=16)),
        sa.Column("outcome", sa.SmallInteger()),
        sa.Column("is_unknown", sa.SmallInteger()),
        sa.Column(
            "instance_position", sa.BigInteger(), server_default=sa.text("-1"), nullable=False
        ),
        sa.Column(
            "variables_position", sa.BigInteger(), server_default=sa.text("-1"), nullable=False
        ),
        sa.Column("jobs_position", sa.BigInteger(), server_default=sa.text("-1"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_transfers"),
        sa.UniqueConstraint(
            "workflow_instance_key", "epoch", name="uq_transfers_workflow_instance_key_epoch"
        ),
    )
    op.create_index("ix_transfers_amount", "transfers", ["amount"])
    op.create_index("ix_transfers_batch_id", "transfers", ["batch_id"])
    op.create_index("ix_transfers_clientcorrelationid", "transfers", ["clientcorrelationid"])
    op.create_index("ix_transfers_completed_at", "transfers", ["completed_at"])
    op.create_index("ix_transfers_currency_amount", "transfers", ["currency", "amount"])
    op.create_index("ix_transfers_direction_started_at", "transfers", ["direction", "started_at"])
    op.create_index(
        "ix_transfers_payee_dfsp_id_started_at", "transfers", ["payee_dfsp_id", "started_at"]
    )
    op.create_index(
        "ix_transfers_payee_party_id_started_at", "transfers", ["payee_party_id", "started_at"]
    )
    op.create_index("ix_transfers_payee_party_id_type", "transfers", ["payee_party_id_type"])
    op.create_index(
        "ix_transfers_payer_dfsp_id_started_at", "transfers", ["payer_dfsp_id", "started_at"]
    )
    op.create_index(
        "ix_transfers_payer_party_id_started_at", "transfers", ["payer_party_id", "started_at"]
    )
    op.create_index("ix_transfers_payer_party_id_type", "transfers", ["payer_party_id_type"])
    op.create_index("ix_transfers_started_at", "transfers", ["started_at"])
    op.create_index("ix_transfers_status_started_at", "transfers", ["status", "started_at"])
    op.create_index("ix_transfers_transaction_id", "transfers", ["transaction_id"])


def _variables() -> None:
    op.create_table(
        "variables",
        sa.Column("id", RowId, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("scope_key", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("value", LONG_TEXT, nullable=False),
        sa.Column("timestamp", Timestamp(), nullable=False),
        sa.Column("workflow_instance_key", sa.BigInteger(), nullable=False),
        sa.Column("workflow_key", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default=sa.text("-1"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_variables"),
        sa.UniqueConstraint("scope_key", "name", "epoch", name="uq_variables_scope_key_name_epoch"),
    )
    op.create_index("ix_variables_workflow_instance_key", "variables", ["workflow_instance_key"])


def _watermarks() -> None:
    op.create_table(
        "watermarks",
        sa.Column("consumer", sa.String(length=64), nullable=False),
        sa.Column("lane", sa.String(length=128), nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("partition_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "lane", "epoch", "partition_id", name="pk_watermarks"),
    )
