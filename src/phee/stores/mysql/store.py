"""A tenant's relational store on MySQL or MariaDB, for its importer.

Every transaction may be repeated, for rows defend themselves: one that met another's locks is
repeated here; one whose connection was lost ends as :class:`phee.errors.Unavailable`, and the
importer reads the watermark again before it goes on.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from phee.errors import InvalidState
from phee.projections.dead_letter import DeadLetter
from phee.projections.joined_fold import AnyFold, joined
from phee.projections.relational import RELATIONAL_TARGETS, RelationalFold
from phee.projections.transfers import status_rule
from phee.stores.mysql.address import MysqlAddress
from phee.stores.mysql.connections import TRY_AGAIN, error_code, is_lost, unavailable
from phee.stores.mysql.upsert import write_sql
from phee.stores.relational import tables
from phee.stores.relational.derived import DerivedRows, process_id_of
from phee.stores.relational.store import CONSUMER, OPEN_INCIDENTS
from phee.stores.upsert import Upsert
from phee.stores.writing import (
    MYSQL,
    Fenced,
    LaneWork,
    Replaced,
    SqlStore,
    rebuilt_by,
    write_dead_letters,
)
from phee.stream.port import Lane

TRIES = 5
PAUSE_S = 0.02
STATUSES_AT_ONCE = 500
PACKET_BYTES_MIN = 16 << 20
"""What every server takes unless it is told otherwise; a record has a few megabytes at most."""
_STATUS = status_rule(f"EXISTS ({OPEN_INCIDENTS} LOCK IN SHARE MODE)")
"""An incident that another lane is about to commit is waited for: its writer may have been too
early to see this transfer."""

T = TypeVar("T")


class MysqlRelationalStore(SqlStore[RelationalFold]):
    """One tenant's database, whose tables are up to date."""

    def __init__(self, engine: Engine, address: MysqlAddress, name: str) -> None:
        super().__init__(engine, CONSUMER, MYSQL, name)
        self._address = address
        self._closed = threading.Event()
        self._upserts = {
            target: Upsert(target, tables.metadata.tables[target.table], write_sql)
            for target in RELATIONAL_TARGETS
        }
        self._derived = DerivedRows(" LOCK IN SHARE MODE")

    def claim(self, lane: Lane, owner: str, *, start: int) -> int:
        """See TenantStore; waits for the transaction that the earlier owner is in.

        Raises:
            InvalidState: the server may lose what it has committed, or refuse large records.
        """
        claim = super().claim
        self._repeated(self._look_at_server)
        return self._repeated(lambda: claim(lane, owner, start=start))

    def position(self, lane: Lane) -> int | None:
        """See TenantStore."""
        position = super().position
        return self._repeated(lambda: position(lane))

    def process_id(self, epoch: int, process_definition_key: int) -> str | None:
        """See TenantStore."""

        def ask() -> str | None:
            with self._engine.begin() as connection:
                return process_id_of(connection, epoch, process_definition_key)

        return self._repeated(ask)

    def write(self, works: Sequence[LaneWork[RelationalFold]]) -> int:
        """See TenantStore.

        Raises:
            Replaced: the tables were rebuilt; nothing was written, and they are claimed anew.
            Unavailable: the connection was lost; whether this was committed, the watermark says.
        """
        write = super().write
        try:
            return self._repeated(lambda: write(works))
        except Fenced:
            if not self._take_back():
                raise
            raise Replaced("the tables were rebuilt", where=self._name) from None

    def _take_back(self) -> bool:
        """Claim the watermarks of tables that were rebuilt while they were ours."""
        statements, mark = self._statements, rebuilt_by(self._owner)

        def claim() -> bool:
            found = False
            with self._engine.begin() as connection:
                for lane in self._starts:
                    owner = connection.exec_driver_sql(statements.owner, self._key(lane))
                    if owner.scalar_one_or_none() == mark:
                        start = self._starts[lane]
                        values = (*self._key(lane), start, self._owner)
                        connection.exec_driver_sql(statements.claim, values)
                        found = True
            return found

        return self._repeated(claim)

    def run(self, work: Callable[[Connection], T]) -> T:
        """See SqlStore.

        Raises:
            Unavailable: the connection was lost; whether this was committed is not known.
        """
        run = super().run
        return self._repeated(lambda: run(work))

    def write_letters(self, consumer: str, letters: Sequence[DeadLetter]) -> None:
        """Write dead letters alone; those that are there already stay as they are.

        Raises:
            Unavailable: the connection was lost; the same letters may be written again.
        """

        def write() -> None:
            with self._engine.begin() as connection:
                write_dead_letters(connection, consumer, letters, MYSQL)

        self._repeated(write)

    def make_durable(self) -> None:
        """Nothing is left to do: the server has made every commit durable."""

    def close(self) -> None:
        """See TenantStore."""
        self._closed.set()
        super().close()

    def _repeated(self, transaction: Callable[[], T]) -> T:
        """Run a transaction; again when it was rolled back because of another one."""
        for left in reversed(range(TRIES)):
            try:
                return transaction()
            except DBAPIError as error:
                if is_lost(error):
                    raise unavailable(self._address, error) from error
                if error_code(error) not in TRY_AGAIN or not left:
                    raise
            self._closed.wait(PAUSE_S * (TRIES - left) * random.uniform(0.5, 1.5))  # noqa: S311
        raise AssertionError  # the last try returns or raises

    def _apply_all(self, connection: Connection, folds: Sequence[RelationalFold]) -> int:
        return sum(self._apply(connection, fold) for fold in joined(folds))

    def _apply(self, connection: Connection, fold: AnyFold) -> int:
        self._derived.before(connection, fold)
        changed = sum(
            self._upserts[target].apply(connection, rows) for target, rows in fold.changes()
        )
        touched = sorted(fold.touched_transfers)
        for start in range(0, len(touched), STATUSES_AT_ONCE):
            keys = touched[start : start + STATUSES_AT_ONCE]
            places = ", ".join(["%s"] * len(keys))
            connection.exec_driver_sql(
                f"UPDATE transfers SET status = {_STATUS} WHERE epoch = %s"  # noqa: S608
                f" AND workflow_instance_key IN ({places})",
                (fold.epoch, *keys),
            )
        self._derived.after(connection, fold)
        return changed

    def _look_at_server(self) -> None:
        with self._engine.begin() as connection:
            flush, packet = connection.exec_driver_sql(
                "SELECT @@innodb_flush_log_at_trx_commit, @@max_allowed_packet"
            ).one()
        if int(flush) != 1:
            raise InvalidState(
                "the database server may lose transactions it has committed",
                where=f"innodb_flush_log_at_trx_commit = {flush}",
                fix="Set it to 1: the stream forgets what a store has",
            )
        if int(packet) < PACKET_BYTES_MIN:
            raise InvalidState(
                "the database server does not take records of every size",
                where=f"max_allowed_packet = {packet}",
                fix=f"Set it to {PACKET_BYTES_MIN} or more",
            )
