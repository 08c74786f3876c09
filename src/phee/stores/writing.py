"""Writing to a tenant's store: rows, dead letters and the watermarks in one transaction.

Whoever writes a lane owns its watermark: :meth:`TenantStore.claim` takes it over, and from then on
every write by an earlier owner is refused (:class:`Fenced`), however late it wakes up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from phee.errors import InvalidState, Unavailable
from phee.projections.dead_letter import DeadLetter
from phee.projections.rows import RowChange, Target
from phee.stores.sqlite import identity, make_durable, opened_identity
from phee.stream.port import Lane


class Fenced(InvalidState):
    """Another importer has taken over this watermark; this one must stop writing."""

    code = "fenced"


class Replaced(Unavailable):
    """The store was rebuilt and this is the old one; nothing was written, and it is open anew."""

    code = "store-replaced"


def rebuilt_by(owner: str) -> str:
    """Return the owner of the watermarks of a store that was rebuilt under ``owner``.

    Only that importer takes them back by itself; to all others it is a stranger, as before.
    """
    return f"rebuilt:{owner.removeprefix('rebuilt:')}"


class Changes(Protocol):
    """What a fold hands to a store."""

    def changes(self) -> list[tuple[Target, Collection[RowChange]]]:
        """Return the changes, table by table, in the order a store applies them."""


T = TypeVar("T")
F = TypeVar("F", bound=Changes)

_WHERE = " WHERE consumer = ? AND lane = ? AND epoch = ? AND partition_id = ?"


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements about watermarks and dead letters, as one database understands them."""

    claim: str
    letter: str
    owner: str = f"SELECT owner FROM watermarks{_WHERE}"  # noqa: S608 - constants
    read: str = f"SELECT position FROM watermarks{_WHERE}"  # noqa: S608 - constants
    move: str = f"UPDATE watermarks SET position = ?{_WHERE} AND owner = ? AND position <= ?"  # noqa: S608


