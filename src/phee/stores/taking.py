"""Taking the rows of one part of a listing: read, sorted or walked, whatever costs least.

What each costs is bounded (phee.stores.listing says how), and no statement is longer than it must
be: entries of indexes first, whole rows by their numbers at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    func,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.sql.visitors import ExternallyTraversible, replacement_traverse

from phee.errors import InvalidInput
from phee.stores.order import Conditions, Order, Place, Stretch

COUNTED_MAX = 10_000
FEW_MAX = 2_000
WALKED = (1_000, FEW_MAX - 1_000)
"""Rows looked at in a walk: at first, and while those did not fill the page."""
LOOKED_AT = (200, 800)
"""The same when rows are looked at in Python, which takes longer."""
FEW_ENOUGH = 100
"""No other index is asked when one has at most so many rows."""
PAGED_MAX = 10_000
"""The last row that pages by number reach."""
NO_INDEX = ""
"""Instead of an index: rows are found by their number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One page: where it begins, how large it is, and what rows it may show.

    Attributes:
        accepts: looks at rows itself, for what SQL cannot say: at the values of ``looks_at``.
        names_indexes: whether the database is told which index to use; it must have them all.
    """

    order: Order
    place: Place | None = None
    offset: int = 0
    size: int
    accepts: Callable[[Sequence[Any]], bool] | None = None
    looks_at: tuple[ColumnElement[Any], ...] = ()
    names_indexes: bool = True


@dataclass(frozen=True, slots=True)
class Way:
    """A way into a table: an index, what it narrows, and what is left to be checked.

    Attributes:
        index: None is a unique key, which every database finds.
        within: what it narrows.
        timed: what its entries say by their moment, without a look at the row.
        rest: what only the row says.
    """

    index: str | None
    within: Conditions
    rest: Conditions
    is_ordered: bool
    timed: Conditions = ()
    has_few: bool = False

    @property
    def unmet(self) -> Conditions:
        """All that the index does not narrow."""
        return (*self.timed, *self.rest)


@dataclass(slots=True)
class Taken:
    """What one part of a listing has; ``stopped_at``: where a walk was given up."""

    rows: Sequence[Row[Any]]
    total: int
    is_exact: bool
    stopped_at: Place | None = None


class Taking:
    """Takes the rows of one part, enough for a page."""

    def __init__(
        self,
        table: Table,
        moment: ColumnElement[Any],
        connection: Connection,
        columns: Sequence[ColumnElement[Any]],
        asked: Asked,
    ) -> None:
        self._table = table
        self._moment = moment
        self._connection = connection
        self._asked = asked
        self._order = asked.order
        self._wanted = asked.size + 1
        self._steps = WALKED if asked.accepts is None else LOOKED_AT
        self._places = [c.label(f"place_{n}") for n, c in enumerate(asked.order.columns)]
        self._columns = [*columns, *self._places]
        self._seen = [self._table.c.id, *asked.looks_at, *self._places]

    def take(self, ways: Sequence[Way]) -> Taken:
        """Take them by the way that costs least."""
        manner, way = self._choose(ways)
        if manner == "few":
            return self._sorted(way)
        return self._walked(way) if manner == "walk" else self._read(way)

    def place_of(self, number: int, ways: Sequence[Way]) -> Place | None:
        """Return the place of a row by its number (from 1); None: there are fewer.

        Raises:
            InvalidInput: finding out would cost too much.
        """
        manner, way = self._choose(ways)
        if manner == "walk":
            taken = self._walked(way)
            if len(taken.rows) < number and taken.stopped_at is not None:
                raise too_deep()
            return self._place(taken.rows[number - 1]) if len(taken.rows) >= number else None
        stretch = Stretch(way.unmet if manner == "few" else (), 0)
        entries = self._entries(way, stretch, 1).offset(number - 1)
        row = self._connection.execute(entries).first()
        return None if row is None else tuple(row)

    def _choose(self, ways: Sequence[Way]) -> tuple[Literal["few", "walk", "read"], Way]:
        alone = ways[0]
        if alone.has_few:
            return "few", alone
        if len(ways) > 1 or alone.unmet or self._asked.accepts:
            few = self._few(ways)
            if few is not None:
                return "few", few
            alone = next(way for way in ways if way.is_ordered)
            if alone.unmet or self._asked.accepts:
                return "walk", alone
        return "read", alone

    def _few(self, ways: Sequence[Way]) -> Way | None:
        best, least = None, sum(self._steps) + 1
        for way in ways:
            size = self._count(way.index, way.within, least)
            if size < least:
                best, least = way, size
            if least <= FEW_ENOUGH:
                break
        return best

    def _sorted(self, way: Way) -> Taken:
        """Read all rows of a way that has few."""
        everything = (*way.within, *way.unmet)
        beyond = (*everything, *self._order.anywhere_beyond(self._asked.place))
        if self._asked.accepts is None:
            ids = select(self._table.c.id).where(*beyond).order_by(*self._order.clauses())
            rows = self._whole(self._hinted(ids.limit(self._wanted), way.index))
            total = self._count(way.index, everything, FEW_MAX + 1)
            return Taken(rows, total, is_exact=True)
        query = self._hinted(select(*self._seen).where(*beyond), way.index)
        found = list(filter(self._is_shown, self._seen_in(query)))
        shown = self._numbered(found[: self._wanted])
        return Taken(shown, len(found), is_exact=self._asked.place is None)

    def _read(self, way: Way) -> Taken:
        """Read the rows to show from a way that has exactly them, in order."""
        rows: list[Row[Any]] = []
        for stretch in self._order.beyond(self._asked.place):
            left = self._wanted - len(rows)
            if left:
                rows += self._whole(self._ids(way, stretch, left))
        total = self._count(way.index, way.within, COUNTED_MAX + 1)
        return Taken(rows, min(total, COUNTED_MAX), is_exact=total <= COUNTED_MAX)

    def _walked(self, way: Way) -> Taken:
        """Walk a way in order and leave out rows, for a bounded while."""
        rows: list[Row[Any]] = []
        at = self._asked.place
        for steps in self._steps:
            at = self._walk(way, at, steps, rows)
            if at is None or len(rows) >= self._wanted:
                break
        is_all = at is None and len(rows) < self._wanted
        return Taken(
            self._numbered(rows),
            len(rows),
            is_exact=is_all and self._asked.place is None,
            stopped_at=None if len(rows) >= self._wanted else at,
        )

    def _walk(self, way: Way, at: Place | None, steps: int, rows: list[Row[Any]]) -> Place | None:
        """Add what is shown of the next ``steps`` rows; return where they end, None: at the end."""
        look = self._looked_at if self._asked.accepts is None else self._looked_at_here
        for stretch in self._order.beyond(at):
            found, end = look(way, stretch, steps, self._wanted - len(rows))
            rows += found
            if len(rows) >= self._wanted:
                del rows[self._wanted :]
                return self._place(rows[-1])
            if end is not None:
                return self._place(end)
        return None

    def _looked_at(
        self, way: Way, stretch: Stretch, steps: int, wanted: int
    ) -> tuple[list[Row[Any]], Row[Any] | None]:
        """Return those of the next ``steps`` rows that are shown, as numbers, and the last of all.

        In one statement: each has its price with a server.
        """
        number = self._table.c.id
        shown = (literal_column("0").label("is_end"), number, *self._places)
        kept = self._checked(way, stretch, steps, shown)
        kept = kept.order_by(*self._order.clauses()).limit(wanted)
        end = self._end(way, stretch, steps, literal_column("1").label("is_end"), number)
        both = union_all(select(kept.subquery("kept")), select(end.subquery("ended")))
        found: list[Row[Any]] = list(self._connection.execute(both))
        ends = [row for row in found if row.is_end]
        return self._in_order(row for row in found if not row.is_end), ends[0] if ends else None

    def _looked_at_here(
        self, way: Way, stretch: Stretch, steps: int, wanted: int
    ) -> tuple[list[Row[Any]], Row[Any] | None]:
        """Return the same where this process says which are shown."""
        found = self._seen_in(self._checked(way, stretch, steps, self._seen))
        rows = list(islice(filter(self._is_shown, found), wanted))
        if len(rows) >= wanted:
            return rows, None
        if not way.unmet:  # then these are all
            return rows, found[-1] if len(found) == steps else None
        return rows, self._connection.execute(self._end(way, stretch, steps)).first()

    def _seen_in(self, query: Select[Any]) -> Sequence[Row[Any]]:
        """Return what this process looks at, in order."""
        return self._connection.execute(query.order_by(*self._order.clauses())).all()

    def _is_shown(self, row: Row[Any]) -> bool:
        accepts = self._asked.accepts
        return accepts is None or accepts(row[1 : -len(self._places)])

    def _checked(
        self, way: Way, stretch: Stretch, steps: int, columns: Sequence[ColumnElement[Any]]
    ) -> Select[Any]:
        """Return ``columns`` of those of the next ``steps`` rows that meet all conditions."""
        number, moment = self._table.c.id, self._moment
        entries = select(number, moment.label("moment")).where(*way.within, *stretch.conditions)
        entries = entries.order_by(*self._order.clauses(stretch)).limit(steps)
        looked_at = self._hinted(entries, way.index).subquery("looked_at")

        def of_entry(element: ExternallyTraversible, **_: Any) -> ExternallyTraversible | None:
            return looked_at.c.moment if element is moment else None

        timed = [replacement_traverse(condition, {}, of_entry) for condition in way.timed]
        query = select(*columns).select_from(looked_at)
        return query.join(self._table, number == looked_at.c.id).where(*timed, *way.rest)

    def _end(
        self, way: Way, stretch: Stretch, steps: int, *before: ColumnElement[Any]
    ) -> Select[Any]:
        """Return the last of the next ``steps`` entries of an index."""
        last = select(*before, *self._places).where(*way.within, *stretch.conditions)
        last = last.order_by(*self._order.clauses(stretch)).limit(1).offset(steps - 1)
        return self._hinted(last, way.index)

    def _numbered(self, rows: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
        """Return whole rows for their numbers."""
        if not rows or len(self._columns) == len(self._places):
            return rows
        number = self._table.c.id
        chosen = select(*self._columns).where(number.in_([row.id for row in rows]))
        return self._in_order(self._connection.execute(chosen))

    def _ids(self, way: Way, stretch: Stretch, limit: int) -> Select[Any]:
        query = select(self._table.c.id).where(*way.within, *stretch.conditions)
        return self._hinted(query.order_by(*self._order.clauses(stretch)).limit(limit), way.index)

    def _entries(self, way: Way, stretch: Stretch, limit: int) -> Select[Any]:
        """Return what the index itself has."""
        places = select(*self._columns).where(*way.within, *stretch.conditions)
        return self._hinted(places.order_by(*self._order.clauses(stretch)).limit(limit), way.index)

    def _whole(self, ids: Select[Any]) -> list[Row[Any]]:
        """Return whole rows of what was chosen by narrow ones: sorting those costs little."""
        chosen = ids.subquery("chosen")
        query = select(*self._columns).select_from(chosen)
        whole = query.join(self._table, self._table.c.id == chosen.c.id)
        return self._in_order(self._connection.execute(whole))

    def _in_order(self, rows: Iterable[Row[Any]]) -> list[Row[Any]]:
        return sorted(rows, key=self._key, reverse=self._order.descending)

    def _count(self, index: str | None, conditions: Conditions, most: int) -> int:
        one = self._hinted(select(literal_column("1").label("one")), index)
        some = one.select_from(self._table).where(*conditions).limit(most).subquery("some")
        return self._connection.execute(select(func.count()).select_from(some)).scalar_one()

    def _hinted(self, query: Select[Any], index: str | None) -> Select[Any]:
        return hinted(query, self._table, index) if self._asked.names_indexes else query

    def _place(self, row: Row[Any]) -> Place:
        """Return where ``row`` is in the order."""
        return tuple(row[-len(self._order.columns) :])

    def _key(self, row: Row[Any]) -> tuple[Any, ...]:
        return self._order.key(self._place(row))


def hinted(query: Select[Any], table: Table, index: str | None) -> Select[Any]:
    """Return ``query`` with the order to use ``index``: databases guess, and guess wrong."""
    if index is None:
        return query
    if index == NO_INDEX:
        return query.with_hint(table, "NOT INDEXED", "sqlite")
    by_name = query.with_hint(table, f"INDEXED BY {index}", "sqlite")
    return by_name.with_hint(table, f"FORCE INDEX ({index})", "mysql")


def too_deep() -> InvalidInput:
    """Return the error of a page by number that would cost too much."""
    return InvalidInput(
        f"pages by number end after {PAGED_MAX} rows, or earlier with several filters",
        where="page",
        fix="Follow nextCursor instead, or narrow the listing",
    )
