"""The tables of a tenant's search store on SQLite: documents, and a full-text index over them.

Every field that is filtered by has an index that goes on with the order in time; fields that many
documents lack have it over those that do not (phee.stores.search.fts5_listing).

The full-text index holds no text of its own (it points at the documents) and follows them by
triggers, in the same transaction; it is touched only when a searched field really changes. A search
store can always be rebuilt from the stream, so it has a version instead of migrations.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    literal_column,
    text,
)

from phee.errors import NotSupported
from phee.stores.relational import tables as relational
from phee.stores.relational.types import Money, Timestamp
from phee.stores.search.query import SORT_FIELDS, TEXT_FIELDS

VERSION = 3
_INDEXED_OTHERWISE = (1, 2)
"""Versions whose documents are the same."""
metadata = MetaData(naming_convention=relational.metadata.naming_convention)

documents = Table(
    "documents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("key", BigInteger, nullable=False),
    Column("process_instance_key", BigInteger, nullable=False),
    Column("bpmn_process_id", String(255)),
    Column("flow", String(255)),
    Column("status", String(16), nullable=False, server_default="IN_PROGRESS"),
    Column("started_at", Timestamp),
    Column("completed_at", Timestamp),
    Column("direction", String(10)),
    Column("transaction_id", String(255)),
    Column("client_correlation_id", String(255)),
    Column("batch_id", String(255)),
    Column("amount", Money),
    Column("currency", String(3)),
    Column("payer_dfsp_id", String(255)),
    Column("payer_party_id", String(255)),
    Column("payer_party_id_type", String(255)),
    Column("payee_dfsp_id", String(255)),
    Column("payee_party_id", String(255)),
    Column("payee_party_id_type", String(255)),
    Column("note", String(255)),
    Column("element_id", String(255)),
    Column("error_type", String(64)),
    Column("error_text", Text),
    Column("state", String(16)),
    Column("outcome", SmallInteger),
    Column("is_unknown", SmallInteger),
    *(
        Column(name, BigInteger, nullable=False, server_default=text("-1"))
        for name in ("instance_position", "variables_position", "jobs_position")
    ),
    UniqueConstraint("key", "kind", "epoch"),
)
_LEAST = {"started_at": "-1", "completed_at": "-1"}
SORTED_BY: dict[str, ColumnElement[Any]] = {
    name: func.coalesce(
        documents.c[name],
        literal_column(_LEAST.get(name, "''")),
        type_=BigInteger if name in _LEAST else String,
    )
    for name in SORT_FIELDS
}
"""What documents are ordered by: one without the field comes before all others. Amounts are texts
of fixed width here."""
moment = SORTED_BY["started_at"]
"""When it began; -1 when that is not known."""
FILTERED_BY = (
    "transaction_id", "client_correlation_id", "payer_party_id", "payee_party_id", "batch_id",
    "amount", "element_id", "error_type", "payer_dfsp_id", "payee_dfsp_id", "payer_party_id_type",
    "payee_party_id_type", "currency", "status", "direction", "bpmn_process_id", "flow", "kind",
)  # fmt: skip
"""Fields with an index, those with the fewest documents for a value first."""


def index_name(field: str) -> str:
    """Return the name of the index that serves a filter."""
    return f"ix_documents_{field}_in_time"


def order_index_name(field: str) -> str:
    """Return the name of the index that serves an order."""
    return "ix_documents_in_time" if field == "started_at" else f"ix_documents_by_{field}"


for _field in FILTERED_BY:
    _column = documents.c[_field]
    Index(
        index_name(_field),
        _column,
        moment,
        documents.c.key,
        sqlite_where=_column.is_not(None) if _column.nullable else None,
    )
for _field, _order in SORTED_BY.items():
    Index(order_index_name(_field), _order, documents.c.key, documents.c.id)
Index("ix_documents_started_at", documents.c.started_at)
Index("ix_documents_process_instance_key_kind", documents.c.process_instance_key, documents.c.kind)

watermarks = relational.watermarks.to_metadata(metadata)
dead_letters = relational.dead_letters.to_metadata(metadata)
dead_letter_decisions = relational.dead_letter_decisions.to_metadata(metadata)

_NAMES = ", ".join(TEXT_FIELDS)
_OLD = ", ".join(f"old.{name}" for name in TEXT_FIELDS)
_NEW = ", ".join(f"new.{name}" for name in TEXT_FIELDS)
_CHANGED = " OR ".join(f"old.{name} IS NOT new.{name}" for name in TEXT_FIELDS)
_ADD = f"INSERT INTO documents_text (rowid, {_NAMES}) VALUES (new.id, {_NEW})"  # noqa: S608
_REMOVE = (
    f"INSERT INTO documents_text (documents_text, rowid, {_NAMES})"  # noqa: S608 - constants
    f" VALUES ('delete', old.id, {_OLD})"
)
_FULL_TEXT = (
    f"CREATE VIRTUAL TABLE documents_text USING fts5({_NAMES}, content='documents',"
    " content_rowid='id', tokenize='unicode61 remove_diacritics 2')"
)
_WORDS = "CREATE VIRTUAL TABLE documents_words USING fts5vocab(documents_text, instance)"
_ADDED = f"CREATE TRIGGER documents_added AFTER INSERT ON documents BEGIN {_ADD}; END"
_CHANGE = (
    f"CREATE TRIGGER documents_changed AFTER UPDATE OF {_NAMES} ON documents"
    f" WHEN {_CHANGED} BEGIN {_REMOVE}; {_ADD}; END"
)
_REMOVED = f"CREATE TRIGGER documents_removed AFTER DELETE ON documents BEGIN {_REMOVE}; END"
TRIGGERS = (_ADDED, _CHANGE, _REMOVED)


def create(connection: Connection) -> None:
    """Create what is missing.

    Raises:
        NotSupported: the file was made by another version; it must be rebuilt.
    """
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if version not in (0, *_INDEXED_OTHERWISE, VERSION):
        raise NotSupported(
            f"the search store has version {version}, this program makes {VERSION}",
            fix="Run `phee rebuild --store search` for this tenant",
        )
    if version == VERSION:
        dead_letter_decisions.create(connection, checkfirst=True)  # younger than the version
        return
    metadata.create_all(connection)
    if version == 0:
        for statement in (_FULL_TEXT, *TRIGGERS):
            connection.exec_driver_sql(statement)
    else:
        _index_anew(connection)
    connection.exec_driver_sql("DROP TABLE IF EXISTS documents_terms")  # of version 2
    connection.exec_driver_sql(_WORDS)
    connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")


def _index_anew(connection: Connection) -> None:
    """Make the indexes that a file of an earlier version lacks, and drop those it has too many."""
    found = connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE tbl_name = 'documents' AND type = 'index'"
        " AND sql IS NOT NULL"
    )
    present = set(found.scalars())
    wanted = {str(index.name): index for index in documents.indexes}
    for name in sorted(wanted.keys() - present):
        wanted[name].create(connection)
    for name in sorted(present - wanted.keys()):
        connection.exec_driver_sql(f"DROP INDEX {name}")
