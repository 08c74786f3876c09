"""Building a tenant's tables anew beside the live ones, and putting them in their place.

The new tables are made in a database of their own (``{database}$rebuild``) by the operator's
account. At the end one statement renames every live table away (into ``{database}$replaced``) and
every new one into its place; the servers do that as one, also when they are killed meanwhile.

Before it the live watermarks are locked, so that the importer waits while the new tables take what
they still lack. Should it write between lock and rename after all, nothing is lost: the new
watermarks say what the new tables have, and carry the mark of a rebuild
(:func:`phee.stores.writing.rebuilt_by`), at which the importer turns back to them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pymysql
from pymysql.constants import ER
from sqlalchemy import Connection, Engine, inspect, select
from sqlalchemy.exc import DBAPIError

from phee.errors import InvalidState, NotFound, Unavailable
from phee.stores.mysql.address import MysqlAddress
from phee.stores.mysql.connections import (
    MIGRATION_TIMEOUT_S,
    Connect,
    connector,
    error_code,
    reader_engine,
    unavailable,
    writer_engine,
)
from phee.stores.mysql.names import database_name
from phee.stores.mysql.onboarding import collation_for
from phee.stores.mysql.passwords import password_path
from phee.stores.mysql.store import MysqlRelationalStore
from phee.stores.relational.decisions import carry_over
from phee.stores.relational.migrate import migrate
from phee.stores.relational.store import CONSUMER
from phee.stores.relational.tables import watermarks
from phee.stores.writing import rebuilt_by
from phee.stream.port import Lane

REBUILD, REPLACED = "$rebuild", "$replaced"
RENAME_WAIT_S = 5
RENAME_TRIES = 12
"""A long look at the live tables holds the rename up, and that everybody else: so it gives way."""
CatchUp = Callable[[Mapping[Lane, int]], None]


class MysqlShadow:
    """New tables of one tenant, in a database beside the live one."""

    def __init__(self, address: MysqlAddress, data: Path, tenant_id: str) -> None:
        """Make the tables; whatever an earlier rebuild left is removed first.

        Raises:
            NotFound: the tenant has no database.
            InvalidState: another process rebuilds this store.
            Unavailable: the server does not answer, or this process knows no operator's password.
        """
        if not password_path(data, tenant_id).exists():
            raise NotFound(
                "this tenant has no relational store",
                where=tenant_id,
                fix="Name an onboarded tenant; its importer makes its stores",
            )
        self._address = address
        self._live = database_name(address.prefix, tenant_id)
        self._password = address.operator_password()
        self._closing = contextlib.ExitStack()
        try:
            self._server = self._closing.enter_context(self._connect("", autocommit=True)())
            self._alone()
            self._remove_leftovers()
            self._make_tables()
        except pymysql.MySQLError as error:
            self._closing.close()
            raise unavailable(address, error) from error
        except BaseException:
            self._closing.close()
            raise
        self.store = MysqlRelationalStore(
            writer_engine(self._connect(REBUILD)), address, f"{self._live}{REBUILD}"
        )

    def engine(self) -> Engine:
        """Return an engine that reads the new tables."""
        return reader_engine(self._connect(REBUILD), connections_max=1)

    def swap(self, catch_up: CatchUp) -> int:
        """Let ``catch_up`` bring the new tables to the live watermarks, and swap.

        Returns the number of decisions about dead letters that were carried over.

        Raises:
            Unavailable: the server does not answer, or others use the tables all the time; the
                live ones are as they were.
        """
        try:
            with self._opened("") as live, live.begin():
                owners = _locked_marks(live)
                catch_up({lane: position for lane, (position, _) in owners.items()})
                with self._opened(REBUILD) as shadow, shadow.begin():
                    _write_marks(shadow, owners)
                    carried = carry_over(live, shadow)
            self.store.close()
            self._rename()
            return carried + self._carry_late_decisions()
        except DBAPIError as error:
            raise unavailable(self._address, error) from error
        except pymysql.MySQLError as error:
            raise unavailable(self._address, error) from error

    def close(self) -> None:
        """Remove what is not in place; nothing of it was live."""
        self.store.close()
        try:
            with contextlib.suppress(pymysql.MySQLError):
                self._drop(REBUILD)
                self._drop(REPLACED)
        finally:
            self._closing.close()

    # --- making ---

    def _alone(self) -> None:
        """Hold a lock that ends with this connection, so one process at a time rebuilds."""
        with self._server.cursor() as cursor:
            cursor.execute("SELECT GET_LOCK(SHA1(%s), 0)", (f"phee-rebuild-{self._live}",))
            (held,) = cursor.fetchone() or (0,)
            cursor.execute(
                f"SET SESSION wait_timeout={MIGRATION_TIMEOUT_S * 24},"
                f" SESSION lock_wait_timeout={RENAME_WAIT_S}"
            )
        if held != 1:
            raise InvalidState(
                "another process rebuilds this store", where=self._live, fix="Wait for it"
            )

    def _remove_leftovers(self) -> None:
        self._drop(REBUILD)
        if self._has_tables(REPLACED):
            # Killed between the rename and its end: what was decided last is only there.
            self._carry_late_decisions()
        self._drop(REPLACED)

    def _make_tables(self) -> None:
        with self._server.cursor() as cursor:
            cursor.execute("SELECT VERSION()")
            (version,) = cursor.fetchone() or ("",)
            collation = collation_for(str(version))
            for what in (REBUILD, REPLACED):
                cursor.execute(
                    f"CREATE DATABASE `{self._live}{what}`"
                    f" CHARACTER SET utf8mb4 COLLATE {collation}"
                )
        engine = writer_engine(self._connect(REBUILD))
        try:
            migrate(engine)
        finally:
            engine.dispose()

    def _drop(self, what: str) -> None:
        with self._server.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{self._live}{what}`")

    def _has_tables(self, what: str) -> bool:
        with self._server.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM information_schema.tables WHERE table_schema = %s LIMIT 1",
                (f"{self._live}{what}",),
            )
            return cursor.fetchone() is not None

    # --- swapping ---

    def _rename(self) -> None:
        statement = "RENAME TABLE " + ", ".join(self._moves())
        for left in reversed(range(RENAME_TRIES)):
            try:
                with self._server.cursor() as cursor:
                    cursor.execute(statement)
            except pymysql.MySQLError as error:
                if error_code(error) not in (ER.LOCK_WAIT_TIMEOUT, ER.LOCK_DEADLOCK):
                    raise
                if not left:
                    raise Unavailable(
                        "somebody looks at the tables all the time, so they cannot be replaced",
                        where=self._live,
                        fix="Try again when no export or verification runs",
                    ) from error
            else:
                return

    def _moves(self) -> Iterator[str]:
        live = self._tables("")
        for name in self._tables(REBUILD):
            if name in live:
                yield f"`{self._live}`.`{name}` TO `{self._live}{REPLACED}`.`{name}`"
        for name in self._tables(REBUILD):
            yield f"`{self._live}{REBUILD}`.`{name}` TO `{self._live}`.`{name}`"

    def _tables(self, what: str) -> list[str]:
        with self._opened(what) as connection:
            return sorted(inspect(connection).get_table_names())

    def _carry_late_decisions(self) -> int:
        """Take along what was decided while the tables were renamed."""
        if "dead_letter_decisions" not in self._tables(REPLACED):
            return 0
        with self._opened(REPLACED) as before, self._opened("") as live, live.begin():
            return carry_over(before, live)

    @contextlib.contextmanager
    def _opened(self, what: str) -> Iterator[Connection]:
        engine = writer_engine(self._connect(what))
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()

    def _connect(self, what: str, *, autocommit: bool = False) -> Connect:
        return connector(
            self._address,
            self._address.user,
            lambda: self._password,
            database=f"{self._live}{what}",
            timeout_s=MIGRATION_TIMEOUT_S,
            autocommit=autocommit,
        )


def _locked_marks(live: Connection) -> dict[Lane, tuple[int, str]]:
    """Return position and owner of every lane; nobody moves them until the transaction ends."""
    if not inspect(live).has_table(watermarks.name):
        return {}
    query = select(watermarks).where(watermarks.c.consumer == CONSUMER).with_for_update()
    return {
        Lane(row["epoch"], row["partition_id"], row["lane"]): (row["position"], row["owner"])
        for row in live.execute(query).mappings()
    }


def _write_marks(shadow: Connection, owners: Mapping[Lane, tuple[int, str]]) -> None:
    """Say what the new tables have, and whose they were."""
    known = watermarks.c
    for lane, (position, owner) in owners.items():
        place: dict[str, Any] = {
            "consumer": CONSUMER,
            "lane": lane.name,
            "epoch": lane.epoch,
            "partition_id": lane.partition_id,
        }
        same = [known[name] == value for name, value in place.items()]
        found = shadow.execute(select(known.position).where(*same)).scalar_one_or_none()
        values = {"position": position if found is None else found, "owner": rebuilt_by(owner)}
        if found is None:
            shadow.execute(watermarks.insert().values(**place, **values))
        else:
            shadow.execute(watermarks.update().where(*same).values(**values))
