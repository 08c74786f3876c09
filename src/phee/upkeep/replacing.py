"""What replaces a live store, whatever its runtime: built beside it, swapped in, or removed."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from sqlalchemy import Connection, select
from sqlalchemy.exc import DatabaseError, OperationalError

from phee.durable_files import sync
from phee.errors import InvalidState, NotFound, Unavailable
from phee.importers.process import Kind
from phee.stores.masking_keys import MaskingKeys
from phee.stores.relational import tables as relational
from phee.stores.relational.decisions import carry_over
from phee.stores.relational.store import SqliteRelationalStore
from phee.stores.search.store import SqliteSearchStore
from phee.stores.sqlite import writer_engine
from phee.stores.writing import TenantStore
from phee.stream.port import Lane
from phee.upkeep.runtimes import Runtimes
from phee.upkeep.snapshot import Snapshot, SqlSnapshot, open_snapshot, store_path

CatchUp = Callable[[Mapping[Lane, int]], None]


class Replacement(Protocol):
    """A new store of a tenant, in nobody's sight until :meth:`swap`."""

    store: TenantStore[Any]

    def snapshot(self) -> Snapshot:
        """Open a view of the new store."""

    def swap(self, catch_up: CatchUp) -> int:
        """Keep others from writing, let ``catch_up`` fold what is missing, and swap.

        Whoever dies when, the old store or the new one is live, each complete. Returns how many
        decisions about dead letters were carried over.

        Raises:
            Unavailable: it did not work; the old store is as it was.
        """

    def close(self) -> None:
        """Remove what is not live."""


def open_replacement(kind: Kind, runtimes: Runtimes, tenant_id: str) -> Replacement:
    """Make an empty store beside a tenant's live one; what a killed rebuild left is removed.

    Raises:
        NotFound: the tenant has no stores.
        InvalidState: another process rebuilds this store.
        Unavailable: the server does not answer.
    """
    if runtimes.is_embedded(kind):
        return FileReplacement(kind, runtimes.data, tenant_id)
    if kind == "relational":
        return _MysqlReplacement(runtimes, tenant_id)
    return _ServerReplacement(runtimes, tenant_id)


class FileReplacement:
    """A new file; swapped in by a link that bears the name of the store.

    The live store is written on while the new one is folded. At the end the new one catches up
    under the write lock of the live one, and the store's name becomes a link to it, in one rename.
    The importer finds the file replaced when it next has the lock
    (:class:`phee.stores.writing.Replaced`) and goes on from the watermark of the new one.
    """

    def __init__(self, kind: Kind, data: Path, tenant_id: str) -> None:
        self._kind: Kind = kind
        self._name = store_path(kind, data, tenant_id)
        if not self._name.parent.is_dir():
            raise NotFound(
                "this tenant has no stores",
                where=tenant_id,
                fix="Name an onboarded tenant; its importer makes its stores",
            )
        self._lock = _hold(self._name.with_name(f"{self._name.stem}.rebuild.lock"))
        self._remove_leftovers()
        self._path = self._name.with_name(f"{self._name.stem}-{time.time_ns():x}.db")
        make = SqliteRelationalStore if kind == "relational" else SqliteSearchStore
        self.store: TenantStore[Any] = make(self._path)

    def snapshot(self) -> Snapshot:
        """See Replacement."""
        return open_snapshot(self._kind, self._path)

    def swap(self, catch_up: CatchUp) -> int:
        """See Replacement."""
        if not self._is_readable():
            self._publish()
            return 0
        engine = writer_engine(self._name)
        try:
            with engine.begin() as live:
                catch_up(_marks(live, self._kind))
                carried = self._carry_over(live)
                self._publish()
                return carried
        except OperationalError as error:
            raise Unavailable(
                f"the store could not be replaced: {error.orig}",
                where=str(self._name),
                fix="Try again; the old store is as it was",
            ) from error
        finally:
            engine.dispose()

    def close(self) -> None:
        """See Replacement."""
        self.store.close()
        self._remove_leftovers()
        self._lock.close()

    def _is_readable(self) -> bool:
        try:
            open_snapshot(self._kind, self._name).close()
        except (DatabaseError, Unavailable):
            return False
        return True

    def _carry_over(self, live: Connection) -> int:
        """Copy what people decided about dead letters; the log does not know of it."""
        engine = writer_engine(self._path)
        try:
            with engine.begin() as shadow:
                return carry_over(live, shadow)
        finally:
            engine.dispose()

    def _publish(self) -> None:
        """Make the new store complete on disk, then lead the name to it."""
        self.store.close()  # its last connection moves the write-ahead log into the file
        sync(self._path)
        link = self._name.with_name(f"{self._name.name}.next")
        link.unlink(missing_ok=True)
        link.symlink_to(self._path.name)
        sync(self._name.parent)
        link.replace(self._name)
        sync(self._name.parent)

    def _remove_leftovers(self) -> None:
        """Remove every build of this store that its name does not lead to."""
        kept = self._name.resolve().name
        for file in self._name.parent.glob(f"{self._name.stem}-*.db*"):
            if not file.name.startswith(kept):
                file.unlink(missing_ok=True)
        if self._name.is_symlink():  # what the first build, a plain file of this name, left
            for suffix in ("-wal", "-shm"):
                self._name.with_name(self._name.name + suffix).unlink(missing_ok=True)


