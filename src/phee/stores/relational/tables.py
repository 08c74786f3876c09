"""The tables of a tenant's relational store.

Table and column names are those of Payment Hub EE, so that existing reports keep working; what is
added carries its own name. Invariants:

- every row names the epoch it is from (a rebuilt engine reuses keys) and is unique by its business
  key within it; ``id`` is only a row number and differs between two builds of one store;
- a row (or a group of its columns) keeps the position of the newest record applied to it, and an
  older record never changes it;
- money is exact, text is UTF-8, times are UTC with ms;
- every filter and order of the operations API has an index: its column, then the moment
  (phee.stores.relational.ways).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
)

from phee.stores.relational import business_tables, happening_tables
from phee.stores.relational.columns import LongText, metadata
from phee.stores.relational.columns import key as _key
from phee.stores.relational.columns import name as _name
from phee.stores.relational.columns import position as _position
from phee.stores.relational.columns import row_id as _id
from phee.stores.relational.types import Money, Timestamp

__all__ = [
    "business_tables",
    "dead_letter_decisions",
    "dead_letters",
    "flow_node_instances",
    "happening_tables",
    "incidents",
    "metadata",
    "process_definitions",
    "process_instances",
    "tasks",
    "transfers",
    "variables",
    "watermarks",
]

transfers = Table(
    "transfers",
    metadata,
    _id(),
    _key("epoch", nullable=False),
    _key("workflow_instance_key", nullable=False),
    _key("workflow_key"),
    _name("bpmn_process_id"),
    _name("flow"),
    _name("direction", 10),
    _name("transaction_id"),
    _name("clientcorrelationid", key="client_correlation_id"),
    _name("batch_id"),
    _name("sub_batch_id"),
    _key("parent_process_instance_key"),
    _key("root_process_instance_key"),
    Column("amount", Money),
    _name("currency", 3),
    _name("payer_dfsp_id"),
    _name("payer_party_id"),
    _name("payer_party_id_type"),
    _name("payer_quote_code"),
    Column("payer_fee", Money),
    _name("payer_fee_currency", 3),
    _name("payee_dfsp_id"),
    _name("payee_party_id"),
    _name("payee_party_id_type"),
    _name("payee_quote_code"),
    Column("payee_fee", Money),
    _name("payee_fee_currency", 3),
    Column("status", String(16), nullable=False, server_default="IN_PROGRESS"),
    Column("status_detail", LongText),
    Column("error_information", LongText),
    Column("started_at", Timestamp),
    Column("completed_at", Timestamp),
    _name("instance_state", 16),
    Column("outcome", SmallInteger),
    Column("is_unknown", SmallInteger),
    Column("counted", LongText),
    _position("instance_position"),
    _position("variables_position"),
    _position("jobs_position"),
    UniqueConstraint("workflow_instance_key", "epoch"),
)
"""Payments. ``status`` follows from instance_state, outcome, is_unknown and open incidents."""

Index(None, transfers.c.started_at)
for _filtered_by in (
    "completed_at", "transaction_id", "client_correlation_id", "batch_id", "status", "direction",
    "currency", "amount", "payer_party_id", "payee_party_id", "payer_dfsp_id", "payee_dfsp_id",
    "payer_party_id_type", "payee_party_id_type",
):  # fmt: skip
    Index(None, transfers.c[_filtered_by], transfers.c.started_at)

process_instances = Table(
    "process_instances",
    metadata,
    _id(),
    _key("epoch", nullable=False),
    _key("process_instance_key", nullable=False),
    _name("bpmn_process_id", nullable=False),
    _name("flow", nullable=False),
    Column("version", Integer, nullable=False),
    _key("process_definition_key", nullable=False),
    _key("parent_process_instance_key"),
    _key("parent_element_instance_key"),
    _key("root_process_instance_key"),
    _name("state", 16, nullable=False),
    Column("started_at", Timestamp),
    Column("ended_at", Timestamp),
    _position(),
    UniqueConstraint("process_instance_key", "epoch"),
    Index(None, "bpmn_process_id", "started_at"),
    Index(None, "state", "started_at"),
    Index(None, "started_at"),
    Index(None, "ended_at", "started_at"),
    Index(None, "parent_process_instance_key", "started_at"),
)

flow_node_instances = Table(
    "flow_node_instances",
    metadata,
    _id(),
    _key("epoch", nullable=False),
    _key("element_instance_key", nullable=False),
    _key("process_instance_key", nullable=False),
    _key("process_definition_key", nullable=False),
    _name("element_id", nullable=False),
    _name("element_type", 32, nullable=False),
    _key("flow_scope_key"),
    _name("state", 16, nullable=False),
    Column("started_at", Timestamp),
    Column("ended_at", Timestamp),
    _position(),
    UniqueConstraint("element_instance_key", "epoch"),
    Index(None, "process_instance_key"),
)

variables = Table(
    "variables",
    metadata,
    _id(),
    _key("epoch", nullable=False),
    _key("scope_key", nullable=False),
    _name("name", nullable=False),
    Column("value", LongText, nullable=False),
    Column("timestamp", Timestamp, nullable=False),
    _key("workflow_instance_key", nullable=False),
    _key("workflow_key", nullable=False),
    _position(),
    UniqueConstraint("scope_key", "name", "epoch"),
    Index(None, "workflow_instance_key"),
)
"""The latest value of each variable of each scope, as JSON text."""

tasks = Table(
    "tasks",
    metadata,
    _id(),
    _key("epoch", nullable=False),
    _key("job_key", nullable=False),
    _key("workflow_instance_key", nullable=False),
    _key("workflow_key", nullable=False),
    _name("element_id", nullable=False),
    _key("element_instance_key"),
    _name("type", nullable=False),
    _name("intent", 32, nullable=False),
    _name("record_type", 32, nullable=False),
    Column("timestamp", Timestamp, nullable=False),
    Column("created_at", Timestamp),
    Column("ended_at", Timestamp),
    _name("worker"),
    Column("retries", Integer),
    _name("error_code"),
    Column("error_message", LongText),
    _position(),
    UniqueConstraint("job_key", "epoch"),
    Index(None, "workflow_instance_key"),
)
"""Jobs, one row each, with what happened to it last (``intent``, ``timestamp``)."""

incidents = Table(
    "incidents",
    metadata,
    _id(),
    _key("epoch", nullable=False),
    _key("incident_key", nullable=False),
    _key("process_instance_key", nullable=False),
    _key("process_definition_key", nullable=False),
    _name("bpmn_process_id", nullable=False),
    _name("element_id", nullable=False),
    _key("element_instance_key"),
    _key("job_key"),
    _name("error_type", 64, nullable=False),
    Column("error_message", LongText),
    _name("state", 16, nullable=False),
    Column("created_at", Timestamp),
    Column("resolved_at", Timestamp),
    _position(),
    UniqueConstraint("incident_key", "epoch"),
    Index(None, "process_instance_key", "state"),
    Index(None, "state", "created_at"),
    Index(None, "created_at"),
    Index(None, "resolved_at", "created_at"),
    Index(None, "error_type", "created_at"),
    Index(None, "bpmn_process_id", "created_at"),
)

process_definitions = Table(
    "process_definitions",
    metadata,
    _id(),
    _key("epoch", nullable=False),
    _key("process_definition_key", nullable=False),
    _name("bpmn_process_id", nullable=False),
    Column("version", Integer, nullable=False),
    _name("resource_name", nullable=False),
    Column("resource", LongText),
    _name("checksum", 64),
    _name("state", 16, nullable=False),
    Column("deployed_at", Timestamp),
    _position(),
    UniqueConstraint("process_definition_key", "epoch"),
    Index(None, "bpmn_process_id", "version"),
)

watermarks = Table(
    "watermarks",
    metadata,
    Column("consumer", String(64), primary_key=True),
    Column("lane", String(128), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("partition_id", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
    Column("owner", String(64), nullable=False),
)
"""How far each consumer has applied each ordered sequence of records, and who may go on."""

dead_letters = Table(
    "dead_letters",
    metadata,
    _id(),
    Column("consumer", String(64), nullable=False),
    _key("epoch", nullable=False),
    Column("partition_id", Integer, nullable=False),
    _key("position", nullable=False),
    _name("reason_code", 64, nullable=False),
    Column("reason", LongText, nullable=False),
    _name("tenant_id", 64),
    _name("value_type", 64),
    _name("intent", 64),
    _key("record_key"),
    _key("process_instance_key"),
    Column("record", LongText),
    Column("timestamp", Timestamp),
    Column("state", String(16), nullable=False, server_default="OPEN"),
    UniqueConstraint("consumer", "epoch", "partition_id", "position", "reason_code"),
    Index(None, "state", "id"),
    Index(None, "process_instance_key"),
)
"""What could not be projected, with its reason and the record itself (Zeebe's JSON form)."""

dead_letter_decisions = Table(
    "dead_letter_decisions",
    metadata,
    _id(),
    Column("consumer", String(64), nullable=False),
    _key("epoch", nullable=False),
    Column("partition_id", Integer, nullable=False),
    _key("position", nullable=False),
    _name("reason_code", 64, nullable=False),
    Column("action", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("reason", LongText),
    _name("decided_by"),
    Column("decided_at", Timestamp, nullable=False),
    Index(None, "epoch", "position"),
)
"""What was decided about dead letters, by whom and why; rows are only ever added.

``action`` is RETRY or DISCARD, ``outcome`` the letter's state after it. ``decided_by`` is NULL
while nobody has to say who they are.
"""
