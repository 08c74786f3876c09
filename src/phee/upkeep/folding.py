"""Folding the record log afresh, into stores beside the live ones.

The log is read once for all of them. A shadow takes exactly what a store with its positions has
been given, so the two must be equal; that is what everything in this package rests on.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from phee.errors import InvalidState, Unavailable
from phee.importers.applier import Applier
from phee.importers.batch import Sorter
from phee.importers.metrics import ImporterMetrics
from phee.importers.process import Kind, RegisteredTenants, make_sorter
from phee.importers.slots import Slot
from phee.projections.mapping import TransferMapping
from phee.records import Block, decode_block
from phee.stores.masking_keys import MaskingKeys
from phee.stores.relational.store import SqliteRelationalStore
from phee.stores.search.store import SqliteSearchStore
from phee.stores.writing import TenantStore
from phee.stream.port import Chunk, EventStream, Lane, Unreadable

FETCH_BYTES = 1 << 20
FETCH_TIMEOUT_S = 5.0
Positions = Mapping[Lane, int]
Form = bytes | Block | Unreadable
Progress = Callable[[int], None]
"""Called with the number of records that were read since the call before."""


class LogIncomplete(InvalidState):
    """The log no longer has everything since its beginning, so no store can be folded from it."""

    code = "log-incomplete"


@dataclass(slots=True)
class Shadow:
    """A store of one tenant that is folded from the log.

    ``target`` is how far it is to be folded next; a lane that it does not name stays where it is.
    """

    kind: Kind
    path: Path
    slot: Slot[Any]
    target: dict[Lane, int]

    @property
    def tenant_id(self) -> str:
        """Whose store it is."""
        return self.slot.tenant_id

    def lacks(self, lane: Lane) -> int:
        """Return how many records of ``lane`` are still to be folded in."""
        return max(self.target.get(lane, 0) - self.slot.marks.get(lane, 0), 0)

    def close(self) -> None:
        """Close the file; what was folded into it stays."""
        self.slot.store.close()


class LogFolder:
    """Folds one record log into any number of shadows."""

    def __init__(self, stream: EventStream, data: Path, mapping: TransferMapping) -> None:
        self._stream = stream
        tenants = RegisteredTenants(data)
        self._sorters: dict[Kind, Sorter[Any]] = {
            "relational": make_sorter("relational", tenants, mapping),
            "search": make_sorter("search", tenants, mapping, MaskingKeys(data).masker),
        }
        self._appliers = {
            kind: Applier(sorter, ImporterMetrics(CollectorRegistry(), kind))
            for kind, sorter in self._sorters.items()
        }
        self._owner = uuid.uuid4().hex

    def new_shadow(self, kind: Kind, path: Path, tenant_id: str) -> Shadow:
        """Make an empty store in the file ``path``, which must not exist."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        store: TenantStore[Any] = (
            SqliteRelationalStore(path) if kind == "relational" else SqliteSearchStore(path)
        )
        return Shadow(kind, path, Slot(tenant_id, store), {})

    def fold(
        self,
        shadows: Sequence[Shadow],
        *,
        progress: Progress = lambda _: None,
        seen: Callable[[Chunk], None] = lambda _: None,
    ) -> None:
        """Fold the log into ``shadows``, each up to its own target.

        ``seen`` is shown every chunk that is read, once, before it is applied.

        Raises:
            LogIncomplete: the log does not reach back to where a shadow is.
            Unavailable: the stream does not answer, or does not have a target.
        """
        for lane in sorted({lane for shadow in shadows for lane in shadow.target}):
            waiting = [shadow for shadow in shadows if shadow.lacks(lane)]
            for shadow in waiting:
                self._claim(shadow, lane)
            while waiting:
                after = min(shadow.slot.marks[lane] for shadow in waiting)
                chunk = self._next(lane, after)
                seen(chunk)
                self._apply(waiting, chunk, after)
                progress(min(s.slot.marks[lane] for s in waiting) - after)
                waiting = [shadow for shadow in waiting if shadow.lacks(lane)]

    def _claim(self, shadow: Shadow, lane: Lane) -> None:
        if lane not in shadow.slot.marks:
            shadow.slot.marks[lane] = shadow.slot.store.claim(lane, self._owner, start=0)

    def _next(self, lane: Lane, after: int) -> Chunk:
        chunks = self._stream.fetch({lane: after}, max_bytes=FETCH_BYTES, timeout_s=FETCH_TIMEOUT_S)
        chunk = next((chunk for chunk in chunks if chunk.blocks), None)
        if chunk is None:
            raise Unavailable(
                "the stream does not have what a store has already",
                where=f"{lane}, after position {after}",
                fix="See that the hub runs on the data directory these stores were made from",
            )
        if chunk.first_position > after + 1:
            raise LogIncomplete(
                f"the log begins at position {chunk.first_position}, not at {after + 1}",
                where=str(lane),
                fix="Keep the log (PHEE_KEEP_LOG=true), or restore it from a backup",
            )
        return chunk

    def _apply(self, shadows: Iterable[Shadow], chunk: Chunk, after: int) -> None:
        """Apply one chunk; shadows of one kind that take all of it share the sorting."""
        groups: dict[tuple[Kind, int], list[Shadow]] = {}
        last = chunk.blocks[-1][0]
        for shadow in shadows:
            groups.setdefault((shadow.kind, min(shadow.target[chunk.lane], last)), []).append(
                shadow
            )
        for (kind, end), members in groups.items():
            self._apply_to(kind, members, up_to(chunk, end), after)

    def _apply_to(self, kind: Kind, members: list[Shadow], chunk: Chunk, after: int) -> None:
        slots = {shadow.tenant_id: shadow.slot for shadow in members}
        lane = chunk.lane
        batch = self._sorters[kind].sort(
            chunk,
            after=after,
            applied=lambda tenant_id: slots[tenant_id].marks[lane],
            only=frozenset(slots),
        )
        for slot in slots.values():
            if slot.marks[lane] < batch.last_position:
                self._appliers[kind].apply(slot, batch, chunk)
                if slot.is_stalled:
                    raise Unavailable(
                        "the store beside the live one cannot be written",
                        where=slot.tenant_id,
                        fix="See that the disk has room for a second copy of the store",
                    )


def block_of(data: Form) -> Block | None:
    """Return a block in whatever form a stream gives it; None when it is no block."""
    if isinstance(data, Unreadable):
        return None
    return data if isinstance(data, Block) else decode_block(data)


def up_to(chunk: Chunk, position: int) -> Chunk:
    """Return ``chunk`` without what lies behind ``position``."""
    kept: list[tuple[int, Form]] = []
    for last_position, data in chunk.blocks:
        if last_position > position:
            kept += _beginning(data, position)
            break
        kept.append((last_position, data))
    return Chunk(chunk.lane, kept, chunk.first_position, chunk.last_position)


def _beginning(data: Form, position: int) -> list[tuple[int, Form]]:
    block = block_of(data)
    if block is None:
        return []
    kept = [record for record in block.records if record.position <= position]
    if not kept:
        return []
    return [(kept[-1].position, Block(block.version, block.epoch, block.partition_id, kept))]
