"""Building a tenant's store anew beside the live one, and putting it in its place.

The live store is written on while its shadow is folded. At the end the shadow catches up under the
write lock of the live store, and the store's name becomes a link to it, in one rename: whoever
dies when, the name leads to the old store or to the new one, each complete. The importer finds the
file replaced when it next has the lock (:class:`phee.stores.writing.Replaced`) and goes on from
the watermark of the new one, which is that of the old one.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, inspect, select, update
from sqlalchemy.exc import DatabaseError, OperationalError

from phee.errors import InvalidState, NotFound, Unavailable
from phee.importers.process import Kind
from phee.projections.mapping import TransferMapping
from phee.stores.relational import tables as relational
from phee.stores.sqlite import writer_engine
from phee.stream.port import EventStream, Lane
from phee.upkeep.comparing import Differences
from phee.upkeep.folding import LogFolder, LogIncomplete, Shadow
from phee.upkeep.snapshot import Snapshot, open_snapshot, store_path
from phee.upkeep.verification import compare_store

NEAR_RECORDS = 2_000
"""With fewer records than this to fold in, the live store can be locked for the rest."""
ROUNDS_MAX = 50
FETCH_BYTES = 1 << 16
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
    """Rebuilds one embedded store of one tenant."""

    def __init__(
        self,
        kind: Kind,
        data: Path,
        tenant_id: str,
        stream: EventStream,
        mapping: TransferMapping,
        *,
        progress: Report = lambda _done, _all: None,
    ) -> None:
        self._kind: Kind = kind
        self._data = data
        self._tenant_id = tenant_id
        self._stream = stream
        self._folder = LogFolder(stream, data, mapping)
        self._progress = progress
        self._name = store_path(kind, data, tenant_id)
        self._folded = 0

    def rebuild(self) -> Rebuilt:
        """Build, compare, and swap.

        Raises:
            Unavailable: the stream does not answer, or the disk is full.
            LogIncomplete: the log does not have everything that the store has.
            InvalidState: another process rebuilds the same store.
        """
        if not self._name.parent.is_dir():
            raise NotFound(
                "this tenant has no stores",
                where=self._tenant_id,
                fix="Name an onboarded tenant; its importer makes its stores",
            )
        with self._alone():
            self._remove_leftovers()
            path = self._name.with_name(f"{self._name.stem}-{time.time_ns():x}.db")
            shadow = self._folder.new_shadow(self._kind, path, self._tenant_id)
            try:
                differences = self._fold_and_compare(shadow)
                carried = self._swap(shadow)
            finally:
                shadow.close()
                self._remove_leftovers()
            position = sum(shadow.slot.marks.values())
            return Rebuilt(self._kind, position, self._folded, differences, carried)

    # --- beside the live store ---

    def _fold_and_compare(self, shadow: Shadow) -> int | None:
        """Fold up to a snapshot of the live store and count what is wrong in that."""
        lanes = self._stream.lanes()
        try:
            live = open_snapshot(self._kind, self._name)
        except (DatabaseError, Unavailable):
            self._fold(shadow, self._ends(lanes))
            return None
        try:
            self._require_all(live, lanes)
            self._fold(shadow, {lane: live.positions.get(lane, 0) for lane in lanes})
            return self._compare(live, shadow, lanes)
        except DatabaseError:
            return None  # damaged further in; the new store does not depend on it
        finally:
            live.close()

    def _require_all(self, live: Snapshot, lanes: frozenset[Lane]) -> None:
        """Refuse to lose what only the live store remembers."""
        gone = {lane.epoch for lane in live.positions} - {lane.epoch for lane in lanes}
        if gone:
            raise LogIncomplete(
                "the store has rows of an earlier life of the data directory, the log has not",
                where=f"epochs {sorted(gone)}",
                fix="Keep this store, or move it away first if those rows are not wanted",
            )

    def _compare(self, live: Snapshot, shadow: Shadow, lanes: frozenset[Lane]) -> int:
        folded = open_snapshot(self._kind, shadow.path)
        differences = Differences()
        try:
            compare_store(live, folded, {lane.epoch for lane in lanes}, differences)
        finally:
            folded.close()
        return differences.count

    def _fold(self, shadow: Shadow, target: dict[Lane, int]) -> None:
        shadow.target = target
        total = sum(target.values())

        def progress(records: int) -> None:
            self._folded += records
            self._progress(min(self._folded, total), total)

        self._folder.fold([shadow], progress=progress)

    def _ends(self, lanes: frozenset[Lane]) -> dict[Lane, int]:
        """The end of the log as it is now."""
        chunks = self._stream.fetch(dict.fromkeys(lanes, 0), max_bytes=FETCH_BYTES, timeout_s=1.0)
        return {chunk.lane: chunk.last_position for chunk in chunks}

    # --- in its place ---

    def _swap(self, shadow: Shadow) -> int:
        """Catch up and take the place of the live store."""
        for _ in range(ROUNDS_MAX):
            marks = self._live_marks()
            if marks is None or _behind(shadow, marks) <= NEAR_RECORDS:
                break
            self._fold(shadow, marks)
        if marks is None:
            self._publish(shadow)
            return 0
        engine = writer_engine(self._name)
        try:
            with engine.begin() as live:
                self._fold(shadow, _marks(live, self._kind, shadow))
                carried = _carry_over(live, shadow.path)
                self._publish(shadow)
                return carried
        except OperationalError as error:
            raise Unavailable(
                f"the store could not be replaced: {error.orig}",
                where=str(self._name),
                fix="Try again; the old store is as it was",
            ) from error
        finally:
            engine.dispose()

    def _live_marks(self) -> dict[Lane, int] | None:
        try:
            live = open_snapshot(self._kind, self._name)
        except (DatabaseError, Unavailable):
            return None
        try:
            return dict(live.positions)
        finally:
            live.close()

    def _publish(self, shadow: Shadow) -> None:
        """Make the shadow complete on disk, then lead the name to it."""
        shadow.close()  # its last connection moves the write-ahead log into the file
        _sync(shadow.path)
        link = self._name.with_name(f"{self._name.name}.next")
        link.unlink(missing_ok=True)
        link.symlink_to(shadow.path.name)
        _sync(self._name.parent)
        link.replace(self._name)
        _sync(self._name.parent)

    def _remove_leftovers(self) -> None:
        """Remove every build of this store that its name does not lead to."""
        kept = self._name.resolve().name
        for file in self._name.parent.glob(f"{self._name.stem}-*.db*"):
            if not file.name.startswith(kept):
                file.unlink(missing_ok=True)
        if self._name.is_symlink():  # what the first build, a plain file of this name, left
            for suffix in ("-wal", "-shm"):
                self._name.with_name(self._name.name + suffix).unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._name.with_name(f"{self._name.stem}.rebuild.lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InvalidState(
                    "another process rebuilds this store", where=str(self._name), fix="Wait for it"
                ) from error
            yield


def _behind(shadow: Shadow, marks: dict[Lane, int]) -> int:
    return sum(max(at - shadow.slot.marks.get(lane, 0), 0) for lane, at in marks.items())


def _marks(live: Connection, kind: Kind, shadow: Shadow) -> dict[Lane, int]:
    """What the live store has, read under its lock: nothing is written to it from here on."""
    table = relational.watermarks
    found = live.execute(select(table).where(table.c.consumer == kind)).mappings()
    marks = {Lane(r["epoch"], r["partition_id"], r["lane"]): r["position"] for r in found}
    return {lane: marks.get(lane, at) for lane, at in shadow.slot.marks.items()} | marks


def _carry_over(live: Connection, path: Path) -> int:
    """Copy what people decided and maintain; the log does not know of it."""
    letters, decisions = relational.dead_letters, relational.dead_letter_decisions
    settled = live.execute(select(letters).where(letters.c.state != "OPEN")).mappings().all()
    decided = [_without_id(row) for row in live.execute(select(decisions)).mappings()]
    codes = _error_codes(live)
    engine = writer_engine(path)
    try:
        with engine.begin() as shadow:
            for row in settled:
                shadow.execute(
                    update(letters)
                    .where(*(letters.c[name] == row[name] for name in _LETTER_KEY))
                    .values(state=row["state"])
                )
            if decided:
                shadow.execute(decisions.insert(), decided)
            if codes:
                shadow.execute(relational.business_tables.error_codes.insert(), codes)
    finally:
        engine.dispose()
    return len(decided)


def _error_codes(live: Connection) -> list[dict[str, Any]]:
    """The error codes that people maintain (a search store has none, nor has an older store)."""
    table = relational.business_tables.error_codes
    if not inspect(live).has_table(table.name):
        return []
    return [_without_id(row) for row in live.execute(select(table)).mappings()]


_LETTER_KEY = ("consumer", "epoch", "partition_id", "position", "reason_code")


def _without_id(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "id"}


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
