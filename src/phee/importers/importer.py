"""Stream -> projections -> stores, exactly once in effect.

Each tenant's store says by its watermark what it has; the importer reads on from the lowest. What
is read at once is one transaction per tenant (rows, dead letters and the watermarks of all lanes
together), so a kill at any instant, a replay or a twin changes nothing. With much waiting, several
fetches become one batch, so what a payment changes in all of them is written once; no batch is open
between steps. The stream is told to forget only what is durable in every store. A tenant whose
transaction fails is tried again by itself from its watermark, with pauses; nothing is ever skipped
for it, and the others go on.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

import structlog

from phee.errors import InvalidState, Unavailable
from phee.importers.applier import Applier
from phee.importers.batch import Batch, Fold, Sorter
from phee.importers.metrics import ImporterMetrics
from phee.importers.pace import LOCAL, Pace
from phee.importers.slots import NEVER, Slot, Slots
from phee.importers.writers import Writers
from phee.projections.routing import TenantDirectory
from phee.stores.operator import OperatorLetters
from phee.stores.writing import TenantStore
from phee.stream.port import Chunk, EventStream, Lane

_LOG = structlog.get_logger(__name__)
F = TypeVar("F", bound=Fold)

BATCH_BYTES = 512 << 10
GATHER_RECORDS = 2_000
"""With more than this waiting, more is read into the batch, and the next begins at once."""
GATHERED_S_MAX = 0.25
"""A batch ends after so long though more is waiting."""
WAIT_S = 0.25
HOUSEKEEPING_S = 1.0
NEW_TENANTS_S = 0.2
"""How often the registry is looked at (one stat), so that a new tenant has its stores at once."""
RECONNECT_S = 0.2


class RecordsMissing(InvalidState):
    """The stream has forgotten records that a store still needs; it must be rebuilt."""

    code = "records-missing"


@dataclass(slots=True)
class Progress:
    """How an importer is doing; read by its health check from another thread.

    ``turned_at`` (:func:`time.monotonic`) moves while the stream and the stores answer.
    """

    turned_at: float = field(default_factory=time.monotonic)
    connected: bool = False
    lag_records: int = 0
    lag_seconds: float = 0.0
    stalled_tenants: int = 0
    batches: int = 0


class Importer(Generic[F]):
    """Imports every tenant's records into one kind of store. Runs in one thread."""

    def __init__(
        self,
        stream: EventStream,
        sorter: Sorter[F],
        open_store: Callable[[str], TenantStore[F]],
        operator: OperatorLetters,
        tenants: TenantDirectory,
        metrics: ImporterMetrics,
        *,
        also_open: Callable[[], set[str]] = set,
        unerased: Callable[[], AbstractContextManager[None]] = nullcontext,
        pace: Pace = LOCAL,
    ) -> None:
        """Prepare; while ``unerased`` is entered, nobody is erased."""
        self._stream = stream
        self._sorter = sorter
        self._operator = operator
        self._tenants = tenants
        self._metrics = metrics
        self._also_open = also_open
        self._unerased = unerased
        self._applier = Applier(sorter, metrics)
        self._slots: Slots[F] = Slots(open_store, uuid.uuid4().hex)
        if sorter.owners is not None:
            sorter.owners.ask = self._slots.process_id
        self._at: dict[Lane, int] = {}
        self._acknowledged: dict[Lane, int] = {}
        self._lost = ""
        self._lags: dict[Lane, int] = {}
        self._pace = pace
        self._writers = Writers(pace.written_at_once)
        self._committed_at_ms: dict[Lane, int] = {}
        self._known: set[str] = set()
        self._housekept_at = 0.0
        self._looked_at = 0.0
        self._stop = threading.Event()
        self.progress = Progress()

    @property
    def positions(self) -> dict[Lane, int]:
        """How far reading has come in each lane."""
        return dict(self._at)

    def stop(self) -> None:
        """End :meth:`run` after the transaction it is in. Callable from any thread."""
        self._stop.set()

    def run(self) -> None:
        """Import until :meth:`stop`.

        Raises:
            Fenced: another importer of this kind has taken over.
            RecordsMissing: a store needs records that the stream no longer has.
            NotSupported: the stream is written by a newer version.
        """
        try:
            while not self._stop.is_set():
                self.progress.turned_at = time.monotonic()
                try:
                    self.step()
                except Unavailable as error:
                    self._disconnected(error)
            self.housekeep()
        except Unavailable:
            pass  # stopping without a hub: what was acknowledged before still holds
        finally:
            self._stream.close()
            self._writers.close()
            self._slots.close()
            self._operator.close()

    def step(self) -> None:
        """Apply what the stream has next, then see to stalled tenants and acknowledgements."""
        self._see_lanes()
        began = time.monotonic()
        with ExitStack() as projecting:
            gathered = self._gather(began, projecting)
            self._import(gathered)
        self.progress.lag_records = sum(self._lags.values())
        self._measure_lag_seconds()
        for slot in self._slots.stalled():
            with self._unerased():
                self._catch_up(slot)
        if time.monotonic() - self._looked_at >= NEW_TENANTS_S:
            self._see_tenants()
        if time.monotonic() - self._housekept_at >= HOUSEKEEPING_S:
            self.housekeep()
        self._show()
        if gathered and self.progress.lag_records < GATHER_RECORDS:
            self._stop.wait(max(self._pace.window_s - (time.monotonic() - began), 0.0))

    # --- where to read ---

    def _see_lanes(self) -> None:
        """Open every store and begin at the lowest watermark, for lanes not seen before."""
        lanes = self._stream.lanes()
        for lane in self._at.keys() - lanes:
            self._release(lane)
        fresh = lanes - self._at.keys()
        if not fresh:
            return
        self._known = self._tenants.known_tenants()
        starts = {**self._at, **dict.fromkeys(fresh, 0)}
        opened = {slot.tenant_id for slot in self._slots}
        for tenant_id in sorted(self._known | self._also_open() | opened):
            self._open(tenant_id, starts)
        if self._slots.all_unclaimed():
            raise Unavailable(
                "no tenant's store can be opened", fix="See the errors above, and the database"
            )
        for lane in fresh:
            self._at[lane] = self._slots.lowest(lane, 0)
            _LOG.info("import begins", lane=str(lane), position=self._at[lane])

    def _release(self, lane: Lane) -> None:
        """Another importer reads this lane now, or the data directory was replaced."""
        _LOG.info("import ends", lane=str(lane), position=self._at[lane])
        del self._at[lane]
        self._lags.pop(lane, None)
        self._committed_at_ms.pop(lane, None)
        self._acknowledged.pop(lane, None)
        self._slots.release(lane)

    def _see_tenants(self) -> None:
        self._looked_at = time.monotonic()
        known = self._tenants.known_tenants()
        if known != self._known:
            self._sorter.router.forget()
            for tenant_id in sorted(known - self._known):
                self._open(tenant_id, dict(self._at))
            self._known = known

    def _open(self, tenant_id: str, starts: dict[Lane, int]) -> Slot[F]:
        is_new = tenant_id not in self._slots
        slot = self._slots.add(tenant_id, starts)
        if self._applier.claim(self._slots, slot) and is_new:
            _LOG.info("tenant opened", tenant=tenant_id)
        return slot

    def _check_complete(self, chunk: Chunk) -> None:
        for slot in self._slots:
            mark = slot.marks.get(chunk.lane, 0)
            if 0 < mark < chunk.first_position - 1:
                raise RecordsMissing(
                    f"the stream begins at {chunk.first_position}, the store of tenant"
                    f" {slot.tenant_id} needs the records after {mark}",
                    where=str(chunk.lane),
                    fix="Rebuild this tenant's store, or restore the log from a backup",
                )

    # --- reading and applying ---

    def _gather(self, began: float, projecting: ExitStack) -> list[Batch[F]]:
        """Read what is next into a batch for each lane, and while much is waiting, read on.

        Nobody is erased from the first record on until ``projecting`` ends.
        """
        batches: dict[Lane, Batch[F]] = {}
        wait_s = min(WAIT_S, self._slots.next_retry_s(began))
        while True:
            at = self._at | {lane: batch.last_position for lane, batch in batches.items()}
            try:
                chunks = self._stream.fetch(at, max_bytes=BATCH_BYTES, timeout_s=wait_s)
            except Unavailable:
                if not batches:
                    raise
                break  # the next step meets it again, after what was read has been applied
            self.progress.connected = True
            self._lost = ""
            if not batches:
                projecting.enter_context(self._unerased())
            self._sort(chunks, batches)
            if not any(chunk.blocks for chunk in chunks) or self._is_enough(batches, began):
                break
            wait_s = 0.0
        # A lane that was given up meanwhile is another importer's now.
        lanes = self._stream.lanes()
        return [batch for lane, batch in batches.items() if lane in lanes]

    def _sort(self, chunks: Sequence[Chunk], batches: dict[Lane, Batch[F]]) -> None:
        for chunk in chunks:
            lane, after = chunk.lane, self._at[chunk.lane]
            self._check_complete(chunk)
            if chunk.blocks:
                batches[lane] = self._sorter.sort(
                    chunk,
                    after=after,
                    applied=self._applied(lane, after),
                    into=batches.get(lane),
                )
            at = batches[lane].last_position if lane in batches else after
            self._lags[lane] = max(chunk.last_position - at, 0)

    def _is_enough(self, batches: dict[Lane, Batch[F]], began: float) -> bool:
        """Whether to apply what was read, and not read on."""
        return (
            sum(self._lags.values()) < GATHER_RECORDS
            or sum(batch.records for batch in batches.values()) >= self._pace.gathered_max
            or time.monotonic() - began > GATHERED_S_MAX
            or bool(self._slots.stalled())
            or self._stop.is_set()
        )

    def _import(self, batches: Sequence[Batch[F]]) -> None:
        """Apply batches of different lanes, each tenant's part of all of them at once."""
        began = time.monotonic()
        if letters := [letter for batch in batches for letter in batch.operator_letters]:
            self._operator.write(letters)
        changes = self._writers.run(
            [
                partial(self._applier.apply, self._slots.get(tenant_id), *its)
                for tenant_id, its in _by_tenant(batches).items()
                if not self._slots.get(tenant_id).is_stalled
            ]
        )
        for batch in batches:
            self._at[batch.lane] = batch.last_position
            if batch.committed_at_ms:
                self._committed_at_ms[batch.lane] = batch.committed_at_ms
        self.progress.batches += len(batches)
        if batches:
            self._metrics.applied(batches, changes, time.monotonic() - began)

    def _applied(self, lane: Lane, after: int) -> Callable[[str], int]:
        """Say what a tenant has; open those that are new, from this batch on."""

        def position(tenant_id: str) -> int:
            if tenant_id not in self._slots:
                self._open(tenant_id, {**self._at, lane: after})
            slot = self._slots.get(tenant_id)
            return NEVER if slot.is_stalled else slot.marks[lane]

        return position

    # --- tenants in trouble ---

    def _catch_up(self, slot: Slot[F]) -> None:
        """Let a stalled tenant apply one chunk by itself, from its own watermark."""
        if slot.retry_at is None or time.monotonic() < slot.retry_at:
            return
        if not self._applier.claim(self._slots, slot):
            return
        for lane, position in self._at.items():
            mark = self._applier.mark_on_disk(slot, lane)
            if mark is None:
                return
            if mark < position:
                chunks = self._stream.fetch({lane: mark}, max_bytes=BATCH_BYTES, timeout_s=0)
                if not all(self._applier.catch_up(slot, chunk, mark) for chunk in chunks):
                    return
        if all(slot.marks[lane] >= position for lane, position in self._at.items()):
            _LOG.info("tenant caught up", tenant=slot.tenant_id)
            slot.recover()

    # --- saying what is done ---

    def _measure_lag_seconds(self) -> None:
        """In each lane that has more to read: how long ago was written what was read last."""
        now_ms = time.time() * 1000
        ages = (
            now_ms - self._committed_at_ms[lane]
            for lane, lag in self._lags.items()
            if lag and lane in self._committed_at_ms
        )
        self.progress.lag_seconds = max(max(ages, default=0.0), 0.0) / 1000

    def housekeep(self) -> None:
        """Take idle tenants along, make everything durable, and let the stream forget."""
        self._housekept_at = time.monotonic()
        self._see_tenants()
        for slot in self._slots:
            behind = {at: end for at, end in self._at.items() if slot.marks.get(at, end) < end}
            if behind and not slot.is_stalled:
                self._applier.take_along(slot, behind)
        self._slots.make_durable()
        self._operator.make_durable()
        done = {
            lane: self._slots.lowest(lane, at)
            for lane, at in self._at.items()
            if not self._slots.has_unclaimed(lane)
        }
        if done and done != self._acknowledged:
            self._stream.acknowledge(done)
            self._acknowledged = done

    def _show(self) -> None:
        self.progress.stalled_tenants = len(self._slots.stalled())
        self._metrics.state(
            connected=self.progress.connected,
            lag_records=self.progress.lag_records,
            lag_seconds=self.progress.lag_seconds,
            stalled_tenants=self.progress.stalled_tenants,
        )

    def _disconnected(self, error: Unavailable) -> None:
        if str(error) != self._lost:
            self._lost = str(error)
            _LOG.warning("stream lost", error=self._lost)
        self.progress.connected = False
        self._show()
        self._stop.wait(RECONNECT_S)


def _by_tenant(batches: Iterable[Batch[F]]) -> dict[str, list[Batch[F]]]:
    """Return the batches that hold something for each tenant."""
    found: dict[str, list[Batch[F]]] = {}
    for batch in batches:
        for tenant_id, work in batch.tenants.items():
            if work.records:
                found.setdefault(tenant_id, []).append(batch)
    return found
