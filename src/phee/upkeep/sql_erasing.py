"""Erasing a party from a store in a database, embedded or on a server.

Rows are found in a snapshot, which holds nobody up, and changed in small transactions under the
importer's lock. What an importer copies from one row to another meanwhile is found by the next
round. Every text column is looked at but for those that only name the tenant's own things, so a
new column is looked at from the day it is added.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from sqlalchemy import Column, Connection, String, Table, Text, select, update

from phee.importers.process import Kind
from phee.projections.erasing import Eraser
from phee.projections.fields import DETAIL_MAX
from phee.projections.texts import cut
from phee.stores.relational.tables import watermarks
from phee.stores.writing import SqlStore
from phee.upkeep.comparing import CUT_COLUMNS
from phee.upkeep.runtimes import Runtimes
from phee.upkeep.snapshot import SqlSnapshot, projected_tables, store_path, table_named

AT_ONCE = 500
"""Rows in one transaction."""
NOT_PERSONAL = frozenset(
    (
        "bpmn_process_id", "checksum", "currency", "decision_id", "decision_name",
        "decision_requirements_id", "direction", "element_id", "element_type", "error_type",
        "failed_decision_id", "flow", "instance_state", "intent", "kind", "message_name", "name",
        "namespace", "record_type", "resource", "resource_name", "stated_state", "state", "status",
        "type", "worker",
    )
)  # fmt: skip
"""Columns that say what the tenant's flows are, and how far a run of one is."""
_LETTERS = ("dead_letters", "dead_letter_decisions")
_LETTER_COLUMNS = ("record", "reason")
_MERGE = "INSERT INTO documents_text (documents_text, rank) VALUES ('merge', ?)"
_MERGED_PAGES = 500


def texts_of(table: Table) -> list[Column[Any]]:
    """Return the columns of a table that may hold personal data."""
    return [
        column
        for column in table.columns
        if isinstance(column.type, String)
        and column.key not in NOT_PERSONAL
        and (table.name not in _LETTERS or column.key in _LETTER_COLUMNS)
    ]


class SqlSweeper:
    """A :class:`phee.upkeep.erasing.Sweeper` of a store in a database."""

    def __init__(self, runtimes: Runtimes, kind: Kind, tenant_id: str) -> None:
        self._runtimes = runtimes
        self._kind: Kind = kind
        self._tenant_id = tenant_id
        store = runtimes.open_store(kind, tenant_id)
        assert isinstance(store, SqlStore)
        self._store: SqlStore[Any] = store

    def sweep(self, eraser: Eraser, texts: list[str], *, dry_run: bool) -> Counter[str]:
        """See Sweeper."""
        counts: Counter[str] = Counter()
        tables = [*projected_tables(self._kind), *(table_named(self._kind, n) for n in _LETTERS)]
        for table in tables:
            columns = texts_of(table)
            numbers = self._find(table, columns, texts) if columns else []
            for start in range(0, len(numbers), AT_ONCE):
                part = numbers[start : start + AT_ONCE]
                counts[table.name] += self._store.run(
                    lambda connection, t=table, c=columns, p=part: _erase(  # type: ignore[misc]
                        connection, t, c, p, eraser, dry_run=dry_run
                    )
                )
        return +counts

    def finish(self) -> None:
        """See Sweeper. What SQLite has freed is overwritten; a server sees to its own disk."""
        if not self._runtimes.is_embedded(self._kind):
            return
        if self._kind == "search":
            self._merge_full_text()
        path = store_path(self._kind, self._runtimes.data, self._tenant_id)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """See Sweeper."""
        self._store.close()

    def _find(self, table: Table, columns: Sequence[Column[Any]], texts: list[str]) -> list[int]:
        snapshot = self._runtimes.snapshot(self._kind, self._tenant_id)
        assert isinstance(snapshot, SqlSnapshot)
        with closing(snapshot):
            found = (snapshot.numbers_with(table, columns, text.lower()) for text in texts)
            return sorted({number for numbers in found for number in numbers})

    def _merge_full_text(self) -> None:
        """Merge the full-text index into one piece, bit by bit: old words stay in it until then."""
        steps = -_MERGED_PAGES
        while self._store.run(lambda connection, n=steps: _merge(connection, n)):  # type: ignore[misc]
            steps = _MERGED_PAGES


def _erase(
    connection: Connection,
    table: Table,
    columns: Sequence[Column[Any]],
    numbers: Sequence[int],
    eraser: Eraser,
    *,
    dry_run: bool,
) -> int:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")
    else:  # the importer's transactions begin with their watermark, too: they take turns
        connection.execute(select(watermarks.c.position).with_for_update()).all()
    query = select(table).where(table.c.id.in_(numbers))
    count = 0
    for row in connection.execute(query.with_for_update()).mappings().all():
        changed = _changes(table, columns, row, eraser)
        if changed:
            count += 1
            if not dry_run:
                here = table.c.id == row[table.c.id]
                connection.execute(update(table).where(here).values(changed))
    return count


def _changes(
    table: Table, columns: Sequence[Column[Any]], row: Any, eraser: Eraser
) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for column in columns:
        before = row[column]
        if not isinstance(before, str):
            continue
        if column.key == "value":
            after = eraser.variable(row[table.c.name], before)
        else:
            after = eraser.text(str(column.key), before)
        if after != before:
            changed |= _fitting(table, column, after)
    return changed


def _fitting(table: Table, column: Column[Any], text: str) -> dict[str, Any]:
    """Return ``text`` cut as a projection would have cut it."""
    name = str(column.key)
    if "is_truncated" in table.c and name in CUT_COLUMNS:
        kept, is_cut = cut(text)
        return {name: kept, "is_truncated": 1} if is_cut else {name: kept}
    length = DETAIL_MAX if name == "status_detail" else None
    if not isinstance(column.type, Text):
        length = column.type.length  # type: ignore[attr-defined] # texts_of takes only strings
    return {name: text[:length]}


def _merge(connection: Connection, pages: int) -> bool:
    """Merge some pages of the full-text index; return whether there was something to merge."""
    opened = connection.connection.dbapi_connection
    assert isinstance(opened, sqlite3.Connection)
    connection.exec_driver_sql("PRAGMA secure_delete=ON")
    before = opened.total_changes
    connection.exec_driver_sql(_MERGE, (pages,))
    return opened.total_changes - before >= 2