_CLAIM = (
    "INSERT INTO watermarks (consumer, lane, epoch, partition_id, position, owner)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)
_LETTER = (
    "INSERT INTO dead_letters (consumer, epoch, partition_id, position, reason_code, reason,"
    " tenant_id, value_type, intent, record_key, process_instance_key, record, timestamp)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
SQLITE = Statements(
    claim=_CLAIM + " ON CONFLICT (consumer, lane, epoch, partition_id)"
    " DO UPDATE SET owner = excluded.owner",
    letter=_LETTER + " ON CONFLICT (consumer, epoch, partition_id, position, reason_code)"
    " DO NOTHING",
)
MYSQL = Statements(
    claim=f"{_CLAIM} ON DUPLICATE KEY UPDATE owner = VALUES(owner)".replace("?", "%s"),
    letter=f"{_LETTER} ON DUPLICATE KEY UPDATE id = id".replace("?", "%s"),
    owner=SQLITE.owner.replace("?", "%s"),
    read=SQLITE.read.replace("?", "%s"),
    move=SQLITE.move.replace("?", "%s"),
)


@dataclass(frozen=True, slots=True)
class LaneWork(Generic[F]):
    """What the records of a lane up to ``position`` mean for a tenant."""

    lane: Lane
    position: int
    fold: F | None = None
    letters: Sequence[DeadLetter] = ()


class TenantStore(Protocol[F]):
    """One tenant's store, for its one writer."""

    def claim(self, lane: Lane, owner: str, *, start: int) -> int:
        """Take over the watermark of ``lane`` (made at ``start`` when new); return its position."""

    def position(self, lane: Lane) -> int | None:
        """Return the watermark of ``lane`` as it is on disk; None when there is none."""

    def write(self, works: Sequence[LaneWork[F]]) -> int:
        """Apply what some lanes mean, all or nothing; return the number of changes.

        Raises:
            Fenced: another owner has claimed one of the lanes; nothing was written.
        """

    def process_id(self, epoch: int, process_definition_key: int) -> str | None:
        """Return the process id of a definition that this store has rows of, else None."""

    def take_refused(self) -> Sequence[str]:
        """Return the reason codes of dead letters that the store itself wrote since last asked."""

    def make_durable(self) -> None:
        """Make everything written so far survive a power loss."""

    def close(self) -> None:
        """Close the store."""


class SqlStore(Generic[F]):
    """What stores in a database share; a subclass says how a fold is applied."""

    def __init__(self, engine: Engine, consumer: str, statements: Statements, name: str) -> None:
        self._engine = engine
        self._consumer = consumer
        self._statements = statements
        self._name = name
        self._owner = ""
        self._starts: dict[Lane, int] = {}

    def claim(self, lane: Lane, owner: str, *, start: int) -> int:
        """See :class:`TenantStore`."""
        self._owner = owner
        self._starts[lane] = start
        with self._engine.begin() as connection:
            connection.exec_driver_sql(self._statements.claim, (*self._key(lane), start, owner))
            position = connection.exec_driver_sql(self._statements.read, self._key(lane))
            return int(position.scalar_one())

    def position(self, lane: Lane) -> int | None:
        """See :class:`TenantStore`."""
        with self.transaction() as connection:
            position = connection.exec_driver_sql(self._statements.read, self._key(lane))
            return position.scalar_one_or_none()

    def add_letters(self, connection: Connection, letters: Sequence[DeadLetter]) -> None:
        """Write dead letters inside a :meth:`transaction`."""
        write_dead_letters(connection, self._consumer, letters, self._statements)

    def write(self, works: Sequence[LaneWork[F]]) -> int:
        """See :class:`TenantStore`; raises Replaced when the store was rebuilt meanwhile."""
        with self.transaction() as connection:
            for work in works:
                self._move(connection, work.lane, work.position)
            self.add_letters(connection, [letter for work in works for letter in work.letters])
            folds = [work.fold for work in works if work.fold is not None]
            return self._apply_all(connection, folds)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run a transaction with the store's write lock; all or nothing."""
        with self._engine.begin() as connection:
            yield connection

    def run(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in a :meth:`transaction`; it may be called again where that was lost."""
        with self.transaction() as connection:
            return work(connection)

    def apply(self, connection: Connection, fold: F) -> int:
        """Apply a fold inside a :meth:`transaction`; return the number of changes."""
        return self._apply(connection, fold)

    def process_id(self, epoch: int, process_definition_key: int) -> str | None:
        """See :class:`TenantStore`; only relational stores know."""
        del epoch, process_definition_key
        return None

    def take_refused(self) -> Sequence[str]:
        """See :class:`TenantStore`; here a whole transaction is refused, with an exception."""
        return ()

    def close(self) -> None:
        """See :class:`TenantStore`."""
        self._engine.dispose()

    def _apply_all(self, connection: Connection, folds: Sequence[F]) -> int:
        """Apply folds of different lanes."""
        return sum(self._apply(connection, fold) for fold in folds)

    def _apply(self, connection: Connection, fold: F) -> int:
        raise NotImplementedError

    def _move(self, connection: Connection, lane: Lane, position: int) -> None:
        moved = connection.exec_driver_sql(
            self._statements.move, (position, *self._key(lane), self._owner, position)
        )
        if moved.rowcount != 1:
            raise Fenced(
                "another importer has taken over this store",
                where=f"{self._name}, {lane}",
                fix="Let only one importer of each kind run on a data directory",
            )

    def _key(self, lane: Lane) -> tuple[str, str, int, int]:
        return self._consumer, lane.name, lane.epoch, lane.partition_id


class SqliteStore(SqlStore[F]):
    """What the embedded stores share."""

    def __init__(self, path: Path, engine: Engine, consumer: str) -> None:
        super().__init__(engine, consumer, SQLITE, str(path))
        self._path = path

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run a transaction on the store that bears the name now, with its write lock.

        Raises:
            Replaced: this was not that store; nothing was written.
        """
        try:
            with self._engine.begin() as connection:
                if opened_identity(connection) != identity(self._path):
                    raise Replaced("the store was rebuilt", where=str(self._path))
                yield connection
        except (Replaced, SQLAlchemyError):
            self._open_again()
            raise

    def _open_again(self) -> None:
        """Turn to the file that bears the name now, if that is another one, and claim it."""
        with self._engine.connect() as connection:
            opened = opened_identity(connection)
        if identity(self._path) in (None, opened):
            return  # without a file of this name, whoever moved it away must mend that
        self._engine.dispose()
        for lane, start in self._starts.items():
            self.claim(lane, self._owner, start=start)

    def make_durable(self) -> None:
        """See :class:`TenantStore`."""
        make_durable(self._path)


def write_dead_letters(
    connection: Connection,
    consumer: str,
    letters: Sequence[DeadLetter],
    statements: Statements = SQLITE,
) -> None:
    """Write dead letters; one that is there already stays as it is."""
    if letters:
        rows = [
            (
                consumer,
                letter.epoch,
                letter.partition_id,
                letter.position,
                letter.reason_code,
                letter.reason,
                letter.tenant_id,
                letter.value_type,
                letter.intent,
                letter.record_key,
                letter.process_instance_key,
                letter.record,
                letter.timestamp,
            )
            for letter in letters
        ]
        connection.exec_driver_sql(statements.letter, rows)
