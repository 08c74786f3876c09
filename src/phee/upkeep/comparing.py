"""Comparing two views of what should be the same rows, in constant memory.

Rows meet by the number that leads their business key, so that both sides can be read in its order
from any database, whatever its collation; the few rows that share a number are compared by key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from typing import Any, Literal

import msgspec
from sqlalchemy import Table

from phee.upkeep.snapshot import Row, Snapshot, business_key

What = Literal["missing", "unexpected", "different"]
OWN_COLUMNS = frozenset({"id"})
"""Row numbers differ between two builds of one store; everything else may not."""
SHOWN_MAX = 1_000
"""So many differences are kept; all are counted."""


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


Totals = dict[tuple[str, str], tuple[int, Decimal]]
"""(status, currency) -> how many payments, and their exact sum."""


def add_to_totals(totals: Totals, row: Row) -> None:
    """Count one payment."""
    key = (row["status"], row["currency"] or "")
    count, amount = totals.get(key, (0, Decimal(0)))
    totals[key] = (count + 1, amount + (row["amount"] or 0))


@dataclass(slots=True)
class TableComparison:
    """Compares one table of a store with the fold of the log."""

    store: str
    table: Table
    differences: Differences
    observe: Callable[[Row], None] = lambda _: None
    rows: int = 0

    def compare(self, live: Snapshot, folded: Snapshot, *, epochs: Collection[int]) -> None:
        """Note every row of ``live`` that is not that of ``folded``, and the other way round."""
        first = business_key(self.table)[0].key
        found = _groups(live.rows(self.table, epochs=epochs), first)
        expected = _groups(folded.rows(self.table, epochs=epochs), first)
        for ours, theirs in _side_by_side(found, expected):
            self.rows += len(ours)
            for row in ours:
                self.observe(row)
            if ours != theirs:
                self._compare(self._keyed(ours), self._keyed(theirs))

    def _keyed(self, rows: list[Row]) -> dict[str, Row]:
        names = [column.key for column in business_key(self.table)]
        return {" ".join(str(row[name]) for name in names): row for row in rows}

    def _compare(self, found: dict[str, Row], expected: dict[str, Row]) -> None:
        for key in sorted(found.keys() | expected.keys()):
            if key not in found:
                self._note(key, "missing")
            elif key not in expected:
                self._note(key, "unexpected")
            else:
                self._columns(key, found[key], expected[key])

    def _columns(self, key: str, found: Row, expected: Row) -> None:
        for column, value in expected.items():
            if column not in OWN_COLUMNS and found[column] != value:
                self._note(key, "different", str(column), _text(value), _text(found[column]))

    def _note(
        self,
        key: str,
        what: What,
        column: str = "",
        expected: str | None = None,
        found: str | None = None,
    ) -> None:
        self.differences.add(
            Difference(self.store, str(self.table.name), key, what, column, expected, found)
        )


def _groups(rows: Iterator[Row], first: str) -> Iterator[tuple[int, list[Row]]]:
    for number, group in groupby(rows, key=lambda row: int(row[first])):
        yield number, [_comparable(row) for row in group]


def _comparable(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in OWN_COLUMNS}


def _side_by_side(
    left: Iterator[tuple[int, list[Row]]], right: Iterator[tuple[int, list[Row]]]
) -> Iterator[tuple[list[Row], list[Row]]]:
    ours, theirs = next(left, None), next(right, None)
    while ours is not None or theirs is not None:
        if theirs is None or (ours is not None and ours[0] < theirs[0]):
            assert ours is not None
            yield ours[1], []
            ours = next(left, None)
        elif ours is None or theirs[0] < ours[0]:
            yield [], theirs[1]
            theirs = next(right, None)
        else:
            yield ours[1], theirs[1]
            ours, theirs = next(left, None), next(right, None)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


SAME_IN_BOTH = (
    "status",
    "amount",
    "currency",
    "direction",
    "transaction_id",
    "client_correlation_id",
    "batch_id",
    "started_at",
    "completed_at",
)
"""What a payment's row and its document say both."""


def compare_payments(
    rows: Snapshot, documents: Snapshot, transfers: Table, table: Table, found: Differences
) -> tuple[Totals, Totals]:
    """Note where payments as rows and as documents of one moment disagree; return both totals."""
    in_rows: Totals = {}
    in_documents: Totals = {}
    left = _groups(rows.rows(transfers), "workflow_instance_key")
    right = _groups((r for r in documents.rows(table) if r["kind"] == "payment"), "key")
    for ours, theirs in _side_by_side(left, right):
        by_epoch: dict[int, list[Row | None]] = defaultdict(lambda: [None, None])
        for row in ours:
            add_to_totals(in_rows, row)
            by_epoch[row["epoch"]][0] = row
        for row in theirs:
            add_to_totals(in_documents, row)
            by_epoch[row["epoch"]][1] = row
        for row_, document in by_epoch.values():
            _compare_payment(row_, document, found)
    return in_rows, in_documents


def _compare_payment(row: Row | None, document: Row | None, found: Differences) -> None:
    if row is None or document is None:
        key = str((document or {}).get("key") or (row or {}).get("workflow_instance_key"))
        what: What = "missing" if document is None else "unexpected"
        found.add(Difference("rows and documents", "documents", key, what))
        return
    for name in SAME_IN_BOTH:
        if row[name] != document[name]:
            key, expected, seen = str(document["key"]), _text(row[name]), _text(document[name])
            found.add(
                Difference(
                    "rows and documents", "documents", key, "different", name, expected, seen
                )
            )
