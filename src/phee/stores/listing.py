"""Pages of large tables at a cost that does not grow with the table.

Every column that can be filtered or sorted by has an index that goes on with the order in time. The
way into a table is chosen by looking, not by the database's statistics: each index that a filter
could use is counted, up to a bound. Then one of three things is done, each of bounded cost:

- few rows (a walk's worth) are left by some index: all of them are read and sorted;
- one index has both the filter and the order: as many rows as are shown are read from it;
- else the index with the order is walked, and rows that another filter refuses are left out. The
  walk ends after FEW_MAX rows: such a page may be short, and its cursor says where to go on.

Totals are exact up to COUNTED_MAX, then a lower bound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
)

from phee.stores.order import Conditions, Order, Place
from phee.stores.taking import NO_INDEX, PAGED_MAX, Asked, Taken, Taking, Way, too_deep

PAGED_IN_PARTS_MAX = 2_000
"""The same where rows of several parts must be put in order to count them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows that meet all of these; a listing shows those of all its (disjoint) parts.

    Attributes:
        equal: column name -> the value it must have.
        ranges: column name -> bounds of that column.
        rest: conditions that no index has.
        few: a condition that few rows meet, and that the database finds them by.
    """

    equal: Mapping[str, Any]
    ranges: Mapping[str, Conditions]
    rest: Conditions = ()
    few: ColumnElement[bool] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Rows in order; ``is_more``: others follow; ``end``: the place to go on from."""

    rows: list[Row[Any]]
    total: int
    is_exact: bool
    end: Place | None


class Listing:
    """The ways into one table.

    Args:
        table: the table.
        indexes: column name -> the index that begins with it, those with the fewest rows for a
            value first.
        moment: the name of the column in time (it is in ``indexes``); every index goes on with it.
        columns: name -> column or expression, where it is not the table's own column.
    """

    def __init__(
        self,
        table: Table,
        indexes: Mapping[str, str | None],
        moment: str,
        columns: Mapping[str, ColumnElement[Any]] | None = None,
    ) -> None:
        self.table = table
        self.indexes = indexes
        self.moment = moment
        self._columns: Mapping[str, ColumnElement[Any]] = columns or {}

    def column(self, name: str) -> ColumnElement[Any]:
        """Return what ``name`` is in SQL."""
        found = self._columns.get(name)
        return self.table.c[name] if found is None else found

    def ways(self, part: Part, order: Order) -> list[Way]:
        """Return every way that is open, the best guess first; the last is the order's own."""
        sorted_by = self._name_of(order)
        in_time = sorted_by == self.moment
        times = part.ranges.get(self.moment, ())
        equal = {name: self.column(name) == value for name, value in part.equal.items()}
        others = {name: c for name, c in part.ranges.items() if name != self.moment}
        ranged = [c for conditions in others.values() for c in conditions]
        if part.few is not None:
            everything = (*equal.values(), *times, *ranged, *part.rest)
            return [Way(NO_INDEX, (part.few,), everything, is_ordered=False, has_few=True)]
        found = []
        for name, index in self.indexes.items():
            if name in equal:
                rest = [value for other, value in equal.items() if other != name]
                within: Conditions = (equal[name], *times)
                found.append(Way(index, within, (*rest, *ranged, *part.rest), in_time))
            elif name in part.ranges:
                within = part.ranges[name]
                beside = [c for o, cs in others.items() if o != name for c in cs]
                rest = [*equal.values(), *beside, *part.rest]
                timed = () if name == self.moment else times
                found.append(Way(index, within, tuple(rest), name == sorted_by, timed))
        if not any(way.is_ordered for way in found):
            unmet = (*equal.values(), *ranged, *part.rest)
            found.append(Way(self.indexes[sorted_by], (), unmet, True, times))
        return found

    def page(
        self,
        connection: Connection,
        columns: Sequence[ColumnElement[Any]],
        parts: Sequence[Part],
        asked: Asked,
    ) -> Found:
        """Return one page; rows have ``columns``, then the order's columns.

        Raises:
            InvalidInput: the page is further down than pages by number go.
        """
        if not asked.offset:
            return self._page(connection, columns, parts, asked)
        deepest = PAGED_MAX if len(parts) == 1 else PAGED_IN_PARTS_MAX
        is_deep = asked.offset + asked.size > deepest
        place = None if is_deep else self._place(connection, parts, asked)
        if place is None:
            first = self._page(connection, (), parts, replace(asked, offset=0, size=1))
            if is_deep and not (first.is_exact and asked.offset >= first.total):
                raise too_deep()
            return Found([], first.total, first.is_exact, None)
        found = self._page(connection, columns, parts, replace(asked, offset=0, place=place))
        if found.is_exact:
            return found
        total = max(found.total, asked.offset + len(found.rows) + (found.end is not None))
        return replace(found, total=total, is_exact=found.end is None)

    def _place(self, connection: Connection, parts: Sequence[Part], asked: Asked) -> Place | None:
        """Return the place before the page: of the last of the rows to leave out."""
        if len(parts) == 1:
            taking = self._taking(connection, (), replace(asked, size=asked.offset))
            return taking.place_of(asked.offset, self.ways(parts[0], asked.order))
        before = self._page(connection, (), parts, replace(asked, offset=0, size=asked.offset))
        if len(before.rows) == asked.offset:
            return tuple(before.rows[-1][-len(asked.order.columns) :])
        if before.end is not None:
            raise too_deep()
        return None

    def _page(
        self,
        connection: Connection,
        columns: Sequence[ColumnElement[Any]],
        parts: Sequence[Part],
        asked: Asked,
    ) -> Found:
        """Return a page that begins at a place, or at the first row."""
        takes = [self._taking(connection, columns, asked) for _ in parts]
        taken = [take.take(self.ways(p, asked.order)) for take, p in zip(takes, parts, strict=True)]
        return _merge(taken, asked)

    def _taking(
        self, connection: Connection, columns: Sequence[ColumnElement[Any]], asked: Asked
    ) -> Taking:
        return Taking(self.table, self.column(self.moment), connection, columns, asked)

    def _name_of(self, order: Order) -> str:
        first = order.columns[0]
        return next(name for name in self.indexes if self.column(name) is first)


def _merge(taken: Sequence[Taken], asked: Asked) -> Found:
    """Return the page out of what the parts have."""
    order = asked.order
    width = len(order.columns)

    def key(place: Place) -> tuple[Any, ...]:
        return order.key(place)

    rows = [row for part in taken for row in part.rows]
    rows.sort(key=lambda row: key(tuple(row[-width:])), reverse=order.descending)
    stops = [part.stopped_at for part in taken if part.stopped_at is not None]
    stop = None
    if stops:
        stop = (max if order.descending else min)(stops, key=key)
        bound = key(stop)
        rows = [row for row in rows if _is_before(key(tuple(row[-width:])), bound, order)]
    shown = rows[: asked.size]
    is_more = len(rows) > asked.size
    end = tuple(shown[-1][-width:]) if is_more else stop
    total = max(sum(part.total for part in taken), len(rows))
    return Found(shown, total, all(part.is_exact for part in taken), end)


def _is_before(key: Any, bound: Any, order: Order) -> bool:
    return bool(key >= bound if order.descending else key <= bound)
