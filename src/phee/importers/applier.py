"""Applying one tenant's part of a batch, and what happens when its store does not take it.

Three kinds of failure: another owner (:class:`phee.stores.writing.Fenced`) ends the importer; data
that the store refuses is found record by record and becomes a dead letter; anything else stalls
the tenant, which tries again from the watermark that is on disk.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

import msgspec
import structlog
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, SQLAlchemyError

from phee.errors import PheeError
from phee.importers.batch import Batch, Fold, Sorter
from phee.importers.metrics import ImporterMetrics
from phee.importers.slots import Slot, Slots
from phee.projections import dead_letter
from phee.projections.dead_letter import DeadLetter
from phee.records import Block, StoredRecord, decode_block
from phee.stores.writing import Fenced, LaneWork
from phee.stream.port import Chunk, Lane, Unreadable

_LOG = structlog.get_logger(__name__)
F = TypeVar("F", bound=Fold)

REFUSALS = (DataError, IntegrityError, InterfaceError, OverflowError)
"""The data itself is the trouble: the same transaction would fail forever."""
FAILURES = (SQLAlchemyError, OSError, PheeError)
"""The store is in trouble; the same transaction may succeed later."""


class Applier(Generic[F]):
    """Writes batches to slots; never raises for the trouble of one tenant."""

    def __init__(self, sorter: Sorter[F], metrics: ImporterMetrics) -> None:
        self._sorter = sorter
        self._metrics = metrics

    def claim(self, slots: Slots[F], slot: Slot[F]) -> bool:
        """Take over what ``slot`` has not yet; return whether that worked (else it is stalled)."""
        try:
            slots.claim(slot)
        except Fenced:
            raise
        except FAILURES as error:
            self._stall(slot, error)
            return False
        return True

    def apply(self, slot: Slot[F], *batches: Batch[F], chunk: Chunk | None = None) -> int:
        """Apply ``slot``'s part of batches at once and return the number of changes.

        What the store refuses is looked for in ``chunk``, of which the only batch was made. Without
        one, the tenant is stalled, and finds it by catching up.
        """
        try:
            try:
                return self._write(slot, *batches)
            except REFUSALS as error:
                if chunk is not None:
                    return self._one_by_one(slot, batches[0], chunk)
                _LOG.warning("batch refused", tenant=slot.tenant_id, error=type(error).__name__)
                slot.stall(time.monotonic())
        except Fenced:
            raise
        except FAILURES as error:
            self._stall(slot, error)
        return 0

    def catch_up(self, slot: Slot[F], chunk: Chunk, mark: int) -> bool:
        """Apply a chunk for ``slot`` alone; return whether that worked."""
        batch = self._sorter.sort(
            chunk,
            after=mark,
            applied=lambda _: mark,
            only=frozenset((slot.tenant_id,)),
        )
        before = slot.retry_at
        self.apply(slot, batch, chunk=chunk)
        return slot.retry_at == before

    def mark_on_disk(self, slot: Slot[F], lane: Lane) -> int | None:
        """Read a stalled tenant's watermark again; None when even that fails."""
        try:
            position = slot.store.position(lane)
        except FAILURES as error:
            self._stall(slot, error)
            return None
        if position is not None:
            slot.marks[lane] = position
        return slot.marks[lane]

    def take_along(self, slot: Slot[F], positions: Mapping[Lane, int]) -> None:
        """Move the watermarks of a tenant that had nothing to apply in these lanes."""
        try:
            slot.write([LaneWork(lane, position) for lane, position in positions.items()])
        except Fenced:
            raise
        except FAILURES as error:
            self._stall(slot, error)

    def _write(self, slot: Slot[F], *batches: Batch[F]) -> int:
        changes = slot.write([batch.work_of(slot.tenant_id) for batch in batches])
        for code in slot.store.take_refused():
            self._metrics.refused(slot.tenant_id, code)
        for batch in batches:
            if work := batch.tenants.get(slot.tenant_id):
                self._metrics.visible(slot.tenant_id, work.commit_times, time.time() * 1000)
        return changes

    def _one_by_one(self, slot: Slot[F], batch: Batch[F], chunk: Chunk) -> int:
        """Give every record its own transaction; the one that is refused becomes a dead letter."""
        changes, lane = 0, batch.lane
        for stored in _records(chunk):
            if stored.position > slot.marks[lane]:
                changes += self._single(slot, lane, stored)
        slot.write([LaneWork(lane, batch.last_position)])
        return changes

    def _single(self, slot: Slot[F], lane: Lane, stored: StoredRecord) -> int:
        block = Block(1, lane.epoch, lane.partition_id, [stored])
        chunk = Chunk(lane, [(stored.position, block)], stored.position, stored.position)
        mark = slot.marks[lane]
        only = frozenset((slot.tenant_id,))
        batch = self._sorter.sort(chunk, after=mark, applied=lambda _: mark, only=only)
        if not batch.tenants:
            return 0
        try:
            return self._write(slot, batch)
        except REFUSALS as error:
            letter = self._refused(slot, lane, stored, error)
            slot.write([LaneWork(lane, stored.position, letters=[letter])])
            self._metrics.refused(slot.tenant_id, letter.reason_code)
            return 0

    def _refused(
        self, slot: Slot[F], lane: Lane, stored: StoredRecord, error: Exception
    ) -> DeadLetter:
        _LOG.warning("record refused", tenant=slot.tenant_id, position=stored.position)
        return dead_letter.of_record(
            stored.decoded(),
            epoch=lane.epoch,
            partition_id=lane.partition_id,
            code=dead_letter.REFUSED,
            reason=f"the store refused it: {type(error).__name__}",
            tenant_id=slot.tenant_id,
        )

    def _stall(self, slot: Slot[F], error: Exception) -> None:
        slot.stall(time.monotonic())
        self._metrics.failed(slot.tenant_id)
        text = str(error) if isinstance(error, PheeError) else type(error).__name__
        _LOG.error("tenant stalled", tenant=slot.tenant_id, retry_s=slot.retry_s, error=text)


def _records(chunk: Chunk) -> Iterator[StoredRecord]:
    for _, data in chunk.blocks:
        # What cannot be read has become a dead letter of the operator already.
        if isinstance(data, Block):
            yield from data.records
        elif not isinstance(data, Unreadable):
            with contextlib.suppress(msgspec.DecodeError, ValueError):
                yield from decode_block(data).records
