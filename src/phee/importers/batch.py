"""Sorting records: whose they are, what they change, and what cannot be used.

Pure but for counting. A batch takes the blocks of one lane in order and gives each tenant one fold
of everything new for it; a record that nobody can use becomes a dead letter, never nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from phee.errors import InvalidInput, NotSupported, Unavailable
from phee.projections import dead_letter
from phee.projections.dead_letter import DeadLetter
from phee.projections.erasing import Eraser
from phee.projections.interest import INTENT_BITS, KNOWN_VALUE_TYPES, WITHOUT_PROCESS
from phee.projections.routing import DefinitionOwners, Route, Router
from phee.records import (
    DEFAULT_TENANT,
    Block,
    Record,
    RecordType,
    StoredRecord,
    ValueType,
    decode_block,
)
from phee.records.record import BLOCK_VERSION
from phee.stores.writing import Changes, LaneWork
from phee.stream.port import Chunk, Lane, Unreadable

_EVENT = int(RecordType.EVENT)


class Fold(Changes, Protocol):
    """What takes the records of one tenant."""

    def apply(self, record: Record, route: Route) -> None:
        """Fold one record in; InvalidInput says what of it could not be read."""


F = TypeVar("F", bound=Fold)
Erasers = Callable[[str], Eraser | None]
"""Returns what erases parties from the records of a tenant; None: nobody was erased."""


@dataclass(slots=True)
class TenantWork(Generic[F]):
    """What a batch means for one tenant."""

    fold: F
    after: int
    eraser: Eraser | None
    letters: list[DeadLetter] = field(default_factory=list)
    records: int = 0
    commit_times: list[int] = field(default_factory=list)
    """When the blocks that hold something for this tenant were committed, in ms."""


@dataclass(slots=True)
class Batch(Generic[F]):
    """What some blocks of a lane mean: for tenants, and for the operator."""

    lane: Lane
    last_position: int
    tenants: dict[str, TenantWork[F]] = field(default_factory=dict)
    operator_letters: list[DeadLetter] = field(default_factory=list)
    records: int = 0
    mismatches: int = 0
    repeated: int = 0
    committed_at_ms: int = 0

    def work_of(self, tenant_id: str) -> LaneWork[F]:
        """Return what a tenant's store is to write."""
        work = self.tenants.get(tenant_id)
        if work is None:
            return LaneWork(self.lane, self.last_position)
        return LaneWork(self.lane, self.last_position, work.fold, work.letters)

    def dead_letters(self) -> Counter[tuple[str, str]]:
        """Count the dead letters by tenant ("" is the operator) and reason."""
        counted = Counter(("", letter.reason_code) for letter in self.operator_letters)
        for tenant_id, work in self.tenants.items():
            counted.update((tenant_id, letter.reason_code) for letter in work.letters)
        return counted


@dataclass(frozen=True, slots=True)
class Sorter(Generic[F]):
    """Makes batches.

    Attributes:
        interest: the records to look at, as in :mod:`phee.projections.interest`.
        router: whose a record is.
        new_fold: makes an empty fold for an epoch.
        owners: whose timers are that carry no tenant; None: always the default tenant's.
        erasers: who was erased, asked once for each tenant in a batch.
    """

    interest: frozenset[int]
    router: Router
    new_fold: Callable[[int], F]
    owners: DefinitionOwners | None = None
    erasers: Erasers = lambda _: None

    def sort(
        self,
        chunk: Chunk,
        *,
        after: int,
        applied: Callable[[str], int],
        only: frozenset[str] | None = None,
        into: Batch[F] | None = None,
    ) -> Batch[F]:
        """Sort what lies behind ``after``.

        Args:
            chunk: blocks of one lane.
            after: records up to here are passed over.
            applied: says up to which position a tenant has everything already.
            only: leave out every other tenant (and the operator): a tenant catches up alone.
            into: a batch of what lies before, which is not applied yet; it goes on with this.

        Raises:
            NotSupported: a block of a newer version; reading on would make dead letters of it all.
        """
        batch: Batch[F] = into or Batch(chunk.lane, after)
        after = batch.last_position
        sorting = _Sorting(self, batch, applied, only)
        for last_position, data in chunk.blocks:
            if last_position > after:
                sorting.block(data, last_position, after)
                batch.last_position = last_position
        if only is not None:
            batch.operator_letters.clear()
        return batch


