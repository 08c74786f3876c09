"""Dead letters of a tenant: look, retry, discard.

A retry projects the whole process instance again, from the log, with the present mapping, and puts
the result in place of its rows in one transaction. So it comes out as if the record had never been
refused, whatever came after it, and doing it twice changes nothing. Every letter of the instance
that is no longer one is marked with it. Each decision stays in ``dead_letter_decisions``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, delete, select, update
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError

from phee.errors import InvalidState, NotFound
from phee.importers.batch import Sorter
from phee.importers.process import Kind, RegisteredTenants, make_sorter
from phee.projections.dead_letter import DeadLetter
from phee.projections.documents import DocumentFold
from phee.projections.mapping import TransferMapping
from phee.projections.relational import RelationalFold
from phee.projections.routing import Route
from phee.records import Record
from phee.stores.masking_keys import MaskingKeys
from phee.stores.relational.models import DeadLetter as StoredLetter
from phee.stores.relational.queries import RelationalReader
from phee.stores.relational.store import SqliteRelationalStore
from phee.stores.relational.tables import dead_letter_decisions, dead_letters, watermarks
from phee.stores.search.store import SqliteSearchStore
from phee.stores.sqlite import reader_engine
from phee.stores.writing import SqliteStore, write_dead_letters
from phee.stream.port import EventStream, Lane
from phee.upkeep.folding import FETCH_BYTES, FETCH_TIMEOUT_S, block_of, up_to
from phee.upkeep.snapshot import projected_tables, store_path

CLOCK_SLACK_MS = 60_000
"""How far before the start of an instance its records are looked for: clocks can be set back."""
_INSTANCE_COLUMNS = ("workflow_instance_key", "process_instance_key")


class Decision(msgspec.Struct, frozen=True, rename="camel"):
    """What became of a letter. ``settled`` counts the letters of the same instance, with it."""

    id: int
    store: str
    state: str
    settled: int


class DeadLetterDesk:
    """The dead letters of the embedded stores of a data directory."""

    def __init__(self, data: Path, mapping: TransferMapping) -> None:
        self._data = data
        tenants = RegisteredTenants(data)
        self._sorters: dict[Kind, Sorter[Any]] = {
            "relational": make_sorter("relational", tenants, mapping),
            "search": make_sorter("search", tenants, mapping, MaskingKeys(data).masker),
        }

    def reader(self, tenant_id: str, store: Kind) -> RelationalReader:
        """Return a reader of the letters of a store (its other listings do not exist)."""
        return RelationalReader(reader_engine(store_path(store, self._data, tenant_id)))

    def retry(
        self, tenant_id: str, letter_id: int, *, store: Kind, stream: EventStream
    ) -> Decision:
        """Project the record of a letter again, with the present mapping.

        Raises:
            NotFound: the tenant has no such letter.
            InvalidState: it was dealt with already, or still cannot be projected.
            Unavailable: the stream or the store does not answer.
        """
        target = self._open(tenant_id, store)
        try:
            with target.transaction() as connection:
                letter = _open_letter(connection, letter_id)
            again = _Projection(letter, tenant_id, self._sorters[store], stream)
            again.read(_started_at(target, letter), _position_of(target, letter))
            try:
                with target.transaction() as connection:
                    _open_letter(connection, letter_id)  # nobody else was faster
                    again.read_on(_watermark(connection, letter))
                    return _settle(connection, target, letter, again, store)
            except (DataError, IntegrityError, InterfaceError, OverflowError) as error:
                raise InvalidState(
                    f"the store still refuses the record: {type(error).__name__}",
                    where=f"dead letter {letter_id}",
                    fix="Correct the mapping, or discard the letter with a reason",
                ) from error
        finally:
            target.close()

    def discard(self, tenant_id: str, letter_id: int, *, store: Kind, reason: str) -> Decision:
        """Give up a record for good; ``reason`` says why and is kept.

        Raises:
            NotFound: the tenant has no such letter.
            InvalidState: it was dealt with already.
        """
        target = self._open(tenant_id, store)
        try:
            with target.transaction() as connection:
                letter = _open_letter(connection, letter_id)
                _decide(connection, letter, "DISCARD", "DISCARDED", reason)
        finally:
            target.close()
        return Decision(letter_id, store, "DISCARDED", 1)

    def _open(self, tenant_id: str, store: Kind) -> SqliteStore[Any]:
        path = store_path(store, self._data, tenant_id)
        if not path.exists():
            raise NotFound(
                f"this tenant has no {store} store",
                where=tenant_id,
                fix="Name an onboarded tenant; its importer makes its stores",
            )
        return SqliteRelationalStore(path) if store == "relational" else SqliteSearchStore(path)


class _OneInstance:
    """A fold that takes the records of one process instance (or one record) and no others."""

    def __init__(self, fold: RelationalFold | DocumentFold, letter: StoredLetter) -> None:
        self.fold = fold
        self._key = letter.process_instance_key
        self._position = letter.position
        self.records = 0

    def apply(self, record: Record, route: Route) -> None:
        wanted = (
            record.position == self._position
            if self._key is None
            else getattr(record.value, "process_instance_key", None) == self._key
        )
        if wanted:
            self.records += 1
            self.fold.apply(record, route)

    def changes(self) -> Any:
        return self.fold.changes()


class _Projection:
    """Folds the records that a retry is about, in as many reads as it takes."""

    def __init__(
        self, letter: StoredLetter, tenant_id: str, sorter: Sorter[Any], stream: EventStream
    ) -> None:
        self.one = _OneInstance(sorter.new_fold(letter.epoch), letter)
        self.letters: list[DeadLetter] = []
        self._letter = letter
        self._tenant_id = tenant_id
        self._sorter = Sorter(sorter.interest, sorter.router, lambda _: self.one)
        self._stream = stream
        self._lane = self._find_lane()
        self._at = 0

    def read(self, started_at: int | None, position: int) -> None:
        """Read from where the instance began up to ``position``."""
        if self._letter.process_instance_key is None:
            self._at = self._letter.position - 1
        elif started_at is not None:
            self._at = _position_at(
                self._stream, self._lane, started_at - CLOCK_SLACK_MS, self._letter.position
            )
        self.read_on(position)

    def read_on(self, position: int) -> None:
        """Read on up to ``position``; nothing, when that was reached."""
        while self._at < position:
            (chunk,) = self._stream.fetch(
                {self._lane: self._at}, max_bytes=FETCH_BYTES, timeout_s=FETCH_TIMEOUT_S
            )
            if not chunk.blocks or chunk.first_position > self._at + 1:
                raise InvalidState(
                    "the log no longer has the records of this instance",
                    where=f"position {self._at + 1}",
                    fix="Discard the letter with a reason, or restore the log from a backup",
                )
            batch = self._sorter.sort(
                up_to(chunk, position),
                after=self._at,
                applied=lambda _: -1,
                only=frozenset((self._tenant_id,)),
            )
            for work in batch.tenants.values():
                self.letters += work.letters
            self._at = max(batch.last_position, self._at)

    def _find_lane(self) -> Lane:
        letter = self._letter
        for lane in self._stream.lanes():
            if (lane.epoch, lane.partition_id) == (letter.epoch, letter.partition_id):
                return lane
        raise InvalidState(
            "the stream does not have the records of this letter's time any more",
            where=f"epoch {letter.epoch}",
            fix="Discard the letter with a reason",
        )


def _settle(
    connection: Connection,
    store: SqliteStore[Any],
    letter: StoredLetter,
    again: _Projection,
    kind: Kind,
) -> Decision:
    """Put the new rows in place of the old ones; mark what is no dead letter any more."""
    still = {(each.position, each.reason_code): each for each in again.letters}
    same = still.get((letter.position, letter.reason_code))
    if same is not None or any(position == letter.position for position, _ in still):
        found = same or next(each for each in again.letters if each.position == letter.position)
        raise InvalidState(
            f"the record still cannot be projected: {found.reason}",
            where=f"dead letter {letter.id}",
            fix="Correct the mapping and start the hub with it, or discard the letter",
        )
    if letter.process_instance_key is not None:
        for table in projected_tables(kind):
            _remove_instance(connection, table, letter)
    store.apply(connection, again.one.fold)
    write_dead_letters(connection, letter.consumer, again.letters)
    settled = [row for row in _of_instance(connection, letter) if _key(row) not in still]
    for row in settled:
        _decide(connection, row, "RETRY", "REPLAYED", None)
    return Decision(letter.id, kind, "REPLAYED", len(settled))


def _key(letter: StoredLetter) -> tuple[int, str]:
    return letter.position, letter.reason_code


def _remove_instance(connection: Connection, table: Table, letter: StoredLetter) -> None:
    column = next((table.c[name] for name in _INSTANCE_COLUMNS if name in table.c), None)
    if column is not None:
        connection.execute(
            delete(table).where(
                column == letter.process_instance_key, table.c.epoch == letter.epoch
            )
        )


def _letters(connection: Connection, *conditions: Any) -> list[StoredLetter]:
    columns = [dead_letters.c[name] for name in StoredLetter.__struct_fields__]
    rows = connection.execute(select(*columns).where(*conditions)).mappings()
    return [StoredLetter(**row) for row in rows]


def _open_letter(connection: Connection, letter_id: int) -> StoredLetter:
    found = _letters(connection, dead_letters.c.id == letter_id)
    if not found:
        raise NotFound(
            "no dead letter of this tenant has this id",
            where=str(letter_id),
            fix="Take the id from /api/v1/deadletters, and mind which store it is of",
        )
    if found[0].state != "OPEN":
        raise InvalidState(
            f"the dead letter is {found[0].state} already",
            where=str(letter_id),
            fix="Nothing is left to do about it",
        )
    return found[0]


def _of_instance(connection: Connection, letter: StoredLetter) -> Sequence[StoredLetter]:
    table = dead_letters.c
    if letter.process_instance_key is None:
        return [letter]
    return _letters(
        connection,
        table.process_instance_key == letter.process_instance_key,
        table.epoch == letter.epoch,
        table.state == "OPEN",
    )


def _decide(
    connection: Connection, letter: StoredLetter, action: str, outcome: str, reason: str | None
) -> None:
    connection.execute(
        update(dead_letters).where(dead_letters.c.id == letter.id).values(state=outcome)
    )
    connection.execute(
        dead_letter_decisions.insert().values(
            consumer=letter.consumer,
            epoch=letter.epoch,
            partition_id=letter.partition_id,
            position=letter.position,
            reason_code=letter.reason_code,
            action=action,
            outcome=outcome,
            reason=reason,
            decided_at=time.time_ns() // 1_000_000,
        )
    )


# --- where the instance's records are ---


def _watermark(connection: Connection, letter: StoredLetter) -> int:
    columns = watermarks.c
    query = select(columns.position).where(
        columns.consumer == letter.consumer,
        columns.epoch == letter.epoch,
        columns.partition_id == letter.partition_id,
    )
    return max(connection.execute(query).scalars(), default=0)


def _position_of(store: SqliteStore[Any], letter: StoredLetter) -> int:
    with store.transaction() as connection:
        return _watermark(connection, letter)


def _started_at(store: SqliteStore[Any], letter: StoredLetter) -> int | None:
    """When the instance of a letter began, as the store knows it."""
    if letter.process_instance_key is None:
        return None
    table = projected_tables(letter.consumer)  # type: ignore[arg-type]
    for each in table:
        if each.name in {"process_instances", "documents"}:
            query = select(each.c.started_at).where(
                each.c.process_instance_key == letter.process_instance_key,
                each.c.epoch == letter.epoch,
            )
            with store.transaction() as connection:
                found = [at for at in connection.execute(query).scalars() if at is not None]
            return min(found, default=None)
    return None


def _position_at(stream: EventStream, lane: Lane, moment_ms: int, end: int) -> int:
    """Return a position before which nothing was written at or after ``moment_ms``."""
    low, high = 0, end
    while high - low > 1:
        middle = (low + high) // 2
        (chunk,) = stream.fetch({lane: middle}, max_bytes=1, timeout_s=FETCH_TIMEOUT_S)
        block = block_of(chunk.blocks[0][1]) if chunk.blocks else None
        if block is None or not block.records or block.records[0].timestamp >= moment_ms:
            high = middle
        else:
            low = middle
    return low
