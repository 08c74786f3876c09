"""Removing old process instances from a relational store, and what hangs on them.

Every table of the metadata that names a process instance is history, unless it is named here as
business; so a new table ages from the day it is added. Invariants:

- an instance goes as a whole, in one transaction, and only if it ended before the cut;
- one with an open dead letter stays until somebody has decided about the letter;
- a message that is kept for nobody any more goes after the instances that it came to;
- business rows stay, unless they have a cut of their own; then they go after their instance.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, delete, exists, func, select

from phee.stores.pruning import Counts
from phee.stores.relational.happening_tables import message_correlations, messages
from phee.stores.relational.tables import dead_letters, metadata, process_instances
from phee.stores.retention_marks import Cuts, raise_marks
from phee.stores.writing import SqlStore

RUNS = ("transfers", "transaction_requests", "outbound_messages")
"""Business tables with a row for each run, which can have a cut of their own."""
BUSINESS = frozenset((*RUNS, "batches", "sub_batches", "batch_amounts", "batch_instances"))
"""Tables that say what was done with money; they outlive the history of how."""
_ACTIVE = "ACTIVE"
_LETTERS = dead_letters.alias("open_letters")
_CAME = (
    message_correlations.c.message_key == messages.c.message_key,
    message_correlations.c.epoch == messages.c.epoch,
)
_INSTANCE_COLUMNS = ("process_instance_key", "workflow_instance_key")


def instance_column(table: Table) -> Column[Any] | None:
    """Return the column that names the process instance a row hangs on."""
    return next((table.c[name] for name in _INSTANCE_COLUMNS if name in table.c), None)


def history_tables() -> list[Table]:
    """Return the tables whose rows go with their process instance; its own table comes last."""
    found = [
        table
        for name, table in sorted(metadata.tables.items())
        if name not in BUSINESS and instance_column(table) is not None
    ]
    return sorted(found, key=lambda table: table is process_instances)


class RelationalPruner:
    """A :class:`phee.stores.pruning.Pruner` of a store in a database."""

    def __init__(self, store: SqlStore[Any]) -> None:
        """Take ``store``, which is closed with the pruner."""
        self._store = store
        self._looked_at: dict[str, int] = {}

    def count(self, cuts: Cuts) -> Counts:
        """See Pruner."""
        return self._store.run(lambda connection: _count(connection, cuts))

    def prune_part(self, cuts: Cuts, limit: int) -> Counts:
        """See Pruner."""
        removed = self._store.run(lambda connection: _prune_instances(connection, cuts, limit))
        if removed:
            return removed
        return self._store.run(lambda connection: self._prune_rest(connection, cuts, limit))

    def close(self) -> None:
        """See Pruner."""
        self._store.close()

    def _prune_rest(self, connection: Connection, cuts: Cuts, limit: int) -> Counts:
        """Remove what has outlived its instance; each table is gone through once, by row number."""
        removed: Counts = Counter()
        for table, conditions in _rest(cuts):
            after = table.c.id > self._looked_at.get(table.name, 0)
            query = select(table.c.id).where(after, *conditions)
            ids = connection.execute(query.order_by(table.c.id).limit(limit)).scalars().all()
            if ids:
                raise_marks(connection, cuts)
                removed[table.name] += _delete(connection, table, table.c.id.in_(ids))
                self._looked_at[table.name] = ids[-1]
        return removed


def _old_instances(cuts: Cuts) -> list[ColumnElement[bool]]:
    columns = process_instances.c
    letters = _LETTERS.c
    return [
        columns.ended_at < cuts.history_ms,
        columns.state != _ACTIVE,
        ~exists().where(
            letters.process_instance_key == columns.process_instance_key,
            letters.epoch == columns.epoch,
            letters.state == "OPEN",
        ),
    ]


def _rest(cuts: Cuts) -> list[tuple[Table, list[ColumnElement[bool]]]]:
    found = []
    if cuts.history_ms is not None:
        found.append((messages, [*_kept_for_nobody(cuts), ~exists().where(*_CAME)]))
    if cuts.business_ms is not None:
        runs = (metadata.tables[name] for name in RUNS)
        found += [(table, _old_runs(table, cuts)) for table in runs]
    return found


def _kept_for_nobody(cuts: Cuts) -> list[ColumnElement[bool]]:
    deadline = messages.c.deadline
    return [
        messages.c.published_at < cuts.history_ms,
        deadline.is_(None) | (deadline < cuts.history_ms),
    ]


def _old_runs(table: Table, cuts: Cuts) -> list[ColumnElement[bool]]:
    """Business rows that ended before their cut and whose instance is there no more."""
    columns = process_instances.c
    return [
        table.c.completed_at < cuts.business_ms,
        table.c.instance_state != _ACTIVE,
        ~exists().where(
            columns.process_instance_key == table.c.workflow_instance_key,
            columns.epoch == table.c.epoch,
        ),
    ]


def _prune_instances(connection: Connection, cuts: Cuts, limit: int) -> Counts:
    columns = process_instances.c
    query = (
        select(columns.epoch, columns.process_instance_key)
        .where(*_old_instances(cuts))
        .order_by(columns.ended_at)
        .limit(limit)
    )
    found = connection.execute(query).all() if cuts.history_ms is not None else []
    removed: Counts = Counter()
    if found:
        raise_marks(connection, cuts)
    for epoch, keys in _by_epoch((row.epoch, row.process_instance_key) for row in found).items():
        for table in history_tables():
            column = instance_column(table)
            assert column is not None
            count = _delete(connection, table, column.in_(keys), table.c.epoch == epoch)
            removed[table.name] += count
    return +removed


def _by_epoch(found: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    keys: dict[int, list[int]] = defaultdict(list)
    for epoch, key in found:
        keys[epoch].append(key)
    return keys


def _delete(connection: Connection, table: Table, *conditions: ColumnElement[bool]) -> int:
    return connection.execute(delete(table).where(*conditions)).rowcount


def _count(connection: Connection, cuts: Cuts) -> Counts:
    counts: Counts = Counter()
    if cuts.history_ms is not None:
        for table in history_tables():
            counts[table.name] = _count_of_old(connection, table, cuts)
        counts[messages.name] = _count_messages(connection, cuts)
    if cuts.business_ms is not None:
        for name in RUNS:
            counts[name] = _count_runs(connection, metadata.tables[name], cuts)
    return +counts


def _count_of_old(connection: Connection, table: Table, cuts: Cuts) -> int:
    query = select(func.count()).select_from(table).where(*_old_instances(cuts))
    if table is not process_instances:
        column, instances = instance_column(table), process_instances
        assert column is not None
        same = (instances.c.process_instance_key == column) & (instances.c.epoch == table.c.epoch)
        query = select(func.count()).select_from(table.join(instances, same))
        query = query.where(*_old_instances(cuts))
    return int(connection.execute(query).scalar_one())


def _count_messages(connection: Connection, cuts: Cuts) -> int:
    """Count as if the old instances had gone already."""
    columns = process_instances.c
    goes = exists().where(
        columns.process_instance_key == message_correlations.c.process_instance_key,
        columns.epoch == message_correlations.c.epoch,
        *_old_instances(cuts),
    )
    query = select(func.count()).select_from(messages)
    query = query.where(*_kept_for_nobody(cuts), ~exists().where(*_CAME, ~goes))
    return int(connection.execute(query).scalar_one())


def _count_runs(connection: Connection, table: Table, cuts: Cuts) -> int:
    """Count as if the old instances had gone already."""
    columns = process_instances.c
    ended = table.c.completed_at < cuts.business_ms
    stays = exists().where(
        columns.process_instance_key == table.c.workflow_instance_key,
        columns.epoch == table.c.epoch,
    )
    goes = exists().where(
        columns.process_instance_key == table.c.workflow_instance_key,
        columns.epoch == table.c.epoch,
        *_old_instances(cuts),
    )
    query = select(func.count()).select_from(table)
    query = query.where(ended, table.c.instance_state != _ACTIVE, ~stays | goes)
    return int(connection.execute(query).scalar_one())
