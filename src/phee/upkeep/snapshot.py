"""One view of a tenant's store, however long it takes to look at all of it.

Invariant: everything read from a snapshot of a database is of one moment, that of its watermarks;
writers go on meanwhile and are never blocked. A search server has no such moments: a view of it
that ``is_moving`` shows each document as it is when it is read, never older than the watermarks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Column, Engine, MetaData, Table, UniqueConstraint, func, or_, select

from phee.importers.process import Kind
from phee.stores.paths import relational_path, search_path
from phee.stores.relational import tables as relational
from phee.stores.retention_marks import Cuts, read_cuts
from phee.stores.search import tables as search
from phee.stores.sqlite import reader_engine
from phee.stream.port import Lane

ROWS_AT_ONCE = 2_000
_YEAR_S = 31_536_000
Row = Mapping[str, Any]
Key = tuple[Any, ...]

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


def key_of(table: Table, row: Row) -> Key:
    """Return what tells ``row`` from every other of its table."""
    return tuple(row[str(column.key)] for column in business_key(table))


class Snapshot(Protocol):
    """A view of a store of one tenant; close it soon, a log may grow behind it.

    Attributes:
        kind: which kind of store it is of.
        positions: its watermarks.
        is_moving: whether rows may be newer than the watermarks.
        cuts: how far retention has come in it.
    """

    kind: Kind
    positions: Mapping[Lane, int]
    is_moving: bool
    cuts: Cuts

    def rows(self, table: Table, *, epochs: Collection[int] | None = None) -> Iterator[Row]:
        """Yield rows in the order of their business key, texts by code point.

        ``epochs`` leaves out rows of other lives of the data directory.
        """

    def find(self, table: Table, keys: Sequence[Key]) -> dict[Key, Row]:
        """Return the rows with these business keys, as they are now where this is moving."""

    def count(self, table: Table) -> int:
        """Return how many rows a table has."""

    def look_again(self) -> Mapping[Lane, int]:
        """Return the watermarks as they are now where this is moving; ``positions`` follow."""

    def is_expired(self, row: Row) -> bool:
        """Return whether a row is so old that the store may have deleted it."""

    def close(self) -> None:
        """Let go of the view."""


class SqlSnapshot:
    """A store in a database as it was when the snapshot was opened."""

    is_moving = False

    def __init__(self, engine: Engine, kind: Kind) -> None:
        """Take the moment; ``engine`` belongs to the snapshot from here on.

        Raises:
            Unavailable: the store cannot be opened.
            DBAPIError: it can, and is damaged.
        """
        self._engine = engine
        self.kind: Kind = kind
        try:
            self._connection = engine.connect()
            self.positions: Mapping[Lane, int] = self._positions()
            self.cuts = read_cuts(self._connection)
        except BaseException:
            engine.dispose()
            raise

    def rows(self, table: Table, *, epochs: Collection[int] | None = None) -> Iterator[Row]:
        """See Snapshot."""
        query = select(table).order_by(*business_key(table))
        if epochs is not None and "epoch" in table.c:
            query = query.where(table.c.epoch.in_(epochs))
        result = self._connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query)
        for row in result.mappings():
            yield _by_column(table, row)

    def find(self, table: Table, keys: Sequence[Key]) -> dict[Key, Row]:
        """See Snapshot."""
        columns = business_key(table)
        found = {}
        for key in keys:
            same = (column == value for column, value in zip(columns, key, strict=True))
            for row in self._connection.execute(select(table).where(*same)).mappings():
                found[key] = _by_column(table, row)
        return found

    def count(self, table: Table) -> int:
        """See Snapshot."""
        query = select(func.count()).select_from(table)
        return int(self._connection.execute(query).scalar_one())

    def numbers_with(self, table: Table, columns: Sequence[Column[Any]], text: str) -> list[int]:
        """Return the numbers of the rows that hold ``text`` (in lower case) in one of these."""
        if self._engine.dialect.name != "sqlite":  # a log of slow statements would name the party
            self._connection.exec_driver_sql(f"SET SESSION long_query_time = {_YEAR_S}")
        holds = or_(*(func.instr(func.lower(column), text) > 0 for column in columns))
        query = select(table.c.id).where(holds).order_by(table.c.id)
        return list(self._connection.execute(query).scalars())

    def look_again(self) -> Mapping[Lane, int]:
        """See Snapshot."""
        return self.positions

    def is_expired(self, row: Row) -> bool:  # noqa: ARG002 - nothing is deleted here
        """See Snapshot."""
        return False

    def active_instances(self, epoch: int) -> set[int]:
        """Return the keys of the process instances that run (relational stores only)."""
        table = relational.process_instances
        query = select(table.c.process_instance_key).where(
            table.c.state == "ACTIVE", table.c.epoch == epoch
        )
        return set(self._connection.execute(query).scalars())

    def close(self) -> None:
        """See Snapshot."""
        self._connection.close()
        self._engine.dispose()

    def _positions(self) -> dict[Lane, int]:
        marks = relational.watermarks
        found = self._connection.execute(select(marks).where(marks.c.consumer == self.kind))
        return {
            Lane(row["epoch"], row["partition_id"], row["lane"]): row["position"]
            for row in found.mappings()
        }


def _by_column(table: Table, row: Mapping[Any, Any]) -> Row:
    return {str(column.key): row[column] for column in table.columns}


def store_path(kind: Kind, data: Path, tenant_id: str) -> Path:
    """Return the file of a tenant's embedded store."""
    return (relational_path if kind == "relational" else search_path)(data, tenant_id)


def open_snapshot(kind: Kind, path: Path) -> SqlSnapshot:
    """Take a snapshot of the embedded store in the file ``path``."""
    return SqlSnapshot(reader_engine(path, connections_max=1), kind)
