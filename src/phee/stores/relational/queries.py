"""Reading a tenant's relational store.

A reader belongs to one tenant: it is opened on that tenant's database and can reach no other. Each
call is one consistent snapshot. Calls block for a moment on the disk; run slow ones in a thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Engine, ScalarSelect, Table, func, literal_column, select

from phee.errors import NotFound, TimedOut
from phee.stores.listing import Part
from phee.stores.money import exact_sum
from phee.stores.paths import relational_path
from phee.stores.relational import tables
from phee.stores.relational.error_codes import ErrorCode, read_error_codes
from phee.stores.relational.filters import (
    IncidentFilter,
    ProcessInstanceFilter,
    TransferFilter,
    check_choice,
    check_page,
    transfer_conditions,
)
from phee.stores.relational.listings import ListedTable
from phee.stores.relational.models import (
    DeadLetter,
    DeadLetterDecision,
    FlowNodeInstance,
    Incident,
    Page,
    ProcessDefinition,
    ProcessInstance,
    StatusTotal,
    StoredWatermark,
    Task,
    Transfer,
    Variable,
)
from phee.stores.relational.table_reader import Row, Shown, TableReader
from phee.stores.relational.ways import (
    DEAD_LETTERS,
    INCIDENTS,
    PROCESS_INSTANCES,
    TRANSFERS,
    incident_parts,
    instance_parts,
    transfer_parts,
)
from phee.stores.sqlite import reader_engine
from phee.stores.taking import COUNTED_MAX, PAGED_MAX, too_deep
from phee.stores.watermarks import position_reached

POLL_S_MIN = 0.002
POLL_S_MAX = 0.05


def open_reader(data: Path, tenant_id: str) -> RelationalReader:
    """Return a reader of one tenant's embedded store (opened at the first query)."""
    return RelationalReader(reader_engine(relational_path(data, tenant_id)))


