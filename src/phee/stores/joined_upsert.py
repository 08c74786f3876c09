"""Groups of columns of one row that come together, as one statement of SQLite.

A new payment often has all its groups in one batch. Written one after the other, each would change
the row's indexes and its full text again; here that happens once. Which values are newer is decided
for each group by its own position, as :mod:`phee.stores.upsert` does; a group that did not come has
the position -1, which is newer than nothing, and says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import Column, Connection, Table

from phee.projections.rows import RowChange, Target
from phee.stores.upsert import columns_of, fields_of, money_as_text, update, update_position

Rows = Collection[RowChange]
Joined = tuple[RowChange, *tuple[RowChange | None, ...]]


class JoinedUpsert:
    """Applies the changes of several targets of one table and key, where they meet.

    Args:
        targets: what changes; only rows that the first one has are joined with those of others.
        table: the table with its columns.
        made_with: column -> what works out its value for a row that is not there yet.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        table: Table,
        made_with: Mapping[str, Callable[..., Any]],
    ) -> None:
        self._targets = targets
        self._made_with = made_with
        self._key: Callable[[RowChange], Any] = attrgetter("epoch", *targets[0].key)
        self._groups: list[_Group] = []
        self._owners: dict[Column[Any], list[Target]] = {}
        for target in targets:
            self._groups.append(_Group(target, table, self._owners))
            for column in columns_of(target, table):
                self._owners.setdefault(column, []).append(target)
        self.sql = self._written(table)
        self._with_money = money_as_text(list(self._owners))

    def take(self, connection: Connection, changes: dict[Target, Rows]) -> int:
        """Apply what can be joined and leave the rest in ``changes``; return how much that was."""
        first, *others = self._targets
        found = [{self._key(row): row for row in changes[target]} for target in others]
        joined: list[Joined] = []
        alone: list[RowChange] = []
        for row in changes[first]:
            key = self._key(row)
            groups = [rows.pop(key, None) for rows in found]
            if any(group is not None for group in groups):
                joined.append((row, *groups))
            else:
                alone.append(row)
        changes[first] = alone
        changes.update(
            (target, list(rows.values())) for target, rows in zip(others, found, strict=True)
        )
        if joined:
            connection.exec_driver_sql(self.sql, list(self._with_money(self._tuples(joined))))
        return sum(group is not None for groups in joined for group in groups)

    def _tuples(self, joined: Iterable[Joined]) -> Iterator[tuple[Any, ...]]:
        for groups in joined:
            values: list[Any] = []
            for row, group in zip(groups, self._groups, strict=True):
                values += group.absent if row is None else group.values(row)
            values += [value(*groups) for value in self._made_with.values()]
            yield tuple(values)

    def _written(self, table: Table) -> str:
        first = self._targets[0]
        keys = sorted({"epoch", *first.key})
        positions = {target.position for target in self._targets}
        updates = [
            update(table.name, column, owners)
            for column, owners in self._owners.items()
            if column.key not in keys and column.key not in positions
        ]
        updates += [update_position(table.name, position) for position in sorted(positions)]
        names = [*(column.name for column in self._owners), *self._made_with]
        return (
            f"INSERT INTO {table.name} ({', '.join(names)})"  # noqa: S608 - names of our own tables
            f" VALUES ({', '.join('?' * len(names))})"
            f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {', '.join(updates)}"
        )


class _Group:
    """The values that one target adds to those of the targets before it."""

    def __init__(self, target: Target, table: Table, before: Collection[Column[Any]]) -> None:
        own = [
            (field, column)
            for field, column in zip(fields_of(target), columns_of(target, table), strict=True)
            if column not in before
        ]
        fields = [field for field, _ in own]
        read = attrgetter(*fields)
        self.values: Callable[[RowChange], tuple[Any, ...]] = (
            read if len(fields) > 1 else lambda row: (read(row),)
        )
        self.absent = tuple(-1 if field == "position" else None for field in fields)
