"""The tenants of an importer: their open stores, how far each is, and which one is in trouble."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from phee.errors import PheeError, Unavailable
from phee.importers.batch import Fold
from phee.stores.writing import LaneWork, TenantStore
from phee.stream.port import Lane

F = TypeVar("F", bound=Fold)

RETRY_S_MIN = 0.1
RETRY_S_MAX = 30.0
NEVER = 1 << 62
"""A position that no record has: a stalled tenant takes nothing from the common batches."""


@dataclass(slots=True)
class Slot(Generic[F]):
    """One tenant's store and its watermarks as last read from or written to it.

    A slot is stalled after a failed transaction, until it has caught up by itself; the other
    tenants go on meanwhile. ``unclaimed`` are watermarks that could not be taken over yet, and
    where they begin in a new store; ``marks`` holds no such lane.
    """

    tenant_id: str
    store: TenantStore[F]
    marks: dict[Lane, int] = field(default_factory=dict)
    unclaimed: dict[Lane, int] = field(default_factory=dict)
    retry_at: float | None = None
    retry_s: float = RETRY_S_MIN
    is_dirty: bool = False

    @property
    def is_stalled(self) -> bool:
        """Whether this tenant must catch up by itself."""
        return self.retry_at is not None

    def stall(self, now_s: float) -> None:
        """Try again after a pause that doubles each time."""
        self.retry_s = min(self.retry_s * 2, RETRY_S_MAX) if self.is_stalled else RETRY_S_MIN
        self.retry_at = now_s + self.retry_s

    def recover(self) -> None:
        """Take part in the common batches again."""
        self.retry_at = None

    def write(self, works: Sequence[LaneWork[F]]) -> int:
        """Write to the store and note how far it is; return the number of changes."""
        changes = self.store.write(works)
        self.marks.update((work.lane, work.position) for work in works)
        self.is_dirty = True
        return changes


class LateStore(Generic[F]):
    """A store that is opened at its first use, and again at the next when that failed."""

    def __init__(self, open_store: Callable[[], TenantStore[F]]) -> None:
        self._open_store = open_store
        self._opened: TenantStore[F] | None = None

    def claim(self, lane: Lane, owner: str, *, start: int) -> int:
        """See TenantStore."""
        return self._store.claim(lane, owner, start=start)

    def position(self, lane: Lane) -> int | None:
        """See TenantStore."""
        return self._store.position(lane)

    def write(self, works: Sequence[LaneWork[F]]) -> int:
        """See TenantStore."""
        return self._store.write(works)

    def process_id(self, epoch: int, process_definition_key: int) -> str | None:
        """See TenantStore."""
        return self._store.process_id(epoch, process_definition_key)

    def take_refused(self) -> Sequence[str]:
        """See TenantStore."""
        return () if self._opened is None else self._opened.take_refused()

    def make_durable(self) -> None:
        """See TenantStore."""
        if self._opened is not None:
            self._opened.make_durable()

    def close(self) -> None:
        """See TenantStore."""
        if self._opened is not None:
            self._opened.close()

    @property
    def _store(self) -> TenantStore[F]:
        if self._opened is None:
            self._opened = self._open_store()
        return self._opened


class Slots(Generic[F]):
    """Every tenant's slot; a store is opened when its tenant first appears."""

    def __init__(self, open_store: Callable[[str], TenantStore[F]], owner: str) -> None:
        self._open_store = open_store
        self._owner = owner
        self._slots: dict[str, Slot[F]] = {}

    def __iter__(self) -> Iterator[Slot[F]]:
        return iter(self._slots.values())

    def __contains__(self, tenant_id: str) -> bool:
        return tenant_id in self._slots

    def get(self, tenant_id: str) -> Slot[F]:
        """Return an open slot."""
        return self._slots[tenant_id]

    def add(self, tenant_id: str, starts: dict[Lane, int]) -> Slot[F]:
        """Return a tenant's slot, with watermarks to :meth:`claim`; they begin at ``starts``."""
        slot = self._slots.get(tenant_id)
        if slot is None:
            slot = Slot(tenant_id, LateStore(lambda: self._open_store(tenant_id)))
            self._slots[tenant_id] = slot
        for lane, start in starts.items():
            if lane not in slot.marks:
                slot.unclaimed.setdefault(lane, start)
        return slot

    def claim(self, slot: Slot[F]) -> None:
        """Take over the watermarks of a slot; raises what its store raises."""
        for lane, start in list(slot.unclaimed.items()):
            slot.marks[lane] = slot.store.claim(lane, self._owner, start=start)
            del slot.unclaimed[lane]

    def release(self, lane: Lane) -> None:
        """Let go of a lane; whoever reads it next claims its watermarks."""
        for slot in self:
            slot.marks.pop(lane, None)
            slot.unclaimed.pop(lane, None)

    def lowest(self, lane: Lane, default: int) -> int:
        """Return the position that every tenant whose watermark is known has passed."""
        return min((slot.marks.get(lane, default) for slot in self), default=default)

    def all_unclaimed(self) -> bool:
        """Return whether there are slots and none could take over its watermarks."""
        return bool(self._slots) and all(slot.unclaimed for slot in self)

    def has_unclaimed(self, lane: Lane) -> bool:
        """Return whether what some tenant has of a lane is not known."""
        return any(lane in slot.unclaimed for slot in self)

    def stalled(self) -> list[Slot[F]]:
        """Return the slots that must catch up."""
        return [slot for slot in self if slot.is_stalled]

    def next_retry_s(self, now_s: float) -> float:
        """Return in how many seconds the next stalled tenant is due (infinity: there is none)."""
        due = (slot.retry_at for slot in self if slot.retry_at is not None)
        return max(min(due, default=math.inf) - now_s, 0.0)

    def process_id(self, epoch: int, process_definition_key: int) -> str | None:
        """Return the process id of a definition, None when no store has it.

        Raises:
            Unavailable: a store that may have it does not answer.
        """
        silent = ""
        for slot in self:
            try:
                found = slot.store.process_id(epoch, process_definition_key)
            except (SQLAlchemyError, OSError, PheeError):
                silent = slot.tenant_id
                continue
            if found is not None:
                return found
        if silent:
            raise Unavailable("a tenant's store does not answer", where=silent)
        return None

    def make_durable(self) -> None:
        """Make what every tenant committed survive a power loss."""
        for slot in self:
            if slot.is_dirty:
                slot.store.make_durable()
                slot.is_dirty = False

    def close(self) -> None:
        """Close every store."""
        for slot in self:
            slot.store.close()
        self._slots.clear()
