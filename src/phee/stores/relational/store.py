"""A tenant's relational store on SQLite, for its importer."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from phee.projections.relational import RELATIONAL_TARGETS, RelationalFold
from phee.projections.transfers import status_rule
from phee.stores.relational import tables
from phee.stores.relational.derived import DerivedRows, process_id_of
from phee.stores.relational.migrate import migrate
from phee.stores.sqlite import writer_engine
from phee.stores.upsert import Upsert
from phee.stores.writing import SqliteStore

CONSUMER = "relational"
"""The name under which this store's importer reads the stream."""

OPEN_INCIDENTS = (
    "SELECT 1 FROM incidents WHERE incidents.process_instance_key ="
    " transfers.workflow_instance_key AND incidents.epoch = transfers.epoch"
    " AND incidents.state = 'OPEN'"
)
_STATUS = status_rule(f"EXISTS ({OPEN_INCIDENTS})")
_SET_STATUS = (
    f"UPDATE transfers SET status = {_STATUS}"  # noqa: S608 - constants
    f" WHERE workflow_instance_key = ? AND epoch = ? AND status <> {_STATUS}"
)


class SqliteRelationalStore(SqliteStore[RelationalFold]):
    """Opens (or creates) one tenant's file and brings its tables up to date."""

    def __init__(self, path: Path) -> None:
        engine = writer_engine(path)
        migrate(engine)
        super().__init__(path, engine, CONSUMER)
        self._upserts = {
            target: Upsert(target, tables.metadata.tables[target.table])
            for target in RELATIONAL_TARGETS
        }
        self._derived = DerivedRows()

    def process_id(self, epoch: int, process_definition_key: int) -> str | None:
        """See TenantStore."""
        with self.transaction() as connection:
            return process_id_of(connection, epoch, process_definition_key)

    def _apply(self, connection: Connection, fold: RelationalFold) -> int:
        self._derived.before(connection, fold)
        changed = sum(
            self._upserts[target].apply(connection, rows) for target, rows in fold.changes()
        )
        touched = [(key, fold.epoch) for key in sorted(fold.touched_transfers)]
        if touched:
            connection.exec_driver_sql(_SET_STATUS, touched)
        self._derived.after(connection, fold)
        return changed
