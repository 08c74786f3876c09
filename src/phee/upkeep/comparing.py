"""Comparing two views of what should be the same rows, in constant memory.

Both sides are read in the order of the business key and walked side by side. What is found to
differ while a store is moving is looked at again (:mod:`phee.upkeep.settling`) before it counts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

import msgspec
from sqlalchemy import Table

from phee.errors import InvariantBroken
from phee.projections.masking import mentions_erased
from phee.upkeep.snapshot import Key, Row, Snapshot, key_of

What = Literal["missing", "unexpected", "different"]
CUT_COLUMNS = frozenset(
    ("value", "variables", "decision_output", "evaluated_decisions", "status_detail")
)
"""Columns that keep long texts up to a length."""
OWN_COLUMNS = frozenset({"id"})
"""Row numbers differ between two builds of one store; everything else may not."""
SHOWN_MAX = 1_000
"""So many differences are kept; all are counted."""
UNSETTLED_MAX = 10_000
"""So many are looked at again; what is beyond counts at once."""


class Difference(msgspec.Struct, frozen=True, rename="camel"):
    """One thing that is not what the log says.

    ``what`` is ``missing`` (the log has it, the store has not), ``unexpected`` (the other way
    round) or ``different``; then ``column`` is not what it should be.
    """

    store: str
    table: str
    key: str
    what: What
    column: str = ""
    expected: str | None = None
    found: str | None = None


@dataclass(slots=True)
class Differences:
    """Counts every difference and keeps the first ones."""

    count: int = 0
    shown: list[Difference] = field(default_factory=list)

    def add(self, difference: Difference) -> None:
        """Note one."""
        self.count += 1
        if len(self.shown) < SHOWN_MAX:
            self.shown.append(difference)

    def add_row(
        self, store: str, table: str, key: Key, found: Row | None, expected: Row | None
    ) -> None:
        """Note how a row differs from what it should be; nothing if it does not."""
        text = " ".join(str(part) for part in key)
        if found is None or expected is None:
            if found is not expected:
                what: What = "missing" if found is None else "unexpected"
                self.add(Difference(store, table, text, what))
            return
        ignored = OWN_COLUMNS | cut_otherwise(found, expected)
        for column, value in expected.items():
            if column not in ignored and found[column] != value:
                seen = _text(found[column])
                self.add(Difference(store, table, text, "different", column, _text(value), seen))


Totals = dict[tuple[str, str], tuple[int, Decimal]]
"""(status, currency) -> how many payments, and their exact sum."""


def add_to_totals(totals: Totals, row: Row) -> None:
    """Count one payment."""
    key = (row["status"], row["currency"] or "")
    count, amount = totals.get(key, (0, Decimal(0)))
    totals[key] = (count + 1, amount + (row["amount"] or 0))


@dataclass(slots=True)
class TableComparison:
    """Compares one table of a store with the fold of the log.

    ``unsettled`` are the keys of rows of a moving store that must be looked at again.
    """

    store: str
    table: Table
    differences: Differences
    observe: Callable[[Row], None] = lambda _: None
    rows: int = 0
    unsettled: list[Key] = field(default_factory=list)

    def compare(
        self,
        live: Snapshot,
        folded: Snapshot,
        *,
        epochs: Collection[int],
        may_lack: Callable[[Table, Row], bool],
    ) -> None:
        """Note every row of ``live`` that is not that of ``folded``, and the other way round."""
        found = keyed(self.table, live.rows(self.table, epochs=epochs))
        expected = keyed(self.table, folded.rows(self.table, epochs=epochs))
        for key, ours, theirs in side_by_side(found, expected):
            if ours is not None:
                self.rows += 1
                self.observe(ours)
            if ours is None and theirs is not None and may_lack(self.table, theirs):
                continue
            if not same(ours, theirs):
                self._differs(live, key, ours, theirs)

    def _differs(self, live: Snapshot, key: Key, ours: Row | None, theirs: Row | None) -> None:
        if live.is_moving and len(self.unsettled) < UNSETTLED_MAX:
            self.unsettled.append(key)
        else:
            self.differences.add_row(self.store, str(self.table.name), key, ours, theirs)


def same(left: Row | None, right: Row | None) -> bool:
    """Return whether two rows are equal but for what belongs to one build of a store."""
    if left is None or right is None:
        return left is right
    unequal = {
        name for name, value in right.items() if name not in OWN_COLUMNS and left[name] != value
    }
    return not unequal or unequal <= cut_otherwise(left, right)


def cut_otherwise(left: Row, right: Row) -> frozenset[str]:
    """Return the columns whose texts may have been cut at another place, because of an erasure.

    A store that a party was erased from has the token in what was left of a long text, a fold has
    what is left of the text with the token.
    """
    is_cut = left.get("is_truncated") or right.get("is_truncated")
    texts = {
        name
        for name in CUT_COLUMNS & right.keys()
        if (is_cut or name == "status_detail")
        and any(mentions_erased(row[name] or "") for row in (left, right))
    }
    return frozenset(texts | {"is_truncated"} if texts else ())


def keyed(table: Table, rows: Iterator[Row]) -> Iterator[tuple[Key, Row]]:
    """Yield rows with their business keys."""
    for row in rows:
        yield key_of(table, row), row


def side_by_side(
    left: Iterator[tuple[Key, Row]], right: Iterator[tuple[Key, Row]]
) -> Iterator[tuple[Key, Row | None, Row | None]]:
    """Yield every key of two ordered sequences once, with the rows that have it.

    Raises:
        InvariantBroken: a database gives its rows in another order.
    """
    left, right = _ordered(left), _ordered(right)
    ours, theirs = next(left, None), next(right, None)
    while ours is not None or theirs is not None:
        if theirs is None or (ours is not None and _place(ours[0]) < _place(theirs[0])):
            assert ours is not None
            yield ours[0], ours[1], None
            ours = next(left, None)
        elif ours is None or _place(theirs[0]) < _place(ours[0]):
            yield theirs[0], None, theirs[1]
            theirs = next(right, None)
        else:
            yield ours[0], ours[1], theirs[1]
            ours, theirs = next(left, None), next(right, None)


def _ordered(rows: Iterator[tuple[Key, Row]]) -> Iterator[tuple[Key, Row]]:
    before: tuple[Any, ...] | None = None
    for key, row in rows:
        place = _place(key)
        if before is not None and place <= before:
            raise InvariantBroken(
                "rows do not come in the order of their keys",
                where=str(key),
                fix="Give the database a collation by code point (docs/mysql.md)",
            )
        before = place
        yield key, row


def _place(key: Key) -> tuple[Any, ...]:
    """Where a key is in the order of databases: nothing comes before everything."""
    return tuple((part is not None, part) for part in key)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
