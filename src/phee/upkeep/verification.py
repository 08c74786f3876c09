"""Proof that engine, log, rows and documents of a tenant tell the same story.

A live store says by its watermark what of the log it has been given. So the log is folded afresh,
into embedded stores whatever the live ones are, up to exactly that position, and the two must be
equal row by row. A database is frozen in a snapshot for it; a search server cannot be, so what of
it differs is looked at again until both sides are at the same position. The engine names its
running instances and the position it knew them at; the fold at that position must name the same
ones. At last rows and documents are folded to one common position and must agree about every
payment. Nothing is stopped for it.

A stream that has lost its beginning cannot be folded; then rows and documents are compared with
each other, and the report says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.exc import DatabaseError

from phee.errors import InvalidState, Unavailable
from phee.importers.process import KINDS, Kind, RegisteredTenants, make_sorter
from phee.projections.mapping import TransferMapping
from phee.records import DEFAULT_TENANT
from phee.stores.erasures import ErasureLists
from phee.stream.history import History, LogIncomplete
from phee.stream.port import Lane
from phee.upkeep.comparing import Differences
from phee.upkeep.contiguity import Contiguity
from phee.upkeep.folding import Folder, Shadow
from phee.upkeep.live_comparison import compare_live
from phee.upkeep.payments import compare_payments, find_payments, note
from phee.upkeep.report import StoreReport, TenantReport, Verification, totals_of
from phee.upkeep.running import ListRunning, RunningInstances, compare_running
from phee.upkeep.runtimes import Runtimes
from phee.upkeep.settling import Pair, settle
from phee.upkeep.snapshot import Key, Snapshot
from phee.upkeep.workspace import workspace

NO_LIST = "running instances: this orchestrator cannot list them"


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
    """Verifies the stores of a hub, whatever runtimes they are on."""

    def __init__(
        self,
        runtimes: Runtimes,
        history: History,
        mapping: TransferMapping,
        *,
        list_running: ListRunning = lambda: None,
        progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> None:
        """Prepare to verify.

        Args:
            runtimes: where the stores are.
            history: the stream they were made from.
            mapping: what the importers use.
            list_running: asks the orchestrator.
            progress: called with the positions folded so far and those to fold in all.
        """
        self._runtimes = runtimes
        self._history = history
        self._folder = Folder(history, runtimes.data, mapping)
        self._list_running = list_running
        tenants = RegisteredTenants(runtimes.data)
        self._router = make_sorter("relational", tenants, mapping).router
        self._progress = progress
        self._folded = self._total = 0
        self._log_differences = Differences()
        self._contiguity = Contiguity(self._log_differences)
        self._not_checked: list[str] = []

    def verify(self, tenant_ids: Sequence[str]) -> Verification:
        """Compare everything of these tenants.

        Raises:
            Unavailable: the stream or a store does not answer, or a party was erased meanwhile.
            InvalidState: an erasure has not come to its end.
        """
        erasures = ErasureLists(self._runtimes.data)
        erased = {tenant_id: erasures.stamp(tenant_id) for tenant_id in tenant_ids}
        for tenant_id in tenant_ids:
            if not erasures.is_done(tenant_id):
                raise InvalidState(
                    "a party is being erased, or the command was ended",
                    where=tenant_id,
                    fix="Wait for it, or erase the same party again (phee erase --list)",
                )
        found = self._verify(tenant_ids)
        for tenant_id, stamp in erased.items():
            if erasures.stamp(tenant_id) != stamp:
                raise Unavailable(
                    "a party was erased while the stores were compared",
                    where=tenant_id,
                    fix="Verify again",
                )
        return found

    def _verify(self, tenant_ids: Sequence[str]) -> Verification:
        with workspace(self._runtimes.data, "verify") as folder, ExitStack() as opened:
            tenants = [self._open(tenant_id, folder, opened) for tenant_id in tenant_ids]
            running = self._running(tenants)  # after the snapshots: never behind them
            try:
                self._prove(tenants, running)
            except LogIncomplete as error:
                self._compare_stores_alone(tenants, error)
                running = None
        reports = [_report(tenant, is_listed=running is not None) for tenant in tenants]
        clean = self._log_differences.count == 0 and all(report.is_clean for report in reports)
        return Verification(
            clean,
            self._contiguity.records,
            self._log_differences.shown,
            reports,
            self._not_checked,
        )

    def _prove(self, tenants: Sequence[_Tenant], running: RunningInstances | None) -> None:
        known = {lane for t in tenants for live in t.live.values() for lane in live.positions}
        lanes = self._history.lanes(known)
        epochs = {lane.epoch for lane in lanes}
        self._total = sum(_farthest(tenants, lanes).values())
        self._fold_to(tenants, {t.id: {k: v.positions for k, v in t.live.items()} for t in tenants})
        for tenant in tenants:
            for kind, live in tenant.live.items():
                self._compare_store(tenant, kind, live, epochs)
        if running is not None:
            self._compare_with_engine(tenants, running, lanes)
        end = _reached(tenants)
        self._fold_to(tenants, {t.id: dict.fromkeys(t.shadows, end) for t in tenants})
        for tenant in tenants:
            rows, documents = (tenant.shadows[kind].snapshot() for kind in KINDS)
            try:
                compare_payments(rows, documents, tenant.differences)
            finally:
                rows.close()
                documents.close()

    def _open(self, tenant_id: str, folder: Path, opened: ExitStack) -> _Tenant:
        tenant = _Tenant(tenant_id, {}, {})
        for kind in KINDS:
            try:
                snapshot = self._snapshot(kind, tenant_id, folder, opened)
            except DatabaseError as error:
                raise Unavailable(
                    f"the {kind} store of {tenant_id} cannot be read: {error.orig}",
                    where=tenant_id,
                    fix=f"Run `phee rebuild --tenant {tenant_id} --store {kind}`",
                ) from error
            opened.callback(snapshot.close)
            shadow = self._folder.new_shadow(kind, folder / tenant_id / f"{kind}.db", tenant_id)
            opened.callback(shadow.close)
            tenant.live[kind], tenant.shadows[kind] = snapshot, shadow
        return tenant

    def _snapshot(self, kind: Kind, tenant_id: str, folder: Path, opened: ExitStack) -> Snapshot:
        """Open the live store; the default tenant's is made by its first record of this kind."""
        if tenant_id != DEFAULT_TENANT or self._runtimes.has_store(kind, tenant_id):
            return self._runtimes.snapshot(kind, tenant_id)
        self._not_checked.append(f"The tenant {tenant_id} has no {kind} store yet")
        nothing = folder / tenant_id / f"no-{kind}.db"
        shadow = self._folder.new_shadow(kind, nothing, tenant_id)
        opened.callback(shadow.close)
        return shadow.snapshot()

    def _running(self, tenants: Sequence[_Tenant]) -> RunningInstances | None:
        """Ask the orchestrator, and give every tenant what is its."""
        running = self._list_running()
        if running is None:
            self._not_checked.append(NO_LIST)
            return None
        by_id = {tenant.id: tenant for tenant in tenants}
        for (tenant_id, bpmn_process_id), keys in running.groups.items():
            route = self._router.route(bpmn_process_id, tenant_id)
            if route is not None and route.tenant_id in by_id:
                by_id[route.tenant_id].running.update(keys)
        return running

    # --- folding ---

    def _fold_to(
        self,
        tenants: Sequence[_Tenant],
        targets: Mapping[str, Mapping[Kind, Mapping[Lane, int]]],
    ) -> None:
        for tenant in tenants:
            for kind, positions in targets[tenant.id].items():
                lanes = self._history.lanes(positions)
                shadow = tenant.shadows[kind]
                shadow.target = {lane: at for lane, at in positions.items() if lane in lanes}
        self._fold([shadow for tenant in tenants for shadow in tenant.shadows.values()])

    def _fold(self, shadows: Sequence[Shadow]) -> None:
        def progress(positions: int) -> None:
            self._folded += positions
            self._progress(min(self._folded, self._total), self._total)

        self._folder.fold(shadows, progress=progress, seen=self._contiguity.see)

    # --- comparing ---

    def _compare_store(self, tenant: _Tenant, kind: Kind, live: Snapshot, epochs: set[int]) -> None:
        shadow = tenant.shadows[kind]

        def follow() -> None:
            positions = live.look_again()
            lanes = self._history.lanes(positions)
            shadow.target = {lane: at for lane, at in positions.items() if lane in lanes}
            self._fold([shadow])

        tenant.stores.append(compare_live(live, shadow, follow, epochs, tenant.differences))

    def _compare_with_engine(
        self, tenants: Sequence[_Tenant], running: RunningInstances, lanes: Collection[Lane]
    ) -> None:
        """Fold the rows to the engine's position and compare who is running."""
        place = (running.lane.epoch, running.lane.partition_id)
        of_engine = [lane for lane in lanes if (lane.epoch, lane.partition_id) == place]
        if lanes and not of_engine:
            raise InvalidState(
                "the orchestrator and the stream are not of one data directory",
                where=str(running.lane),
                fix="Ask again; the hub was replaced meanwhile",
            )
        for tenant in tenants:
            tenant.shadows["relational"].target = dict.fromkeys(of_engine, running.position)
        try:
            self._fold([tenant.shadows["relational"] for tenant in tenants])
        except Unavailable:
            if not any(lane.name for lane in of_engine):
                raise
            self._not_checked.append(
                "running instances: the stream has not come to the orchestrator's position"
                f" {running.position} yet (is the exporter running?)"
            )
            return
        for tenant in tenants:
            compare_running(
                tenant.shadows["relational"],
                tenant.running,
                running.lane.epoch,
                tenant.differences,
            )

    def _compare_stores_alone(self, tenants: Sequence[_Tenant], error: LogIncomplete) -> None:
        """Compare rows with documents, which is all that is left without the whole stream."""
        self._not_checked.append(
            f"rows and documents against the stream: {error.what} ({error.where});"
            " payments were compared between the stores instead"
        )
        for tenant in tenants:
            tenant.stores.clear()
            tenant.differences = Differences()
            self._compare_alone(tenant)

    def _compare_alone(self, tenant: _Tenant) -> None:
        found = Differences()
        # Stores are at different positions: whatever differs is looked at again.
        totals, unsettled = compare_payments(
            tenant.live["relational"], tenant.live["search"], found, look_again=True
        )

        def look(keys: Collection[Key]) -> Mapping[Key, Pair]:
            rows = self._runtimes.snapshot("relational", tenant.id)
            documents = self._runtimes.snapshot("search", tenant.id)
            try:
                return find_payments(rows, documents, keys)
            finally:
                rows.close()
                documents.close()

        for key, (document, row) in settle(unsettled, look).items():
            note(found, key, row, document)
        tenant.differences = found
        position = max(tenant.live["relational"].positions.values(), default=0)
        count = sum(each for each, _ in totals.values())
        report = StoreReport("relational", position, {"transfers": count}, totals_of(totals), 0)
        tenant.stores.append(report)


def _farthest(tenants: Sequence[_Tenant], lanes: Collection[Lane]) -> dict[Lane, int]:
    """How far any store has come; what there is to fold."""
    end = dict.fromkeys(lanes, 0)
    for tenant in tenants:
        for snapshot in tenant.live.values():
            for lane, position in snapshot.positions.items():
                if lane in end:
                    end[lane] = max(end[lane], position)
    return end


def _reached(tenants: Sequence[_Tenant]) -> dict[Lane, int]:
    """How far any shadow has come: the position that all stories are told to at last."""
    end: dict[Lane, int] = {}
    for tenant in tenants:
        for shadow in tenant.shadows.values():
            for lane, position in shadow.slot.marks.items():
                end[lane] = max(end.get(lane, 0), position)
    return end


def _report(tenant: _Tenant, *, is_listed: bool) -> TenantReport:
    return TenantReport(
        tenant.id,
        tenant.stores,
        len(tenant.running) if is_listed else None,
        tenant.differences.count,
        tenant.differences.shown,
    )
