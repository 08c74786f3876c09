"""Proof that engine, log, rows and documents of a tenant tell the same story.

A live store says by its watermark what of the log it has been given. So each is frozen in a
snapshot, the log is folded afresh up to exactly that position, and the two must be equal row by
row. The engine names its running instances and the position it knew them at; the fold at that
position must name the same ones. At last rows and documents are folded to one common position and
must agree about every payment. Nothing is stopped for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from sqlalchemy.exc import DatabaseError

from phee.errors import InvalidState, Unavailable
from phee.importers.process import KINDS, Kind, RegisteredTenants, make_sorter
from phee.projections.mapping import TransferMapping
from phee.stores.relational import tables as relational
from phee.stores.search import tables as search
from phee.stream.port import Chunk, EventStream, Lane
from phee.upkeep.comparing import (
    Difference,
    Differences,
    TableComparison,
    Totals,
    What,
    add_to_totals,
    compare_payments,
)
from phee.upkeep.folding import LogFolder, Shadow, block_of
from phee.upkeep.letters import compare_letters
from phee.upkeep.snapshot import (
    Snapshot,
    open_snapshot,
    projected_tables,
    store_path,
)
from phee.upkeep.workspace import workspace


class Total(msgspec.Struct, frozen=True, rename="camel"):
    """Payments of one status and currency; ``amount`` is exact, as text."""

    status: str
    currency: str
    count: int
    amount: str


class StoreReport(msgspec.Struct, frozen=True, rename="camel"):
    """One store of a tenant: how far it is, how many rows were compared, what payments add up to.

    ``open_dead_letters`` counts what could not be projected; the log's fold leaves out the same.
    """

    store: str
    position: int
    rows: dict[str, int]
    totals: list[Total]
    open_dead_letters: int


class TenantReport(msgspec.Struct, frozen=True, rename="camel"):
    """What was proven of one tenant; ``differences`` holds the first ones of ``difference_count``.

    ``running_instances`` is None where the orchestrator cannot list what runs.
    """

    tenant: str
    stores: list[StoreReport]
    running_instances: int | None
    difference_count: int
    differences: list[Difference]

    @property
    def is_clean(self) -> bool:
        """Whether everything agrees."""
        return self.difference_count == 0


class Verification(msgspec.Struct, frozen=True, rename="camel"):
    """What was proven, and about which part of the log."""

    is_clean: bool
    records: int
    log_differences: list[Difference]
    tenants: list[TenantReport]


@dataclass(frozen=True, slots=True)
class RunningInstances:
    """The instances that an orchestrator runs, as of a position of its log.

    ``groups`` maps (tenant, process id) to keys.
    """

    lane: Lane
    position: int
    groups: Mapping[tuple[str, str], Sequence[int]]


ListRunning = Callable[[], RunningInstances | None]
"""Ask the orchestrator what runs; None when it cannot tell."""


class Contiguity:
    """Looks for gaps in a log whose positions grow by one."""

    def __init__(self, differences: Differences) -> None:
        self._differences = differences
        self._at: dict[Lane, int] = {}
        self.records = 0

    def see(self, chunk: Chunk) -> None:
        """Look at a chunk that goes on where the one before ended."""
        for last_position, data in chunk.blocks:
            at = self._at.get(chunk.lane, 0)
            if chunk.lane.name or last_position <= at:
                continue  # a stream that spreads a log over lanes has gaps in each
            block = block_of(data)
            positions = [record.position for record in block.records] if block else []
            expected = list(range(at + 1, last_position + 1))
            if [position for position in positions if position > at] != expected:
                where = f"{chunk.lane.epoch}:{chunk.lane.partition_id}"
                self._differences.add(
                    Difference(
                        "log",
                        where,
                        f"after {at}",
                        "different",
                        "position",
                        f"{at + 1} to {last_position}",
                        f"{len(positions)} records",
                    )
                )
            self.records += len(positions)
            self._at[chunk.lane] = last_position


@dataclass(slots=True)
class _Tenant:
    """What is known of one tenant while it is verified."""

    id: str
    live: dict[Kind, Snapshot]
    shadows: dict[Kind, Shadow]
    running: set[int] = field(default_factory=set)
    differences: Differences = field(default_factory=Differences)
    stores: list[StoreReport] = field(default_factory=list)


class Verifier:
    """Verifies the embedded stores of a data directory."""

    def __init__(
        self,
        data: Path,
        stream: EventStream,
        mapping: TransferMapping,
        *,
        list_running: ListRunning = lambda: None,
        progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> None:
        """Prepare to verify.

        Args:
            data: the data directory.
            stream: its record log, as an onlooker reads it.
            mapping: what the importers use.
            list_running: asks the orchestrator.
            progress: called with the records folded so far and those to fold in all.
        """
        self._data = data
        self._stream = stream
        self._folder = LogFolder(stream, data, mapping)
        self._list_running = list_running
        self._router = make_sorter("relational", RegisteredTenants(data), mapping).router
        self._progress = progress
        self._folded = 0

    def verify(self, tenant_ids: Sequence[str]) -> Verification:
        """Compare everything of these tenants.

        Raises:
            Unavailable: the stream or a store does not answer.
            LogIncomplete: the log does not reach back to its beginning.
        """
        lanes = self._stream.lanes()
        log_differences = Differences()
        contiguity = Contiguity(log_differences)
        with workspace(self._data, "verify") as folder, ExitStack() as opened:
            tenants = [self._open(tenant_id, folder, opened) for tenant_id in tenant_ids]
            running = self._running(tenants)  # after the snapshots: never behind them
            end = _farthest(tenants, lanes, running)
            total = sum(end.values())
            self._fold_to_snapshots(tenants, lanes, contiguity, total)
            for tenant in tenants:
                self._compare_stores(tenant, lanes)
            if running is not None:
                self._fold_to_engine(tenants, running, contiguity, total)
                for tenant in tenants:
                    _compare_engine(tenant, running.lane.epoch)
            for tenant in tenants:
                for shadow in tenant.shadows.values():
                    shadow.target = dict(end)
            self._fold(tenants, contiguity, total)
            for tenant in tenants:
                _compare_kinds(tenant)
        reports = [_report(tenant, is_listed=running is not None) for tenant in tenants]
        clean = log_differences.count == 0 and all(report.is_clean for report in reports)
        return Verification(clean, contiguity.records, log_differences.shown, reports)

    def _open(self, tenant_id: str, folder: Path, opened: ExitStack) -> _Tenant:
        tenant = _Tenant(tenant_id, {}, {})
        for kind in KINDS:
            path = store_path(kind, self._data, tenant_id)
            try:
                snapshot = open_snapshot(kind, path)
            except DatabaseError as error:
                raise Unavailable(
                    f"the {kind} store of {tenant_id} cannot be read: {error.orig}",
                    where=str(path),
                    fix=f"Run `phee rebuild --tenant {tenant_id} --store {kind}`",
                ) from error
            opened.callback(snapshot.close)
            shadow = self._folder.new_shadow(kind, folder / tenant_id / f"{kind}.db", tenant_id)
            opened.callback(shadow.close)
            tenant.live[kind], tenant.shadows[kind] = snapshot, shadow
        return tenant

    def _running(self, tenants: Sequence[_Tenant]) -> RunningInstances | None:
        """Ask the orchestrator, and give every tenant what is its."""
        running = self._list_running()
        if running is not None:
            by_id = {tenant.id: tenant for tenant in tenants}
            for (tenant_id, bpmn_process_id), keys in running.groups.items():
                route = self._router.route(bpmn_process_id, tenant_id)
                if route is not None and route.tenant_id in by_id:
                    by_id[route.tenant_id].running.update(keys)
        return running

    # --- folding, in three steps: to the snapshots, to the engine's position, to a common end ---

    def _fold_to_snapshots(
        self,
        tenants: Sequence[_Tenant],
        lanes: frozenset[Lane],
        contiguity: Contiguity,
        total: int,
    ) -> None:
        for tenant in tenants:
            for kind, shadow in tenant.shadows.items():
                marks = tenant.live[kind].positions
                shadow.target = {lane: marks.get(lane, 0) for lane in lanes}
        self._fold(tenants, contiguity, total)

    def _fold_to_engine(
        self,
        tenants: Sequence[_Tenant],
        running: RunningInstances,
        contiguity: Contiguity,
        total: int,
    ) -> None:
        for tenant in tenants:
            tenant.shadows["relational"].target = {running.lane: running.position}
        self._fold(tenants, contiguity, total)

    def _fold(self, tenants: Sequence[_Tenant], contiguity: Contiguity, total: int) -> None:
        def progress(records: int) -> None:
            self._folded += records
            self._progress(min(self._folded, total), total)

        shadows = [shadow for tenant in tenants for shadow in tenant.shadows.values()]
        self._folder.fold(shadows, progress=progress, seen=contiguity.see)

    # --- comparing ---

    def _compare_stores(self, tenant: _Tenant, lanes: frozenset[Lane]) -> None:
        epochs = {lane.epoch for lane in lanes}
        for kind, live in tenant.live.items():
            folded = open_snapshot(kind, tenant.shadows[kind].path)
            try:
                tenant.stores.append(compare_store(live, folded, epochs, tenant.differences))
            finally:
                folded.close()


def compare_store(
    live: Snapshot, folded: Snapshot, epochs: set[int], differences: Differences
) -> StoreReport:
    """Compare every table of a store with its fold."""
    totals: Totals = {}
    rows: dict[str, int] = {}
    payments = "transfers" if live.kind == "relational" else "documents"
    for table in projected_tables(live.kind):
        comparison = TableComparison(live.kind, table, differences)
        if table.name == payments:
            comparison.observe = lambda row: (
                add_to_totals(totals, row) if row.get("kind", "payment") == "payment" else None
            )
        comparison.compare(live, folded, epochs=epochs)
        rows[str(table.name)] = comparison.rows
    letters = compare_letters(live, folded, epochs, differences)
    position = max((p for lane, p in live.positions.items() if lane.epoch in epochs), default=0)
    return StoreReport(live.kind, position, rows, _totals(totals), letters)


def _compare_engine(tenant: _Tenant, epoch: int) -> None:
    folded = open_snapshot("relational", tenant.shadows["relational"].path)
    try:
        in_log = folded.active_instances(epoch)
    finally:
        folded.close()
    for key in sorted(in_log ^ tenant.running):
        what: What = "missing" if key in in_log else "unexpected"
        tenant.differences.add(Difference("engine", "running instances", str(key), what))


def _compare_kinds(tenant: _Tenant) -> None:
    rows = open_snapshot("relational", tenant.shadows["relational"].path)
    documents = open_snapshot("search", tenant.shadows["search"].path)
    try:
        compare_payments(
            rows, documents, relational.transfers, search.documents, tenant.differences
        )
    finally:
        rows.close()
        documents.close()


def _farthest(
    tenants: Sequence[_Tenant], lanes: frozenset[Lane], running: RunningInstances | None
) -> dict[Lane, int]:
    """The position that everybody's story is told to at last."""
    end = dict.fromkeys(lanes, 0)
    for tenant in tenants:
        for snapshot in tenant.live.values():
            for lane, position in snapshot.positions.items():
                if lane in end:
                    end[lane] = max(end[lane], position)
    if running is not None:
        if running.lane not in end:
            raise InvalidState(
                "the orchestrator and the stream are not of one data directory",
                where=str(running.lane),
                fix="Ask again; the hub was replaced meanwhile",
            )
        end[running.lane] = max(end[running.lane], running.position)
    return end


def _totals(totals: Totals) -> list[Total]:
    return [
        Total(status, currency, count, f"{amount:f}")
        for (status, currency), (count, amount) in sorted(totals.items())
    ]


def _report(tenant: _Tenant, *, is_listed: bool) -> TenantReport:
    return TenantReport(
        tenant.id,
        tenant.stores,
        len(tenant.running) if is_listed else None,
        tenant.differences.count,
        tenant.differences.shown,
    )