class RelationalReader:
    """The queries of one tenant; they raise ``Unavailable`` while its store does not exist."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = TableReader(engine)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    # --- transfers ---

    def list_transfers(
        self,
        chosen: TransferFilter,
        *,
        page: int = 0,
        size: int = 20,
        cursor: str = "",
        sorted_by: str = "started_at",
        sorted_order: str = "DESC",
    ) -> Page[Transfer]:
        """Return one page of transfers and the number of all that match.

        Raises:
            InvalidInput: a filter, order, page or cursor that does not exist.
        """
        shown = Shown(page, size, cursor, sorted_by, sorted_order)
        return self._reader.page(TRANSFERS, Transfer, transfer_parts(chosen), shown)

    def get_transfer(self, workflow_instance_key: int, *, epoch: int | None = None) -> Transfer:
        """Return the transfer of an instance (the newest with this key unless an epoch is named).

        Raises:
            NotFound: there is none.
        """
        columns = tables.transfers.c
        conditions = [columns.workflow_instance_key == workflow_instance_key]
        if epoch is not None:
            conditions.append(columns.epoch == epoch)
        newest = [columns.started_at.desc(), columns.id.desc()]
        found = self._reader.rows(tables.transfers, Transfer, conditions, newest, limit=1)
        if not found:
            raise NotFound(
                "no transfer of this tenant has this key",
                where=str(workflow_instance_key),
                fix="Take the key from the list of transfers",
            )
        return found[0]

    def find_by_transaction_id(self, transaction_id: str) -> list[Transfer]:
        """Return every transfer with this transaction id (both sides may be here), newest first."""
        return self._find_transfers(tables.transfers.c.transaction_id == transaction_id)

    def find_by_correlation_id(self, client_correlation_id: str) -> list[Transfer]:
        """Return every transfer with this client correlation id, newest first."""
        column = tables.transfers.c.client_correlation_id
        return self._find_transfers(column == client_correlation_id)

    def totals_by_status(self, chosen: TransferFilter | None = None) -> list[StatusTotal]:
        """Return count and exact sum of the matching transfers by status and currency."""
        columns = tables.transfers.c
        texts, add = exact_sum("transfers.amount", self._engine.dialect.name)
        sums: list[Any] = [literal_column(text) for text in texts]
        query = (
            select(columns.status, columns.currency, func.count(), *sums)
            .where(*transfer_conditions(chosen or TransferFilter()))
            .group_by(columns.status, columns.currency)
            .order_by(columns.status, columns.currency)
        )
        with self._engine.connect() as connection:
            return [
                StatusTotal(status=status, currency=currency, count=count, amount=add(*parts))
                for status, currency, count, *parts in connection.execute(query)
            ]

    # --- the parts of an instance ---

    def tasks(self, instance_key: int, *, epoch: int | None = None) -> list[Task]:
        """Return the jobs of an instance in the order they were created."""
        table = tables.tasks
        return self._of_instance(table, Task, table.c.job_key, instance_key, epoch)

    def variables(self, instance_key: int, *, epoch: int | None = None) -> list[Variable]:
        """Return the latest value of each variable of an instance, by name."""
        table = tables.variables
        return self._of_instance(table, Variable, table.c.name, instance_key, epoch)

    def flow_nodes(self, instance_key: int, *, epoch: int | None = None) -> list[FlowNodeInstance]:
        """Return the flow-node instances of an instance in the order they were activated."""
        table = tables.flow_node_instances
        order_by = table.c.element_instance_key
        return self._of_instance(table, FlowNodeInstance, order_by, instance_key, epoch)

    # --- listings ---

    def process_instances(
        self,
        chosen: ProcessInstanceFilter | None = None,
        *,
        page: int = 0,
        size: int = 20,
        cursor: str = "",
        sorted_by: str = "started_at",
        sorted_order: str = "DESC",
    ) -> Page[ProcessInstance]:
        """Return one page of process instances and the number of all that match."""
        parts = instance_parts(chosen or ProcessInstanceFilter())
        shown = Shown(page, size, cursor, sorted_by, sorted_order)
        return self._reader.page(PROCESS_INSTANCES, ProcessInstance, parts, shown)

    def incidents(
        self,
        chosen: IncidentFilter | None = None,
        *,
        page: int = 0,
        size: int = 20,
        cursor: str = "",
        sorted_by: str = "created_at",
        sorted_order: str = "DESC",
    ) -> Page[Incident]:
        """Return one page of incidents and the number of all that match."""
        parts = incident_parts(chosen or IncidentFilter())
        shown = Shown(page, size, cursor, sorted_by, sorted_order)
        return self._reader.page(INCIDENTS, Incident, parts, shown)

    def dead_letters(
        self, *, state: str | None = "OPEN", page: int = 0, size: int = 20, cursor: str = ""
    ) -> Page[DeadLetter]:
        """Return one page of what could not be projected, newest first (None: in any state)."""
        parts = [Part(equal={} if state is None else {"state": state}, ranges={})]
        return self._reader.page(
            DEAD_LETTERS, DeadLetter, parts, Shown(page, size, cursor, "id", "DESC")
        )

    def dead_letter(self, letter_id: int) -> DeadLetter:
        """Return one dead letter, whatever its state.

        Raises:
            NotFound: there is none with this id.
        """
        table = tables.dead_letters
        found = self._reader.rows(table, DeadLetter, [table.c.id == letter_id], [table.c.id])
        if not found:
            raise NotFound(
                "no dead letter of this tenant has this id",
                where=str(letter_id),
                fix="Take the id from the list of dead letters of the same store",
            )
        return found[0]

    def decisions(self, letter: DeadLetter) -> list[DeadLetterDecision]:
        """Return what was decided about a dead letter, in the order it was."""
        table = tables.dead_letter_decisions
        names = ("consumer", "epoch", "partition_id", "position", "reason_code")
        conditions = [table.c[name] == getattr(letter, name) for name in names]
        return self._reader.rows(table, DeadLetterDecision, conditions, [table.c.id])

    def process_definitions(self) -> list[ProcessDefinition]:
        """Return the deployed definitions, newest version first, without their drawings."""
        table = tables.process_definitions
        order_by = [table.c.bpmn_process_id, table.c.deployed_at.desc(), table.c.version.desc()]
        return self._reader.rows(table, ProcessDefinition, [], order_by, without=("resource",))

    def process_definition(self, process_definition_key: int) -> ProcessDefinition:
        """Return one definition with its drawing.

        Raises:
            NotFound: there is none with this key.
        """
        table = tables.process_definitions
        conditions = [table.c.process_definition_key == process_definition_key]
        newest = [table.c.deployed_at.desc()]
        found = self._reader.rows(table, ProcessDefinition, conditions, newest, limit=1)
        if not found:
            raise NotFound(
                "no process definition of this tenant has this key",
                where=str(process_definition_key),
                fix="Take the key from a process instance",
            )
        return found[0]

    # --- tables that are listed in one way (phee.stores.relational.listings) ---

    def listing(
        self,
        listing: ListedTable,
        names: Sequence[str],
        chosen: Mapping[str, Any],
        *,
        page: int = 0,
        size: int = 20,
        sorted_order: str = "DESC",
    ) -> Page[dict[str, Any]]:
        """Return the columns ``names`` of one page of the rows that match, by time.

        Raises:
            InvalidInput: the page is further down than pages by number go.
        """
        check_page(page, size)
        check_choice("sorted_order", sorted_order, ("ASC", "DESC"))
        table, conditions = listing.table, listing.conditions(chosen)
        order: list[ColumnElement[Any]] = [table.c[listing.time], table.c.id]
        if sorted_order == "DESC":
            order = [column.desc() for column in order]
        query = select(*(table.c[name].label(name) for name in names)).where(*conditions)
        some = select(table.c.id).where(*conditions).limit(COUNTED_MAX + 1).subquery("some")
        with self._engine.begin() as connection:
            total = connection.execute(select(func.count()).select_from(some)).scalar_one()
            if (page + 1) * size > PAGED_MAX and total > COUNTED_MAX:
                raise too_deep()
            page_query = query.order_by(*order).limit(size).offset(page * size)
            rows = [dict(row) for row in connection.execute(page_query).mappings()]
        return Page(min(total, COUNTED_MAX), rows, total_is_exact=total <= COUNTED_MAX)

    def select(
        self, table: Table, names: Sequence[str], equal: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Return the columns ``names`` of the few rows whose columns have these values."""
        query = select(*(table.c[name].label(name) for name in names)).where(
            *(table.c[name] == value for name, value in equal.items())
        )
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query.order_by(table.c.id)).mappings()]

    def error_codes(self, codes: Collection[str] | None = None) -> list[ErrorCode]:
        """Return what error codes mean (None: all that are known)."""
        with self._engine.connect() as connection:
            return read_error_codes(connection, codes)

    # --- how fresh the store is ---

    def watermarks(self) -> list[StoredWatermark]:
        """Return how far each sequence of records has been applied."""
        table = tables.watermarks
        return self._reader.rows(table, StoredWatermark, [], [table.c.consumer, table.c.lane])

    async def wait_for_position(
        self, epoch: int, partition_id: int, position: int, *, timeout_s: float
    ) -> None:
        """Return once everything up to ``position`` is visible here.

        Raises:
            TimedOut: the importer did not get there in time.
        """
        deadline = time.monotonic() + timeout_s
        pause_s = POLL_S_MIN
        while not self._has_passed(epoch, partition_id, position):
            if time.monotonic() >= deadline:
                raise TimedOut(
                    "the store has not caught up with this position",
                    where=f"epoch {epoch}, partition {partition_id}, position {position}",
                    fix="Read again a moment later, or without the position",
                )
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, POLL_S_MAX)

    def _has_passed(self, epoch: int, partition_id: int, position: int) -> bool:
        return position <= position_reached(
            (mark.lane, mark.position)
            for mark in self.watermarks()
            if (mark.epoch, mark.partition_id) == (epoch, partition_id)
        )

    # --- how queries are made ---

    def _find_transfers(self, condition: ColumnElement[bool]) -> list[Transfer]:
        columns = tables.transfers.c
        order_by = [columns.started_at.desc(), columns.workflow_instance_key.desc()]
        return self._reader.rows(tables.transfers, Transfer, [condition], order_by, limit=100)

    def _of_instance(
        self,
        table: Table,
        row: type[Row],
        order_by: ColumnElement[Any],
        instance_key: int,
        epoch: int | None,
    ) -> list[Row]:
        names = ("workflow_instance_key", "process_instance_key")
        key = next(column for name in names if (column := table.c.get(name)) is not None)
        wanted = _newest_epoch(instance_key) if epoch is None else epoch
        conditions = [key == instance_key, table.c.epoch == wanted]
        return self._reader.rows(table, row, conditions, [order_by, table.c.id])


def _newest_epoch(instance_key: int) -> ScalarSelect[int]:
    """The epoch of the instance that began last: epochs name lives, they do not order them."""
    columns = tables.process_instances.c
    return (
        select(columns.epoch)
        .where(columns.process_instance_key == instance_key)
        .order_by(columns.started_at.desc(), columns.id.desc())
        .limit(1)
        .scalar_subquery()
    )
