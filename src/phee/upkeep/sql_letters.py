"""Deciding about dead letters that are in a database, embedded or on a server.

A retry is one transaction with the store's write lock: the importer waits, so that the projection
and the store are at the same position when one takes the place of the other.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Self

from sqlalchemy import Connection, Table, delete, select, update
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError

from phee.errors import InvalidState, NotFound
from phee.importers.process import Kind
from phee.stores.mysql.names import OPERATOR
from phee.stores.paths import operator_dead_letters_path
from phee.stores.relational.batch_counters import forget_instance
from phee.stores.relational.models import DeadLetter
from phee.stores.relational.stores import SQLITE, relational_stores
from phee.stores.relational.tables import dead_letter_decisions, dead_letters, watermarks
from phee.stores.sqlite import writer_engine
from phee.stores.writing import SQLITE as SQLITE_STATEMENTS
from phee.stores.writing import SqlStore
from phee.stream.port import Lane
from phee.upkeep.projecting import Projection, still_refused
from phee.upkeep.runtimes import Runtimes
from phee.upkeep.snapshot import projected_tables

_INSTANCE_COLUMNS = ("workflow_instance_key", "process_instance_key")


class SqlLetterBook:
    """A :class:`phee.upkeep.deadletters.LetterBook` of a store in a database."""

    def __init__(self, store: SqlStore[Any], kind: Kind) -> None:
        """Take ``store``, which is closed with the book; ``kind`` says what tables it has."""
        self._store = store
        self._kind: Kind = kind

    @classmethod
    def of_tenant(cls, runtimes: Runtimes, kind: Kind, tenant_id: str) -> Self:
        """Open the letters of a tenant's store."""
        store = runtimes.open_store(kind, tenant_id)
        assert isinstance(store, SqlStore)
        return cls(store, kind)

    @classmethod
    def of_operator(cls, runtimes: Runtimes) -> Self:
        """Open the letters that belong to no tenant."""
        if runtimes.database != SQLITE:
            return cls.of_tenant(runtimes, "relational", OPERATOR)
        relational_stores(SQLITE, runtimes.data).open_operator_letters("relational").close()
        path = operator_dead_letters_path(runtimes.data)
        return cls(
            SqlStore(writer_engine(path), "relational", SQLITE_STATEMENTS, str(path)), "relational"
        )

    def open_letter(self, letter_id: int) -> DeadLetter:
        """See LetterBook."""
        with self._store.transaction() as connection:
            return _open_letter(connection, letter_id)

    def started_at(self, letter: DeadLetter) -> int | None:
        """See LetterBook."""
        if letter.process_instance_key is None:
            return None
        for table in projected_tables(self._kind):
            if table.name in {"process_instances", "documents"}:
                query = select(table.c.started_at).where(
                    table.c.process_instance_key == letter.process_instance_key,
                    table.c.epoch == letter.epoch,
                )
                with self._store.transaction() as connection:
                    found = [at for at in connection.execute(query).scalars() if at is not None]
                return min(found, default=None)
        return None

    def marks(self, letter: DeadLetter) -> dict[Lane, int]:
        """See LetterBook."""
        with self._store.transaction() as connection:
            return _marks(connection, letter)

    def replace(self, letter: DeadLetter, again: Projection, *, is_own: bool) -> int:
        """See LetterBook."""
        try:
            with self._store.transaction() as connection:
                if is_own:
                    _open_letter(connection, letter.id)  # nobody else was faster
                again.read_on(_marks(connection, letter))
                return self._replace(connection, letter, again)
        except (DataError, IntegrityError, InterfaceError, OverflowError) as error:
            raise InvalidState(
                f"the store still refuses the record: {type(error).__name__}",
                where=f"dead letter {letter.id}",
                fix="Correct the mapping, or discard the letter with a reason",
            ) from error

    def _replace(self, connection: Connection, letter: DeadLetter, again: Projection) -> int:
        """Put the new rows in place of the old ones; mark what is no dead letter any more."""
        refused = again.refused(letter)
        if refused is not None:
            raise still_refused(letter, refused)
        if letter.process_instance_key is not None:
            if self._kind == "relational":
                forget_instance(connection, letter.epoch, letter.process_instance_key)
            for table in projected_tables(self._kind):
                if table.name not in _FOLLOWING:
                    _remove_instance(connection, table, letter)
        for one in again.folds.values():
            self._store.apply(connection, one.fold)
        self._store.add_letters(connection, again.letters)
        still = {(each.position, each.reason_code) for each in again.letters}
        settled = [row for row in _of_instance(connection, letter) if _key(row) not in still]
        for row in settled:
            _decide(connection, row, "RETRY", "REPLAYED", None)
        return len(settled)

    def decide(self, letter_id: int, action: str, outcome: str, reason: str | None) -> None:
        """See LetterBook."""
        with self._store.transaction() as connection:
            _decide(connection, _open_letter(connection, letter_id), action, outcome, reason)

    def settle_instance(self, letter: DeadLetter) -> int:
        """See LetterBook."""
        with self._store.transaction() as connection:
            found = _of_instance(connection, letter)
            for row in found:
                _decide(connection, row, "RETRY", "REPLAYED", None)
            return len(found)

    def close(self) -> None:
        """See LetterBook."""
        self._store.close()


