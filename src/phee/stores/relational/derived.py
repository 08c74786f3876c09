"""What the rows of a store follow from besides the records of one fold.

Asked and written in the transaction that applies the fold: values that are replaced go to their
history, instances of call activities get their root, statuses are worked out, batches count. All
of it follows from what is stored alone, so replays and other ways to batch change nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Select,
    Table,
    TextClause,
    bindparam,
    func,
    select,
    text,
)

from phee.projections.business import business_status_rule, request_state_rule
from phee.projections.business_rows import BATCHES, BUSINESS_TABLES, REQUESTS, BusinessTable
from phee.projections.joined_fold import AnyFold
from phee.projections.rows import VariableRow
from phee.projections.texts import CHARACTERS_MAX
from phee.stores.relational import tables
from phee.stores.relational.batch_counters import count_batches

AT_ONCE = 500
"""Keys in one statement."""


class DerivedRows:
    """Works out what follows from what is stored.

    Args:
        wait: added to the question for open incidents, so that one which another transaction is
            about to commit is waited for (nothing where there is one writer).
    """

    def __init__(self, wait: str = "") -> None:
        self._statuses = {
            table.name: (table, _status_update(table, wait)) for table in BUSINESS_TABLES
        }

    def before(self, connection: Connection, fold: AnyFold) -> None:
        """Tell the fold what only the store knows."""
        if fold.replaced_variables:
            _keep_replaced(connection, fold)
        if fold.called_by:
            _find_roots(connection, fold)

    def after(self, connection: Connection, fold: AnyFold) -> None:
        """Write what follows from the rows as they are now."""
        for table, update in self._statuses.values():
            for keys in chunks(fold.touched_business(table)):
                connection.execute(update, {"epoch": fold.epoch, "keys": keys})
        count_batches(
            connection, fold.epoch, fold.touched_transfers, fold.touched_business(BATCHES)
        )


def chunks(keys: Collection[int]) -> Iterator[list[int]]:
    """Yield sorted keys, not too many at once."""
    ordered = sorted(keys)
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]


def _keys() -> BindParameter[int]:
    return bindparam("keys", expanding=True)


def _status_update(table: BusinessTable, wait: str) -> TextClause:
    name = table.name
    open_incident = (
        "EXISTS (SELECT 1 FROM incidents WHERE incidents.process_instance_key ="  # noqa: S608
        f" {name}.workflow_instance_key AND incidents.epoch = {name}.epoch"
        f" AND incidents.state = 'OPEN'{wait})"
    )
    rule = (request_state_rule if table is REQUESTS else business_status_rule)(open_incident)
    column = tables.metadata.tables[name].c.status.name
    return text(
        f"UPDATE {name} SET {column} = {rule}"  # noqa: S608 - our own names
        " WHERE epoch = :epoch AND workflow_instance_key IN :keys"
    ).bindparams(_keys())


_COPY_REPLACED = (  # with SQLite, one prepared statement is cheaper than to read and write back
    "INSERT INTO variable_history (epoch, position, scope_key, name, value, is_truncated,"  # noqa: S608
    " timestamp, workflow_instance_key) SELECT epoch, position, scope_key, name,"
    f" substr(value, 1, {CHARACTERS_MAX}), length(value) > {CHARACTERS_MAX}, timestamp,"
    " workflow_instance_key FROM variables WHERE scope_key = ? AND name = ? AND epoch = ?"
    " AND position < ? ON CONFLICT (epoch, name, position, scope_key) DO NOTHING"
)


def _keep_replaced(connection: Connection, fold: AnyFold) -> None:
    if connection.dialect.name == "sqlite":
        ends = fold.replaced_variables.items()
        connection.exec_driver_sql(
            _COPY_REPLACED, [(scope_key, name, fold.epoch, end) for (scope_key, name), end in ends]
        )
    else:
        _read_replaced(connection, fold)


def _read_replaced(connection: Connection, fold: AnyFold) -> None:
    """Hand the values to the fold; the driver writes many rows at once."""
    columns = tables.variables.c
    wanted = fold.replaced_variables
    query = select(
        columns.epoch,
        columns.position,
        columns.scope_key,
        columns.name,
        func.substr(columns.value, 1, CHARACTERS_MAX + 1),
        columns.timestamp,
        columns.workflow_instance_key,
        columns.workflow_key,
    ).where(
        columns.epoch == fold.epoch,
        columns.scope_key.in_(_keys()),
        columns.name.in_(bindparam("names", expanding=True)),
    )
    for keys in chunks({scope_key for scope_key, _ in wanted}):
        inside = set(keys)
        names = sorted({name for scope_key, name in wanted if scope_key in inside})
        for row in connection.execute(query, {"keys": keys, "names": names}):
            fold.keep_replaced(VariableRow(*row))


def _find_roots(connection: Connection, fold: AnyFold) -> None:
    columns = tables.process_instances.c
    query = select(columns.process_instance_key, columns.root_process_instance_key).where(
        columns.epoch == fold.epoch,
        columns.process_instance_key.in_(_keys()),
        columns.root_process_instance_key.is_not(None),
    )
    roots: dict[int, int] = {}
    for keys in chunks(set(fold.called_by.values())):
        roots.update((key, root) for key, root in connection.execute(query, {"keys": keys}))
    fold.set_roots(roots)


def process_id_of(connection: Connection, epoch: int, process_definition_key: int) -> str | None:
    """Return the process id of a definition that the store has rows of, else None."""
    for table in (tables.process_definitions, tables.process_instances):
        found = connection.execute(_first_process_id(table, epoch, process_definition_key)).scalar()
        if found is not None:
            return str(found)
    return None


def _first_process_id(table: Table, epoch: int, process_definition_key: int) -> Select[Any]:
    return (
        select(table.c.bpmn_process_id)
        .where(table.c.process_definition_key == process_definition_key, table.c.epoch == epoch)
        .limit(1)
    )
