"""Row changes as SQL: one prepared statement per target, applied to many rows at once.

The statement decides by positions, so the same row comes out in whatever order its changes come: a
newer change says what it knows (None leaves what is stored), an older one only fills in what is
still missing, and columns marked so keep the larger value.
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
        update(table.name, column, [target])
        for column in columns
        if column.key not in keys and column.key != target.position
    ]
    updates.append(update_position(table.name, target.position))
    return (
        f"INSERT INTO {table.name} ({', '.join(names)})"  # noqa: S608 - names of our own tables
        f" VALUES ({', '.join('?' * len(names))})"
        f" ON CONFLICT ({', '.join(sorted(keys))}) DO UPDATE SET {', '.join(updates)}"
    )


def update(table: str, column: Column[Any], targets: Collection[Target]) -> str:
    """Return what a change of ``targets`` does to a ``column`` of a row that ``table`` has.

    These are all that say something about the column; one newer position is enough.
    """
    name = column.name
    stored, new = f"{table}.{name}", f"excluded.{name}"
    if any(column.key in target.largest_wins for target in targets):
        return f"{name} = MAX(COALESCE({new}, {stored}), COALESCE({stored}, {new}))"
    newer, older = new, stored
    if column.nullable:
        newer, older = f"COALESCE({new}, {stored})", f"COALESCE({stored}, {new})"
    is_newer = " OR ".join(f"excluded.{t.position} > {table}.{t.position}" for t in targets)
    return f"{name} = CASE WHEN {is_newer} THEN {newer} ELSE {older} END"


def update_position(table: str, position: str) -> str:
    """Return what keeps the newest position."""
    return f"{position} = MAX({table}.{position}, excluded.{position})"
