"""Building a tenant's store anew beside the live one, and putting it in its place.

The stream is folded up to where the live store is, the two are compared, and the new one follows
the live one until it is so near that the rest can be folded while nobody writes
(:class:`phee.upkeep.replacing.Replacement`). The importer goes on from the watermarks of the new
store, which are those of the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from sqlalchemy.exc import DatabaseError

from phee.errors import Unavailable
from phee.importers.process import Kind
from phee.importers.slots import Slot
from phee.projections.mapping import TransferMapping
from phee.stores.erasures import ErasureLists, Stamp
from phee.stream.history import History, LogIncomplete
from phee.stream.port import Lane
from phee.upkeep.comparing import Differences
from phee.upkeep.contiguity import Contiguity
from phee.upkeep.folding import Folder, Shadow
from phee.upkeep.live_comparison import compare_live
from phee.upkeep.replacing import Replacement, open_replacement
from phee.upkeep.runtimes import Runtimes
from phee.upkeep.snapshot import Snapshot

NEAR_POSITIONS = 2_000
"""So near to the live store, the rest can be folded while it is locked."""
ROUNDS_MAX = 50
Report = Callable[[int, int], None]


class Rebuilt(msgspec.Struct, frozen=True, rename="camel"):
    """What a rebuild did: ``difference_count`` rows and columns of the old store were wrong.

    None when the old store could not be read at all.
    """

    store: str
    position: int
    records: int
    difference_count: int | None
    carried_decisions: int


class Rebuilder:
    """Rebuilds one store of one tenant."""

    def __init__(
        self,
        kind: Kind,
        runtimes: Runtimes,
        tenant_id: str,
        history: History,
        mapping: TransferMapping,
        *,
        progress: Report = lambda _done, _all: None,
    ) -> None:
        self._kind: Kind = kind
        self._runtimes = runtimes
        self._tenant_id = tenant_id
        self._history = history
        self._folder = Folder(history, runtimes.data, mapping)
        self._erasures = ErasureLists(runtimes.data)
        self._erased: Stamp = None
        self._progress = progress
        self._folded = 0
        self._records = Contiguity(Differences())

    def rebuild(self) -> Rebuilt:
        """Build, compare, and swap.

        Raises:
            NotFound: the tenant has no such store.
            Unavailable: the stream or a server does not answer, or the disk is full.
            LogIncomplete: the stream does not have everything that the store has.
            InvalidState: another process rebuilds the same store.
        """
        self._erased = self._erasures.stamp(self._tenant_id)
        replacement = open_replacement(self._kind, self._runtimes, self._tenant_id)
        try:
            slot = Slot(self._tenant_id, replacement.store)
            shadow = Shadow(self._kind, slot, replacement.snapshot)
            differences = self._fold_and_compare(shadow)
            carried = self._swap(shadow, replacement)
            position = sum(shadow.slot.marks.values())
            return Rebuilt(self._kind, position, self._records.records, differences, carried)
        finally:
            replacement.close()

    # --- beside the live store ---

    def _fold_and_compare(self, shadow: Shadow) -> int | None:
        """Fold up to where the live store is and count what is wrong in that."""
        live = self._open_live()
        if live is None:
            self._fold(shadow, self._history.ends())
            return None
        try:
            self._require_all(live)
            self._fold(shadow, live.positions)
            return self._compare(live, shadow)
        except DatabaseError:
            return None  # damaged further in; the new store does not depend on it
        finally:
            live.close()

    def _open_live(self) -> Snapshot | None:
        try:
            return self._runtimes.snapshot(self._kind, self._tenant_id)
        except (DatabaseError, Unavailable):
            return None

    def _require_all(self, live: Snapshot) -> None:
        """Refuse to lose what only the live store remembers."""
        lanes = self._history.lanes(live.positions)
        gone = {lane.epoch for lane in live.positions} - {lane.epoch for lane in lanes}
        if gone:
            raise LogIncomplete(
                "the store has rows of an earlier life of the data directory, the log has not",
                where=f"epochs {sorted(gone)}",
                fix="Keep this store, or move it away first if those rows are not wanted",
            )

    def _compare(self, live: Snapshot, shadow: Shadow) -> int:
        differences = Differences()
        epochs = {lane.epoch for lane in self._history.lanes(live.positions)}
        compare_live(
            live, shadow, lambda: self._fold(shadow, live.look_again()), epochs, differences
        )
        return differences.count

    def _fold(self, shadow: Shadow, positions: Mapping[Lane, int]) -> None:
        lanes = self._history.lanes(positions)
        shadow.target = {lane: at for lane, at in positions.items() if lane in lanes}
        total = sum(shadow.target.values())

        def progress(done: int) -> None:
            self._folded += done
            self._progress(min(self._folded, total), total)

        self._folder.fold([shadow], progress=progress, seen=self._records.see)

    # --- in its place ---

    def _swap(self, shadow: Shadow, replacement: Replacement) -> int:
        """Come near to the live store and take its place, unless somebody was erased meanwhile."""
        for _ in range(ROUNDS_MAX):
            live = self._open_live()
            if live is None:
                break
            marks = dict(live.positions)
            live.close()
            if _behind(shadow, marks) <= NEAR_POSITIONS:
                break
            self._fold(shadow, marks)
        with self._erasures.reading():
            if self._erasures.stamp(self._tenant_id) != self._erased:
                raise Unavailable(
                    "a party was erased while the store was built anew",
                    where=self._tenant_id,
                    fix="Rebuild it again; the live store is as it was",
                )
            return replacement.swap(lambda marks: self._fold(shadow, marks))


def _behind(shadow: Shadow, marks: Mapping[Lane, int]) -> int:
    return sum(max(at - shadow.slot.marks.get(lane, 0), 0) for lane, at in marks.items())