class _MysqlReplacement:
    """New tables on the database server; see :mod:`phee.stores.mysql.shadow`."""

    def __init__(self, runtimes: Runtimes, tenant_id: str) -> None:
        from phee.stores.mysql.address import parse_address
        from phee.stores.mysql.shadow import MysqlShadow

        self._shadow = MysqlShadow(parse_address(runtimes.database), runtimes.data, tenant_id)
        self.store: TenantStore[Any] = self._shadow.store

    def snapshot(self) -> Snapshot:
        """See Replacement."""
        return SqlSnapshot(self._shadow.engine(), "relational")

    def swap(self, catch_up: CatchUp) -> int:
        """See Replacement."""
        return self._shadow.swap(catch_up)

    def close(self) -> None:
        """See Replacement."""
        self._shadow.close()


class _ServerReplacement:
    """New indices on the search server; see :mod:`phee.stores.search.opensearch.shadow`."""

    def __init__(self, runtimes: Runtimes, tenant_id: str) -> None:
        from phee.stores.search.opensearch.address import parse_address
        from phee.stores.search.opensearch.server import SearchServer
        from phee.stores.search.opensearch.shadow import ServerShadow

        name = f"search-{tenant_id.strip('<>')}.rebuild.lock"
        self._lock = _hold(runtimes.data / "upkeep" / name)
        self._server = SearchServer(parse_address(runtimes.search))
        try:
            keys = MaskingKeys(runtimes.data)
            self._shadow = ServerShadow(self._server, tenant_id, lambda: keys.masker(tenant_id))
        except BaseException:
            self._server.close()
            self._lock.close()
            raise
        self.store: TenantStore[Any] = self._shadow.store

    def snapshot(self) -> Snapshot:
        """See Replacement."""
        from phee.upkeep.server_snapshot import ServerSnapshot

        return ServerSnapshot(self._server, self._shadow.names, owns=False)

    def swap(self, catch_up: CatchUp) -> int:
        """See Replacement."""
        return self._shadow.swap(catch_up)

    def close(self) -> None:
        """See Replacement."""
        try:
            self._shadow.close()
        finally:
            self._server.close()
            self._lock.close()


def _marks(live: Connection, kind: Kind) -> dict[Lane, int]:
    """What the live store has, read under its lock: nothing is written to it from here on."""
    table = relational.watermarks
    found = live.execute(select(table).where(table.c.consumer == kind)).mappings()
    return {Lane(r["epoch"], r["partition_id"], r["lane"]): r["position"] for r in found}


def _hold(path: Path) -> BinaryIO:
    """Hold a lock file until it is closed, or this process ends.

    Raises:
        InvalidState: another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = path.open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise InvalidState(
            "another process rebuilds this store", where=str(path), fix="Wait for it"
        ) from error
    return lock
