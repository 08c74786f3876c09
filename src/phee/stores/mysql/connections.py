"""Connections to a MySQL or MariaDB server, and what its errors mean.

A writer commits durably and reads what is committed; a reader's transactions are read-only and
each is one snapshot. A connection that has been lost is noticed before its next use.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import pymysql
from pymysql.constants import CLIENT, CR, ER
from sqlalchemy import Engine, ExceptionContext, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError

from phee.errors import Unavailable
from phee.stores.mysql.address import MysqlAddress

CONNECT_TIMEOUT_S = 5
ANSWER_TIMEOUT_S = 60
MIGRATION_TIMEOUT_S = 3_600
LOCK_WAIT_S = 5
"""For locks on rows, and on whole tables (the server's own limit for these is a day)."""
IDLE_S = 60
"""A transaction that its process has left for so long is ended by the server, and frees its locks:
what a paused importer holds does not keep another from taking over."""

LOST = frozenset(
    (
        0,  # what PyMySQL says of a connection it knows to be closed
        CR.CR_SERVER_GONE_ERROR,
        CR.CR_SERVER_LOST,
        CR.CR_CONN_HOST_ERROR,
        CR.CR_CONNECTION_ERROR,
        ER.SERVER_SHUTDOWN,
        ER.NORMAL_SHUTDOWN,
        ER.CON_COUNT_ERROR,
        ER.NEW_ABORTING_CONNECTION,
        1927,  # MariaDB: the connection was killed
        4031,  # MySQL: it was idle for too long
    )
)
READ_ONLY = frozenset((ER.OPTION_PREVENTS_STATEMENT, 1836))
"""The server takes no writes, as one that has become the copy of another."""
TRY_AGAIN = frozenset((ER.LOCK_DEADLOCK, ER.LOCK_WAIT_TIMEOUT, 1020))
"""The transaction met another one (1020: MariaDB, a row changed meanwhile); nothing is wrong."""
NOT_ONBOARDED = frozenset(
    (ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.BAD_DB_ERROR, ER.NO_SUCH_TABLE, 1142)
)

_STRICT = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
_SESSION = (
    f"SET SESSION innodb_lock_wait_timeout={LOCK_WAIT_S}, SESSION lock_wait_timeout={LOCK_WAIT_S},"
    f" SESSION wait_timeout={IDLE_S},"
    " SESSION default_storage_engine=InnoDB, SESSION time_zone='+00:00'"
)

Connect = Callable[[], "pymysql.Connection[Any]"]


def connector(
    address: MysqlAddress,
    user: str,
    password: Callable[[], str],
    *,
    database: str | None = None,
    timeout_s: int = ANSWER_TIMEOUT_S,
    autocommit: bool = False,
) -> Connect:
    """Return a function that connects as ``user``; the password is asked for each time."""
    certificates = _certificates(address) if address.tls == "required" else None

    def connect() -> pymysql.Connection[Any]:
        return pymysql.connect(
            host=address.host,
            port=address.port,
            user=user,
            password=password(),
            database=database,
            charset="utf8mb4",
            sql_mode=_STRICT,
            init_command=_SESSION,
            client_flag=CLIENT.FOUND_ROWS,
            autocommit=autocommit,
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=timeout_s,
            write_timeout=timeout_s,
            ssl=certificates,
            ssl_disabled=address.tls == "off",
        )

    return connect


def writer_engine(connect: Connect) -> Engine:
    """Return an engine for the one writer of a database."""
    return _engine(connect, connections=1, isolation_level="READ COMMITTED")


def reader_engine(connect: Connect, *, connections_max: int = 4) -> Engine:
    """Return an engine that only reads; it connects at the first query."""

    def connect_read_only() -> pymysql.Connection[Any]:
        connection = connect()
        connection.query("SET SESSION TRANSACTION READ ONLY")
        return connection

    return _engine(connect_read_only, connections_max, isolation_level="REPEATABLE READ")


def snapshot_engine(connect: Connect) -> Engine:
    """Return an engine for one long look: one read-only transaction, answers row by row."""

    def connect_patiently() -> pymysql.Connection[Any]:
        connection = connect()
        # Between two rows there may be minutes of other work.
        connection.query(
            f"SET SESSION wait_timeout={MIGRATION_TIMEOUT_S}, "
            f"SESSION net_write_timeout={MIGRATION_TIMEOUT_S}"
        )
        connection.query("SET SESSION TRANSACTION READ ONLY")
        return connection

    return _engine(connect_patiently, 1, isolation_level="REPEATABLE READ")


def error_code(error: BaseException) -> int | None:
    """Return the number of a database error, None when it has none."""
    original = error.orig if isinstance(error, DBAPIError) else error
    arguments = getattr(original, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else None


def is_lost(error: DBAPIError) -> bool:
    """Return whether the connection is gone: what was under way may or may not be committed."""
    return error.connection_invalidated or error_code(error) in LOST


def unavailable(address: MysqlAddress, error: BaseException) -> Unavailable:
    """Return the error for a server that does not answer."""
    code = error_code(error)
    where = f"{address.host}:{address.port}"
    if code in READ_ONLY:
        return Unavailable(
            f"the database server is read-only (error {code})",
            where=where,
            fix="See that the address leads to the server that takes writes",
        )
    return Unavailable(
        f"the database server does not answer (error {code})",
        where=where,
        fix="See that it runs and can be reached",
    )


def _leave_read_only(context: ExceptionContext) -> None:
    """Give up connections to a server that takes no writes; new ones may lead to another."""
    if error_code(context.original_exception) in READ_ONLY:
        context.is_disconnect = True


def _engine(connect: Connect, connections: int, isolation_level: Any) -> Engine:
    engine = create_engine(
        "mysql+pymysql://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        pool_pre_ping=True,
        isolation_level=isolation_level,
        hide_parameters=True,
    )
    event.listen(engine, "handle_error", _leave_read_only)
    return engine


def _certificates(address: MysqlAddress) -> ssl.SSLContext:
    authority = address.certificate_authority
    return ssl.create_default_context(cafile=None if authority is None else str(authority))