@dataclass(slots=True)
class _Sorting(Generic[F]):
    """One run of :meth:`Sorter.sort`."""

    sorter: Sorter[F]
    batch: Batch[F]
    applied: Callable[[str], int]
    only: frozenset[str] | None

    def block(self, data: bytes | Block | Unreadable, last_position: int, after: int) -> None:
        if isinstance(data, Block):
            if data.records:
                self._records(data, after)
        elif isinstance(data, Unreadable):
            self._message(data, last_position)
        else:
            self._compact(data, last_position, after)

    def _message(self, message: Unreadable, position: int) -> None:
        lane = self.batch.lane
        letter = dead_letter.of_message(
            message.content,
            epoch=lane.epoch,
            partition_id=lane.partition_id,
            position=position,
            reason=message.reason,
        )
        self.batch.operator_letters.append(letter)

    def _compact(self, data: bytes, last_position: int, after: int) -> None:
        lane = self.batch.lane
        try:
            block = decode_block(data)
        except (msgspec.DecodeError, ValueError) as error:
            self.batch.operator_letters.append(_unreadable(data, lane, last_position, error))
            return
        if (block.epoch, block.partition_id) != (lane.epoch, lane.partition_id):
            reason = f"the block is of epoch {block.epoch}, partition {block.partition_id}"
            letter = dead_letter.of_block(
                data,
                epoch=lane.epoch,
                partition_id=lane.partition_id,
                last_position=last_position,
                reason=reason,
            )
            self.batch.operator_letters.append(letter)
            return
        self._records(block, after)

    def _records(self, block: Block, after: int) -> None:
        interest = self.sorter.interest
        touched: set[str] = set()
        for stored in block.records:
            if stored.position <= after:
                self.batch.repeated += 1
                continue
            self.batch.records += 1
            if (stored.value_type << INTENT_BITS | stored.intent) in interest:
                if stored.record_type == _EVENT:
                    self._record(stored, touched)
            elif stored.value_type not in KNOWN_VALUE_TYPES and stored.record_type == _EVENT:
                self._letter(stored, dead_letter.UNKNOWN_TYPE, "no such value type is known here")
        self.batch.committed_at_ms = committed = block.records[-1].timestamp
        for tenant_id in touched:
            self.batch.tenants[tenant_id].commit_times.append(committed)

    def _record(self, stored: StoredRecord, touched: set[str]) -> None:
        try:
            record = stored.decoded()
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            reason = f"the value cannot be read: {type(error).__name__}"
            self._letter(stored, dead_letter.UNREADABLE, reason)
            return
        value: Any = record.value
        if record.value_type not in WITHOUT_PROCESS:
            process_id = getattr(value, "bpmn_process_id", "")
        elif (process_id := self._process_id(record)) is None:
            return
        route = self.sorter.router.route(process_id, record.tenant_id)
        if route is None:
            self._unknown(record, "no tenant of this name was onboarded")
            return
        if route.was_untenanted:
            self._learn(value)
        if self.only is not None and route.tenant_id not in self.only:
            return
        work = self._work(route.tenant_id)
        if record.position > work.after:
            touched.add(route.tenant_id)
            self._apply(record, route, work)
        else:
            self.batch.repeated += 1

    def _process_id(self, record: Record) -> str | None:
        """The process of a record that does not name it ("": none); None: it became a letter."""
        value: Any = record.value
        owners = self.sorter.owners
        is_timer = record.value_type == ValueType.TIMER and value.tenant_id == DEFAULT_TENANT
        if owners is None or not is_timer:
            return ""
        try:
            return owners.process_id(self.batch.lane.epoch, value.process_definition_key)
        except Unavailable:
            self._unknown(record, "whose process this is cannot be found out now")
            return None

    def _learn(self, value: Any) -> None:
        key = getattr(value, "process_definition_key", -1)
        process_id = getattr(value, "bpmn_process_id", "")
        if self.sorter.owners is not None and key > 0 and process_id:
            self.sorter.owners.learn(self.batch.lane.epoch, key, process_id)

    def _unknown(self, record: Record, reason: str) -> None:
        tenant_id = record.tenant_id[:64]
        letter = self._of(record, dead_letter.UNKNOWN_TENANT, reason, tenant_id)
        self.batch.operator_letters.append(letter)

    def _work(self, tenant_id: str) -> TenantWork[F]:
        work = self.batch.tenants.get(tenant_id)
        if work is None:
            fold = self.sorter.new_fold(self.batch.lane.epoch)
            after, eraser = self.applied(tenant_id), self.sorter.erasers(tenant_id)
            work = self.batch.tenants[tenant_id] = TenantWork(fold, after, eraser)
        return work

    def _apply(self, record: Record, route: Route, work: TenantWork[F]) -> None:
        work.records += 1
        self.batch.mismatches += route.mismatch
        if work.eraser is not None:
            record = work.eraser.record(record)
        try:
            work.fold.apply(record, route)
        except InvalidInput as error:
            reason = f"{error.what} ({error.where})" if error.where else error.what
            letter = self._of(record, dead_letter.NOT_PROJECTED, reason, route.tenant_id)
            work.letters.append(letter)
        except Exception as error:  # noqa: BLE001 - one record must never stop the stream
            reason = f"the projection failed: {type(error).__name__}"
            letter = self._of(record, dead_letter.FAULT, reason, route.tenant_id)
            work.letters.append(letter)

    def _of(self, record: Record, code: str, reason: str, tenant_id: str) -> DeadLetter:
        lane = self.batch.lane
        return dead_letter.of_record(
            record,
            epoch=lane.epoch,
            partition_id=lane.partition_id,
            code=code,
            reason=reason,
            tenant_id=tenant_id,
        )

    def _letter(self, stored: StoredRecord, code: str, reason: str) -> None:
        lane = self.batch.lane
        letter = dead_letter.of_stored(
            stored, epoch=lane.epoch, partition_id=lane.partition_id, code=code, reason=reason
        )
        self.batch.operator_letters.append(letter)


def _unreadable(data: bytes, lane: Lane, last_position: int, error: Exception) -> DeadLetter:
    if _version(data) > BLOCK_VERSION:
        raise NotSupported(
            "the stream has blocks of a newer version",
            where=f"{lane}, position {last_position}",
            fix="Run the importers from the same installation as the hub",
        ) from error
    return dead_letter.of_block(
        data,
        epoch=lane.epoch,
        partition_id=lane.partition_id,
        last_position=last_position,
        reason=f"the block cannot be read: {type(error).__name__}",
    )


def _version(data: bytes) -> int:
    """The version that a block claims, 0 when it does not even say that."""
    try:
        content = msgspec.msgpack.decode(data, type=list[Any])
    except (msgspec.DecodeError, ValueError):
        return 0
    return content[0] if content and isinstance(content[0], int) else 0