_FOLLOWING = frozenset(("batches", "sub_batches", "batch_amounts"))
"""Tables that follow from others; a run is never removed from them by its key."""


def _key(letter: DeadLetter) -> tuple[int, str]:
    return letter.position, letter.reason_code


def _remove_instance(connection: Connection, table: Table, letter: DeadLetter) -> None:
    column = next((table.c[name] for name in _INSTANCE_COLUMNS if name in table.c), None)
    if column is not None:
        connection.execute(
            delete(table).where(
                column == letter.process_instance_key, table.c.epoch == letter.epoch
            )
        )


def _letters(connection: Connection, *conditions: Any) -> list[DeadLetter]:
    columns = [dead_letters.c[name] for name in DeadLetter.__struct_fields__]
    query = select(*columns).where(*conditions).with_for_update()
    return [DeadLetter(**row) for row in connection.execute(query).mappings()]


def _open_letter(connection: Connection, letter_id: int) -> DeadLetter:
    found = _letters(connection, dead_letters.c.id == letter_id)
    if not found:
        raise NotFound(
            "no dead letter of this tenant has this id",
            where=str(letter_id),
            fix="Take the id from /api/v1/deadletters, and mind which store it is of",
        )
    if found[0].state != "OPEN":
        raise dealt_with(found[0])
    return found[0]


def dealt_with(letter: DeadLetter) -> InvalidState:
    """Return the error for a letter that is no longer open."""
    return InvalidState(
        f"the dead letter is {letter.state} already",
        where=str(letter.id),
        fix="Nothing is left to do about it",
    )


def _of_instance(connection: Connection, letter: DeadLetter) -> Sequence[DeadLetter]:
    table = dead_letters.c
    same = [table.epoch == letter.epoch, table.state == "OPEN", table.consumer == letter.consumer]
    if letter.process_instance_key is None:
        return _letters(
            connection,
            *same,
            table.partition_id == letter.partition_id,
            table.position == letter.position,
            table.reason_code == letter.reason_code,
        )
    return _letters(connection, *same, table.process_instance_key == letter.process_instance_key)


def _decide(
    connection: Connection, letter: DeadLetter, action: str, outcome: str, reason: str | None
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


def _marks(connection: Connection, letter: DeadLetter) -> dict[Lane, int]:
    """How far the store is; on a server, the importer waits until the transaction ends."""
    columns = watermarks.c
    query = (
        select(columns.lane, columns.position)
        .where(
            columns.consumer == letter.consumer,
            columns.epoch == letter.epoch,
            columns.partition_id == letter.partition_id,
        )
        .with_for_update()
    )
    return {
        Lane(letter.epoch, letter.partition_id, row.lane): row.position
        for row in connection.execute(query)
    }
