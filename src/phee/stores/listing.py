"""Pages of large tables at a cost that does not grow with the table.

Every column that can be filtered or sorted by has an index that goes on with the order in time. The
way into a table is chosen by looking, not by the database's statistics: each index that a filter
could use is counted, up to a bound. Then one of three things is done, each of bounded cost:

- few rows (FEW_MAX) are left by some index: all of them are read and sorted;
- one index has both the filter and the order: as many rows as are shown are read from it;
- else the index with the order is walked, and rows that another filter refuses are left out. The
  walk ends after FEW_MAX rows: such a page may be short, and its cursor says where to go on.

Totals are exact up to COUNTED_MAX, then a lower bound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    func,
    literal_column,
    select,
)

from phee.errors import InvalidInput
from phee.stores.order import Conditions, Order, Place

COUNTED_MAX = 10_000
FEW_MAX = 5_000
WALKED = (500, FEW_MAX - 500)
"""Rows looked at in a walk: at first, and when those did not fill the page."""
LOOKED_AT = (300, 1_200)
"""The same when rows are looked at in Python, which takes longer."""
FEW_ENOUGH = 100
"""No other index is asked when one has at most so many rows."""
PAGED_MAX = 10_000
"""The last row that pages by number reach."""
NO_INDEX = ""
"""Instead of an index: rows are found by their number."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One page: where it begins, how large it is, and what rows it may show.

    ``accepts`` looks at rows itself, for what SQL cannot say.
    """

    order: Order
    place: Place | None = None
    offset: int = 0
    size: int
    accepts: Callable[[Row[Any]], bool] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Rows in order; ``is_more``: others follow; ``end``: the place to go on from."""

    rows: list[Row[Any]]
    total: int
    is_exact: bool
    end: Place | None


@dataclass(frozen=True, slots=True)
class Way:
    """A way into a table: an index, what it narrows, and what is left to be checked.

    ``index`` is None for a unique key, which every database finds.
    """

    index: str | None
    within: Conditions
    rest: Conditions
    is_ordered: bool
    has_few: bool = False


@dataclass(slots=True)
class _Taken:
    """What one part of a listing has; ``stopped_at``: where a walk was given up."""

    rows: list[Row[Any]]
    total: int
    is_exact: bool
    stopped_at: Place | None = None


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
        if part.few is not None:
            ranged = [c for conditions in part.ranges.values() for c in conditions]
            everything = (*equal.values(), *ranged, *part.rest)
            return [Way(NO_INDEX, (part.few,), everything, is_ordered=False, has_few=True)]
        found = []
        for name, index in self.indexes.items():
            if name in equal:
                rest = [value for other, value in equal.items() if other != name]
                within: Conditions = (equal[name], *times)
                ranged = [c for conditions in others.values() for c in conditions]
                found.append(Way(index, within, (*rest, *ranged, *part.rest), in_time))
            elif name in part.ranges:
                within = part.ranges[name]
                ranged = [c for o, cs in part.ranges.items() if o != name for c in cs]
                rest = [*equal.values(), *ranged, *part.rest]
                found.append(Way(index, within, tuple(rest), name == sorted_by))
        if not any(way.is_ordered for way in found):
            ranged = [c for conditions in part.ranges.values() for c in conditions]
            everything = (*equal.values(), *ranged, *part.rest)
            found.append(Way(self.indexes[sorted_by], (), everything, True))
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
        if asked.offset + asked.size > PAGED_MAX and asked.offset:
            raise too_deep()
        takes = [_Taking(self.table, connection, columns, asked) for _ in parts]
        taken = [take.take(self.ways(p, asked.order)) for take, p in zip(takes, parts, strict=True)]
        return _merge(taken, asked)

    def _name_of(self, order: Order) -> str:
        first = order.columns[0]
        return next(name for name in self.indexes if self.column(name) is first)


def too_deep() -> InvalidInput:
    """Return the error of a page by number that would cost too much."""
    return InvalidInput(
        f"pages by number end after {PAGED_MAX} rows, or earlier with several filters",
        where="page",
        fix="Follow nextCursor instead, or narrow the listing",
    )


