"""Connections to the SQLite files of the embedded stores.

One process writes a file; any number read it. Writers use the write-ahead log without a disk sync
per commit, and call :func:`make_durable` before they tell anyone that their work is safe. Readers
open the file read-only: they see the last commit and never block the writer.

A store can be replaced while it is open: its name becomes a link to another file, under the write
lock of the old one. Who has a connection asks for the file's :func:`identity` again, readers before
each use, writers once they have the lock; so nothing is ever written to a file that was replaced.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import (
    Connection,
    Engine,
    FromClause,
    QueuePool,
    StaticPool,
    create_engine,
    event,
)
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.exc import DisconnectionError

from phee.durable_files import sync
from phee.errors import Unavailable

BUSY_TIMEOUT_MS = 5_000
_WRITER_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA wal_autocheckpoint=4000",
    "PRAGMA journal_size_limit=67108864",
    "PRAGMA cache_size=-4096",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA foreign_keys=OFF",
)
_READER_PRAGMAS = ("PRAGMA query_only=ON", "PRAGMA cache_size=-4096")


def writer_engine(path: Path) -> Engine:
    """Open (or create) a file for its one writer; transactions begin IMMEDIATE."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def connect() -> sqlite3.Connection:
        return _open(path, "", _WRITER_PRAGMAS)

    engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool)
    _begin_with(engine, "BEGIN IMMEDIATE")
    return engine


def reader_engine(path: Path, *, connections_max: int = 4) -> Engine:
    """Return an engine that reads a file; it is opened at the first query."""

    def connect() -> sqlite3.Connection:
        try:
            return _open(path, "?mode=ro", _READER_PRAGMAS)
        except sqlite3.OperationalError as error:
            raise Unavailable(
                "the store cannot be opened for reading",
                where=str(path),
                fix="Its importer creates it when it starts; see that the importer runs",
            ) from error

    engine = create_engine(
        "sqlite://", creator=connect, poolclass=QueuePool, pool_size=connections_max
    )
    engine.dialect.statement_compiler = _HintingCompiler
    _begin_with(engine, "BEGIN")
    _follow(engine, path)
    return engine


class _HintingCompiler(SQLiteCompiler):
    """Writes hints (INDEXED BY), which SQLAlchemy leaves out for SQLite."""

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:  # noqa: ARG002
        return text


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells the file that ``path`` names now from any other; None: it is gone."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def opened_identity(connection: Connection) -> tuple[int, int] | None:
    """Return the identity of the file that ``connection`` works on."""
    opened = connection.connection.dbapi_connection
    assert isinstance(opened, _OpenedFile)
    return opened.identity


class _OpenedFile(sqlite3.Connection):
    """A connection that knows which file it opened."""

    identity: tuple[int, int] | None = None


def _follow(engine: Engine, path: Path) -> None:
    """Let connections to a file that was replaced go, before they are used again."""

    def checkout(opened: _OpenedFile, _: object, __: object) -> None:
        if opened.identity != identity(path):
            raise DisconnectionError("the store was replaced")

    event.listen(engine, "checkout", checkout)


def make_durable(path: Path) -> None:
    """Put every committed transaction of the file on disk.

    With ``synchronous=NORMAL`` a commit has been written to the write-ahead log but not synced,
    so syncing that log makes all commits so far survive a power loss.
    """
    log = Path(f"{path.resolve()}-wal")
    # Without it everything is in the main file, which a checkpoint has synced.
    with contextlib.suppress(FileNotFoundError):
        sync(log)


def _open(path: Path, options: str, pragmas: tuple[str, ...]) -> _OpenedFile:
    while True:
        before = identity(path)
        connection = _connected(f"file:{quote(str(path))}{options}", pragmas)
        connection.identity = identity(path)
        if before in (None, connection.identity):
            return connection
        connection.close()  # replaced between the two looks: which one was opened is not known


def _connected(uri: str, pragmas: tuple[str, ...]) -> _OpenedFile:
    connection = sqlite3.connect(
        uri,
        uri=True,
        check_same_thread=False,
        isolation_level=None,
        timeout=BUSY_TIMEOUT_MS / 1000,
        cached_statements=256,
        factory=_OpenedFile,
    )
    try:
        for pragma in pragmas:
            connection.execute(pragma)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _begin_with(engine: Engine, statement: str) -> None:
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(statement)

    event.listen(engine, "begin", begin)
