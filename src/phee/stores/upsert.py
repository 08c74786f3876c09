"""Row changes as SQL: one prepared statement per target, applied to many rows at once.

The statement decides by positions, so the same row comes out in whatever order its changes come: a
newer change says what it knows (None leaves what is stored), an older one only fills in what is
still missing, and columns marked so keep the larger value.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from operator import attrgetter
from typing import Any

from sqlalchemy import Column, Connection, Table

from phee.projections.rows import RowChange, Target
from phee.stores.money import money_text
from phee.stores.relational.types import Money

WriteSql = Callable[[Target, Table, list[Column[Any]]], str]


class Upsert:
    """Applies the changes of one target to its table.

    Args:
        target: what changes.
        table: the table with its columns.
        write_sql: writes the statement in the database's own words.
    """

    def __init__(self, target: Target, table: Table, write_sql: WriteSql | None = None) -> None:
        fields = [f for f in target.row.__struct_fields__ if f not in target.only_in_documents]
        columns = [table.c[target.position if f == "position" else f] for f in fields]
        self.sql = (write_sql or _sqlite)(target, table, columns)
        self._values: Callable[[Any], tuple[Any, ...]] = attrgetter(*fields)
        self._money = [i for i, column in enumerate(columns) if isinstance(column.type, Money)]

    def apply(self, connection: Connection, rows: Collection[RowChange]) -> int:
        """Apply ``rows`` and return how many there were."""
        if rows:
            connection.exec_driver_sql(self.sql, list(self._tuples(rows)))
        return len(rows)

    def _tuples(self, rows: Iterable[RowChange]) -> Iterable[tuple[Any, ...]]:
        values = map(self._values, rows)
        return map(self._with_money, values) if self._money else values

    def _with_money(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        encoded = list(values)
        for index in self._money:
            if encoded[index] is not None:
                encoded[index] = money_text(encoded[index])
        return tuple(encoded)


def _sqlite(target: Target, table: Table, columns: list[Column[Any]]) -> str:
    keys = {"epoch", *target.key}
    names = [column.name for column in columns]
    updates = [
        _update(target.position, table.name, column, larger=column.key in target.largest_wins)
        for column in columns
        if column.key not in keys and column.key != target.position
    ]
    stored, new = f"{table.name}.{target.position}", f"excluded.{target.position}"
    updates.append(f"{target.position} = MAX({stored}, {new})")
    return (
        f"INSERT INTO {table.name} ({', '.join(names)})"  # noqa: S608 - names of our own tables
        f" VALUES ({', '.join('?' * len(names))})"
        f" ON CONFLICT ({', '.join(sorted(keys))}) DO UPDATE SET {', '.join(updates)}"
    )


def _update(position: str, table: str, column: Column[Any], *, larger: bool) -> str:
    name = column.name
    stored, new = f"{table}.{name}", f"excluded.{name}"
    if larger:
        return f"{name} = MAX(COALESCE({new}, {stored}), COALESCE({stored}, {new}))"
    newer, older = new, stored
    if column.nullable:
        newer, older = f"COALESCE({new}, {stored})", f"COALESCE({stored}, {new})"
    is_newer = f"excluded.{position} > {table}.{position}"
    return f"{name} = CASE WHEN {is_newer} THEN {newer} ELSE {older} END"
