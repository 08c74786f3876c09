"""Row changes as SQL: one prepared statement per target, applied to many rows at once.

The statement refuses older changes by itself: a row (or its group of columns) changes only when
the position is newer, a None leaves what is stored, and columns marked so keep the larger value.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import Column, Connection, Table

from phee.projections.rows import RowChange, Target
from phee.stores.money import money_text
from phee.stores.relational.types import Money

Tuples = Iterable[tuple[Any, ...]]
WriteSql = Callable[[Target, Table, list[Column[Any]]], str]


def fields_of(target: Target) -> list[str]:
    """Return the fields of a target's changes that a table has columns for."""
    return [f for f in target.row.__struct_fields__ if f not in target.only_in_documents]


def columns_of(target: Target, table: Table) -> list[Column[Any]]:
    """Return the column of each of :func:`fields_of`."""
    return [table.c[target.position if f == "position" else f] for f in fields_of(target)]


def money_as_text(columns: Sequence[Column[Any]]) -> Callable[[Tuples], Tuples]:
    """Return what writes the amounts in tuples of ``columns`` as stores keep them."""
    places = [i for i, column in enumerate(columns) if isinstance(column.type, Money)]

    def written(values: tuple[Any, ...]) -> tuple[Any, ...]:
        encoded = list(values)
        for place in places:
            if encoded[place] is not None:
                encoded[place] = money_text(encoded[place])
        return tuple(encoded)

    return lambda tuples: map(written, tuples) if places else tuples


class Upsert:
    """Applies the changes of one target to its table.

    Args:
        target: what changes.
        table: the table with its columns.
        write_sql: writes the statement in the database's own words.
    """

    def __init__(self, target: Target, table: Table, write_sql: WriteSql | None = None) -> None:
        columns = columns_of(target, table)
        self.sql = (write_sql or _sqlite)(target, table, columns)
        self._values: Callable[[Any], tuple[Any, ...]] = attrgetter(*fields_of(target))
        self._with_money = money_as_text(columns)

    def apply(self, connection: Connection, rows: Collection[RowChange]) -> int:
        """Apply ``rows`` and return how many there were."""
        if rows:
            values = self._with_money(map(self._values, rows))
            connection.exec_driver_sql(self.sql, list(values))
        return len(rows)


def _sqlite(target: Target, table: Table, columns: list[Column[Any]]) -> str:
    keys = {"epoch", *target.key}
    names = [column.name for column in columns]
    updates = [
        f"{column.name} = "
        + newer_value(table.name, column, larger=column.key in target.largest_wins)
        for column in columns
        if column.key not in keys and column.key != target.position
    ]
    updates.append(f"{target.position} = excluded.{target.position}")
    return (
        f"INSERT INTO {table.name} ({', '.join(names)})"  # noqa: S608 - names of our own tables
        f" VALUES ({', '.join('?' * len(names))})"
        f" ON CONFLICT ({', '.join(sorted(keys))}) DO UPDATE SET {', '.join(updates)}"
        f" WHERE excluded.{target.position} > {table.name}.{target.position}"
    )


def newer_value(table: str, column: Column[Any], *, larger: bool) -> str:
    """Return what a newer change makes of a column: None says nothing, or the larger value wins."""
    name = column.name
    newer = f"COALESCE(excluded.{name}, {table}.{name})"
    if larger:
        return f"MAX({newer}, COALESCE({table}.{name}, excluded.{name}))"
    return newer if column.nullable else f"excluded.{name}"
