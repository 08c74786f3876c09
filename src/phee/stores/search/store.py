"""A tenant's search store on SQLite, for its importer."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from phee.projections.documents import (
    DOCUMENT_TARGETS,
    INCIDENT,
    PAYMENT,
    PAYMENT_TARGETS,
    DocumentFold,
    InstanceDocument,
    PaymentJobs,
)
from phee.projections.transfers import status_rule, transfer_status
from phee.stores.joined_upsert import JoinedUpsert
from phee.stores.search import tables
from phee.stores.sqlite import writer_engine
from phee.stores.upsert import Upsert
from phee.stores.writing import SqliteStore

CONSUMER = "search"
"""The name under which this store's importer reads the stream."""

_STATUS = status_rule(
    "EXISTS (SELECT 1 FROM documents AS incident"  # noqa: S608 - constants
    f" WHERE incident.process_instance_key = documents.key AND incident.kind = '{INCIDENT}'"
    " AND incident.epoch = documents.epoch AND incident.state = 'OPEN')",
    state="documents.state",
)
_SET_STATUS = (
    f"UPDATE documents SET status = {_STATUS} WHERE key = ? AND kind = '{PAYMENT}'"  # noqa: S608
    f" AND epoch = ? AND status <> {_STATUS}"
)
_SET_STATE = (
    "UPDATE documents SET status = state WHERE key = ? AND kind = ? AND epoch = ?"
    " AND status <> state"
)


class SqliteSearchStore(SqliteStore[DocumentFold]):
    """Opens (or creates) one tenant's file."""

    def __init__(self, path: Path) -> None:
        engine = writer_engine(path)
        with engine.begin() as connection:
            tables.create(connection)
        super().__init__(path, engine, CONSUMER)
        self._upserts = {target: Upsert(target, tables.documents) for target in DOCUMENT_TARGETS}
        self._payments = JoinedUpsert(PAYMENT_TARGETS, tables.documents, {"status": _first_status})

    def _apply(self, connection: Connection, fold: DocumentFold) -> int:
        changes = dict(fold.changes())
        changed = self._payments.take(connection, changes)
        for target, rows in changes.items():
            changed += self._upserts[target].apply(connection, rows)
        payments = [(key, fold.epoch) for key in sorted(fold.touched_payments)]
        if payments:
            connection.exec_driver_sql(_SET_STATUS, payments)
        others = [(key, kind, fold.epoch) for kind, key in fold.touched_others()]
        if others:
            connection.exec_driver_sql(_SET_STATE, others)
        return changed


def _first_status(instance: InstanceDocument, _: object, jobs: PaymentJobs | None) -> str:
    """Return the status of a payment that is new, as long as nothing else is known of it."""
    is_unknown = jobs is not None and jobs.is_unknown == 1
    return transfer_status(
        instance.state, instance.outcome, is_unknown=is_unknown, has_open_incident=False
    )
