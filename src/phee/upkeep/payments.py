"""Payments as rows and as documents: what both say must be the same."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from phee.projections.documents import PAYMENT
from phee.stores.relational import tables as relational
from phee.stores.search import tables as search
from phee.upkeep.comparing import (
    UNSETTLED_MAX,
    Differences,
    Totals,
    add_to_totals,
    side_by_side,
)
from phee.upkeep.snapshot import Key, Row, Snapshot

BOTH = "rows and documents"
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
    rows: Snapshot,
    documents: Snapshot,
    found: Differences,
    *,
    look_again: bool = False,
) -> tuple[Totals, list[Key]]:
    """Note where rows and documents disagree about payments.

    Returns the totals of the rows and, with ``look_again``, the keys of what was not noted
    because the two may be of different moments.
    """
    totals: Totals = {}
    unsettled: list[Key] = []
    left, right = _rows(rows), _documents(documents)
    for key, row, document in side_by_side(left, right):
        if row is not None:
            add_to_totals(totals, row)
        if _said(row) == _said(document):
            continue
        if document is None and row is not None and _may_lack(documents, row):
            continue
        if row is None and document is not None and _may_lack(rows, document):
            continue
        if look_again and len(unsettled) < UNSETTLED_MAX:
            unsettled.append(key)
        else:
            note(found, key, row, document)
    return totals, unsettled


def find_payments(
    rows: Snapshot, documents: Snapshot, keys: Collection[Key]
) -> dict[Key, tuple[Row | None, Row | None]]:
    """Return what both say now of payments, as (document, row)."""
    ours = rows.find(relational.transfers, list(keys))
    theirs = documents.find(search.documents, [(key, PAYMENT, epoch) for key, epoch in keys])
    return {
        key: (_said(theirs.get((key[0], PAYMENT, key[1]))), _said(ours.get(key))) for key in keys
    }


def note(found: Differences, key: Key, row: Row | None, document: Row | None) -> None:
    """Note how a payment's document differs from its row."""
    found.add_row(BOTH, "documents", key, _said(document), _said(row))


def _rows(snapshot: Snapshot) -> Iterator[tuple[Key, Row]]:
    for row in snapshot.rows(relational.transfers):
        yield (row["workflow_instance_key"], row["epoch"]), row


def _documents(snapshot: Snapshot) -> Iterator[tuple[Key, Row]]:
    for row in snapshot.rows(search.documents):
        if row["kind"] == PAYMENT:
            yield (row["key"], row["epoch"]), row


def _may_lack(store: Snapshot, payment: Row) -> bool:
    """Return whether a store may have deleted a payment that the other one has."""
    is_past = store.cuts.is_past(payment["completed_at"], is_business=True)
    return is_past or store.is_expired(payment)


def _said(row: Row | None) -> Row | None:
    return None if row is None else {name: row[name] for name in SAME_IN_BOTH}
