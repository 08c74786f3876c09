"""Removing old documents from an embedded search store.

The documents of process instances and incidents are history; those of payments say what was done
with money and stay as long as their rows do. The full-text index follows by triggers. An incident
or a settled dead letter goes when its process instance has ended before the cut, too.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, exists, func, select

from phee.projections.documents import INCIDENT, INSTANCE, PAYMENT
from phee.stores.pruning import Counts
from phee.stores.retention_marks import Cuts, raise_marks
from phee.stores.search.tables import SORTED_BY, dead_letters, documents
from phee.stores.writing import SqlStore

_ENDED = SORTED_BY["completed_at"]
"""What the index is over; -1 when it has not ended."""
_RUNS = documents.alias("runs")
_LETTERS = dead_letters.alias("open_letters")


class DocumentPruner:
    """A :class:`phee.stores.pruning.Pruner` of the documents in a file."""

    def __init__(self, store: SqlStore[Any]) -> None:
        """Take ``store``, which is closed with the pruner."""
        self._store = store

    def count(self, cuts: Cuts) -> Counts:
        """See Pruner."""
        return self._store.run(lambda connection: _count(connection, cuts))

    def prune_part(self, cuts: Cuts, limit: int) -> Counts:
        """See Pruner."""
        return self._store.run(lambda connection: _prune(connection, cuts, limit))

    def close(self) -> None:
        """See Pruner."""
        self._store.close()


def _old(cuts: Cuts) -> list[tuple[str, Table, list[ColumnElement[bool]]]]:
    """Return what is to go, what hangs on something before what it hangs on."""
    found = []
    if cuts.history_ms is not None:
        found = [
            (dead_letters.name, dead_letters, _old_letters(cuts.history_ms)),
            (INCIDENT, documents, _old_incidents(cuts.history_ms)),
            (INSTANCE, documents, _old_runs(INSTANCE, cuts.history_ms)),
        ]
    if cuts.business_ms is not None:
        found.append((PAYMENT, documents, _old_runs(PAYMENT, cuts.business_ms)))
    return found


def _old_letters(before_ms: int) -> list[ColumnElement[bool]]:
    ended = _of_run(dead_letters, _RUNS.c.completed_at < before_ms)
    return [dead_letters.c.state != "OPEN", ended]


def _old_incidents(before_ms: int) -> list[ColumnElement[bool]]:
    is_young = (_RUNS.c.completed_at >= before_ms) | _RUNS.c.completed_at.is_(None)
    return [*_ended(INCIDENT, before_ms), ~_of_run(documents, is_young)]


def _old_runs(kind: str, before_ms: int) -> list[ColumnElement[bool]]:
    return [*_ended(kind, before_ms), ~_has_open_letter()]


def _ended(kind: str, before_ms: int) -> list[ColumnElement[bool]]:
    return [before_ms > _ENDED, _ENDED > -1, documents.c.kind == kind]


def _of_run(table: Table, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the payment or instance that a row is about is there, and so."""
    return exists().where(
        _RUNS.c.process_instance_key == table.c.process_instance_key,
        _RUNS.c.kind.in_((PAYMENT, INSTANCE)),
        _RUNS.c.epoch == table.c.epoch,
        condition,
    )


def _has_open_letter() -> ColumnElement[bool]:
    return exists().where(
        _LETTERS.c.process_instance_key == documents.c.process_instance_key,
        _LETTERS.c.epoch == documents.c.epoch,
        _LETTERS.c.state == "OPEN",
    )


def _prune(connection: Connection, cuts: Cuts, limit: int) -> Counts:
    removed: Counts = Counter()
    for name, table, conditions in _old(cuts):
        query = select(table.c.id).where(*conditions).limit(limit)
        ids = connection.execute(query).scalars().all()
        if ids:
            raise_marks(connection, cuts)
            removed[name] = connection.execute(delete(table).where(table.c.id.in_(ids))).rowcount
            return removed
    return removed


def _count(connection: Connection, cuts: Cuts) -> Counts:
    counts: Counts = Counter()
    for name, table, conditions in _old(cuts):
        query = select(func.count()).select_from(table).where(*conditions)
        counts[name] = int(connection.execute(query).scalar_one())
    return +counts
