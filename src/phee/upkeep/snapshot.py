"""One consistent view of a tenant's store, however long it takes to look at all of it.

Invariant: everything read from a snapshot is of one moment, that of its watermarks; writers go on
meanwhile and are never blocked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Engine, MetaData, Table, UniqueConstraint, func, select

from phee.importers.process import Kind
from phee.stores.paths import relational_path, search_path
from phee.stores.relational import tables as relational
from phee.stores.search import tables as search
from phee.stores.sqlite import reader_engine
from phee.stream.port import Lane

ROWS_AT_ONCE = 2_000
Row = Mapping[str, Any]

_METADATA: Mapping[Kind, MetaData] = {
    "relational": relational.metadata,
    "search": search.metadata,
}
_PLUMBING = frozenset({"watermarks", "dead_letters", "dead_letter_decisions", "error_codes"})


def projected_tables(kind: Kind) -> list[Table]:
    """Return the tables that hold what the records mean, in the order of their names."""
    known = _METADATA[kind].tables
    return [known[name] for name in sorted(known) if name not in _PLUMBING]


def table_named(kind: Kind, name: str) -> Table:
    """Return a table of stores of ``kind``."""
    return _METADATA[kind].tables[name]


def business_key(table: Table) -> list[Column[Any]]:
    """Return the columns that say which row is which, the most telling first."""
    unique = (c for c in table.constraints if isinstance(c, UniqueConstraint))
    return list(next(unique, table.primary_key).columns)


def store_path(kind: Kind, data: Path, tenant_id: str) -> Path:
    """Return the file of a tenant's embedded store."""
    return (relational_path if kind == "relational" else search_path)(data, tenant_id)


class Snapshot:
    """A store as it was when the snapshot was opened; close it soon, a log grows behind it."""

    def __init__(self, engine: Engine, kind: Kind) -> None:
        """Take the moment; ``engine`` belongs to the snapshot from here on.

        Raises:
            Unavailable: the store cannot be opened.
            DBAPIError: it can, and is damaged.
        """
        self._engine = engine
        self.kind = kind
        self._connection = engine.connect()
        self.positions = self._positions()

    def rows(self, table: Table, *, epochs: Collection[int] | None = None) -> Iterator[Row]:
        """Yield the rows in the order of the first column of their business key.

        ``epochs`` leaves out rows of other lives of the data directory.
        """
        query = select(table).order_by(business_key(table)[0])
        if epochs is not None:
            query = query.where(table.c.epoch.in_(epochs))
        result = self._connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query)
        for row in result.mappings():
            yield {str(column.key): row[column] for column in table.columns}

    def count(self, table: Table) -> int:
        """Return how many rows a table has."""
        query = select(func.count()).select_from(table)
        return int(self._connection.execute(query).scalar_one())

    def active_instances(self, epoch: int) -> set[int]:
        """Return the keys of the process instances that run (relational stores only)."""
        table = relational.process_instances
        query = select(table.c.process_instance_key).where(
            table.c.state == "ACTIVE", table.c.epoch == epoch
        )
        return set(self._connection.execute(query).scalars())

    def close(self) -> None:
        """Let go of the moment."""
        self._connection.close()
        self._engine.dispose()

    def _positions(self) -> dict[Lane, int]:
        marks = relational.watermarks
        found = self._connection.execute(select(marks).where(marks.c.consumer == self.kind))
        return {
            Lane(row["epoch"], row["partition_id"], row["lane"]): row["position"]
            for row in found.mappings()
        }


def open_snapshot(kind: Kind, path: Path) -> Snapshot:
    """Take a snapshot of the embedded store in the file ``path``."""
    return Snapshot(reader_engine(path, connections_max=1), kind)