class _Taking:
    """Takes the rows of one part, enough for a page."""

    def __init__(
        self,
        table: Table,
        connection: Connection,
        columns: Sequence[ColumnElement[Any]],
        asked: Asked,
    ) -> None:
        self._table = table
        self._connection = connection
        self._asked = asked
        self._order = asked.order
        self._wanted = asked.offset + asked.size + 1
        self._steps = WALKED if asked.accepts is None else LOOKED_AT
        places = [c.label(f"place_{n}") for n, c in enumerate(asked.order.columns)]
        self._columns = [*columns, *places]

    def take(self, ways: Sequence[Way]) -> _Taken:
        """Take them by the way that costs least."""
        asked = self._asked
        alone = ways[0]
        if alone.has_few:
            return self._sorted(alone)
        if len(ways) > 1 or alone.rest or asked.accepts:
            few = self._few(ways)
            if few is not None:
                return self._sorted(few)
            best = next(way for way in ways if way.is_ordered)
            if best.rest or asked.accepts:
                return self._walked(best)
            alone = best
        return self._read(alone)

    def _few(self, ways: Sequence[Way]) -> Way | None:
        best, least = None, sum(self._steps) + 1
        for way in ways:
            size = self._count(way.index, way.within, least)
            if size < least:
                best, least = way, size
            if least <= FEW_ENOUGH:
                break
        return best

    def _sorted(self, way: Way) -> _Taken:
        """Read all rows of a way that has few."""
        everything = (*way.within, *way.rest)
        query = self._hinted(select(*self._columns), way.index).where(*everything)
        beyond = query.where(*self._order.anywhere_beyond(self._asked.place))
        ordered = beyond.order_by(*self._order.clauses())
        if self._asked.accepts is None:
            rows = list(self._connection.execute(ordered.limit(self._wanted)))
            total = self._count(way.index, everything, FEW_MAX + 1)
            return _Taken(rows, total, is_exact=True)
        rows = [row for row in self._connection.execute(ordered) if self._asked.accepts(row)]
        return _Taken(rows[: self._wanted], len(rows), is_exact=self._asked.place is None)

    def _read(self, way: Way) -> _Taken:
        """Read the rows to show from a way that has exactly them, in order."""
        rows: list[Row[Any]] = []
        for stretch in self._order.beyond(self._asked.place):
            left = self._wanted - len(rows)
            if left:
                ids = self._ids(way, stretch, left)
                rows += self._connection.execute(self._full(ids))
        rows.sort(key=self._key, reverse=self._order.descending)
        total = self._count(way.index, way.within, COUNTED_MAX + 1)
        return _Taken(rows, min(total, COUNTED_MAX), is_exact=total <= COUNTED_MAX)

    def _walked(self, way: Way) -> _Taken:
        """Walk a way in order and leave out rows, for a bounded while."""
        rows: list[Row[Any]] = []
        at = self._asked.place
        for steps in self._steps:
            at = self._walk(way, at, steps, rows)
            if at is None or len(rows) >= self._wanted:
                break
        is_all = at is None and len(rows) < self._wanted
        if not is_all and len(rows) < self._asked.offset:
            raise too_deep()
        return _Taken(
            rows,
            len(rows),
            is_exact=is_all and self._asked.place is None,
            stopped_at=None if len(rows) >= self._wanted else at,
        )

    def _walk(self, way: Way, at: Place | None, steps: int, rows: list[Row[Any]]) -> Place | None:
        """Add what is shown of the next ``steps`` rows; return where they end, None: at the end."""
        for stretch in self._order.beyond(at):
            query = self._full(self._ids(way, stretch, steps)).where(*way.rest)
            names: list[ColumnElement[Any]] = [
                literal_column(f"place_{n}") for n in range(len(self._order.columns))
            ]
            query = query.order_by(*self._order.clauses(names))
            if self._asked.accepts is None:
                rows += self._connection.execute(query.limit(self._wanted - len(rows)))
            else:
                rows += filter(self._asked.accepts, self._connection.execute(query))
            if len(rows) >= self._wanted:
                del rows[self._wanted :]
                return self.place(rows[-1])
            last = select(*self._order.columns).where(*way.within, *stretch)
            last = last.order_by(*self._order.clauses()).limit(1).offset(steps - 1)
            end = self._connection.execute(self._hinted(last, way.index)).first()
            if end is not None:
                return tuple(end)
        return None

    def _ids(self, way: Way, stretch: Conditions, limit: int) -> Select[Any]:
        query = select(self._table.c.id).where(*way.within, *stretch)
        return self._hinted(query.order_by(*self._order.clauses()).limit(limit), way.index)

    def _full(self, ids: Select[Any]) -> Select[Any]:
        """Return the whole rows of an index's entries: those that are not shown cost little."""
        chosen = ids.subquery("chosen")
        return (
            select(*self._columns)
            .select_from(chosen)
            .join(self._table, self._table.c.id == chosen.c.id)
        )

    def _count(self, index: str | None, conditions: Conditions, most: int) -> int:
        one = self._hinted(select(literal_column("1").label("one")), index)
        some = one.select_from(self._table).where(*conditions).limit(most).subquery("some")
        return self._connection.execute(select(func.count()).select_from(some)).scalar_one()

    def _hinted(self, query: Select[Any], index: str | None) -> Select[Any]:
        return hinted(query, self._table, index)

    def place(self, row: Row[Any]) -> Place:
        """Return where ``row`` is in the order."""
        return tuple(row[-len(self._order.columns) :])

    def _key(self, row: Row[Any]) -> tuple[Any, ...]:
        return self._order.key(self.place(row))


def hinted(query: Select[Any], table: Table, index: str | None) -> Select[Any]:
    """Return ``query`` with the order to use ``index``: databases guess, and guess wrong."""
    if index is None:
        return query
    if index == NO_INDEX:
        return query.with_hint(table, "NOT INDEXED", "sqlite")
    by_name = query.with_hint(table, f"INDEXED BY {index}", "sqlite")
    return by_name.with_hint(table, f"FORCE INDEX ({index})", "mysql")


def _merge(taken: Sequence[_Taken], asked: Asked) -> Found:
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
    shown = rows[asked.offset : asked.offset + asked.size]
    is_more = len(rows) > asked.offset + asked.size
    end = tuple(shown[-1][-width:]) if is_more else stop
    total = max(sum(part.total for part in taken), len(rows))
    return Found(shown, total, all(part.is_exact for part in taken), end)


def _is_before(key: Any, bound: Any, order: Order) -> bool:
    return bool(key >= bound if order.descending else key <= bound)
