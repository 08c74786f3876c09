"""Folding the record log afresh, into stores beside the live ones.

The log is read once for all of them. A shadow takes exactly what a store with its positions has
been given, so the two must be equal; that is what everything in this package rests on.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from phee.errors import Unavailable
from phee.importers.applier import Applier
from phee.importers.batch import Sorter
from phee.importers.metrics import ImporterMetrics
from phee.importers.process import KINDS, Kind, RegisteredTenants, make_sorter
from phee.importers.slots import Slot
from phee.projections.mapping import TransferMapping
from phee.stores.erasures import ErasureLists
from phee.stores.masking_keys import MaskingKeys
from phee.stores.relational.store import SqliteRelationalStore
from phee.stores.search.store import SqliteSearchStore
from phee.stores.writing import TenantStore
from phee.stream.history import History, up_to
from phee.stream.port import Chunk, Lane
from phee.upkeep.snapshot import Snapshot, open_snapshot

Progress = Callable[[int], None]
"""Called with how many positions were passed since the call before."""


@dataclass(slots=True)
class Shadow:
    """A store of one tenant that is folded from the stream.

    ``target`` is how far it is to be folded next; a lane that it does not name stays where it is.
    ``snapshot`` opens a view of what was folded so far.
    """

    kind: Kind
    slot: Slot[Any]
    snapshot: Callable[[], Snapshot]
    target: dict[Lane, int] = field(default_factory=dict)

    @property
    def tenant_id(self) -> str:
        """Whose store it is."""
        return self.slot.tenant_id

    def lacks(self, lane: Lane) -> int:
        """Return how far it is behind its target in ``lane``."""
        return max(self.target.get(lane, 0) - self.slot.marks.get(lane, 0), 0)

    def close(self) -> None:
        """Close the store; what was folded into it stays."""
        self.slot.store.close()


class Folder:
    """Folds one stream into any number of shadows."""

    def __init__(self, history: History, data: Path, mapping: TransferMapping) -> None:
        self._history = history
        tenants = RegisteredTenants(data)
        maskers, erasures = MaskingKeys(data).masker, ErasureLists(data)
        self._sorters: dict[Kind, Sorter[Any]] = {
            kind: make_sorter(kind, tenants, mapping, maskers, erasures) for kind in KINDS
        }
        self._appliers = {
            kind: Applier(sorter, ImporterMetrics(CollectorRegistry(), kind))
            for kind, sorter in self._sorters.items()
        }
        self._owner = uuid.uuid4().hex

    def new_shadow(self, kind: Kind, path: Path, tenant_id: str) -> Shadow:
        """Make an empty embedded store in the file ``path``, which must not exist."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        store: TenantStore[Any] = (
            SqliteRelationalStore(path) if kind == "relational" else SqliteSearchStore(path)
        )
        return Shadow(kind, Slot(tenant_id, store), lambda: open_snapshot(kind, path))

    def fold(
        self,
        shadows: Sequence[Shadow],
        *,
        progress: Progress = lambda _: None,
        seen: Callable[[Chunk], None] = lambda _: None,
    ) -> None:
        """Fold the stream into ``shadows``, each up to its own target.

        ``seen`` is shown every chunk that is read, before it is applied.

        Raises:
            LogIncomplete: the stream does not reach back to where a shadow is.
            Unavailable: the stream does not answer, or does not have a target.
        """
        after: dict[Lane, int] = {}
        upto: dict[Lane, int] = {}
        for shadow in shadows:
            for lane, target in shadow.target.items():
                if shadow.lacks(lane):
                    self._claim(shadow, lane)
                    mark = shadow.slot.marks[lane]
                    after[lane] = min(mark, after.get(lane, mark))
                    upto[lane] = max(target, upto.get(lane, target))
        for chunk in self._history.read(after, upto):
            seen(chunk)
            waiting = [shadow for shadow in shadows if shadow.lacks(chunk.lane)]
            if waiting:
                at = min(shadow.slot.marks[chunk.lane] for shadow in waiting)
                self._apply(waiting, chunk, at)
                progress(min(shadow.slot.marks[chunk.lane] for shadow in waiting) - at)

    def _claim(self, shadow: Shadow, lane: Lane) -> None:
        if lane not in shadow.slot.marks:
            shadow.slot.marks[lane] = shadow.slot.store.claim(lane, self._owner, start=0)

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
                self._appliers[kind].apply(slot, batch, chunk=chunk)
                if slot.is_stalled:
                    raise Unavailable(
                        "the store beside the live one cannot be written",
                        where=slot.tenant_id,
                        fix="See that its disk has room for a second copy of the store",
                    )
