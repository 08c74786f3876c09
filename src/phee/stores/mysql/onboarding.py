"""Making a tenant's database and account, and bringing its tables up to date.

What is done here is done by the operator's account, and may be repeated at any time, also after it
ended half-way. The tenant's own account may read and write the rows of its one database, and
nothing else: no other database, no table's form, no other account.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pymysql
import structlog

from phee.errors import Forbidden, InvalidState
from phee.stores.mysql.address import MysqlAddress
from phee.stores.mysql.connections import (
    MIGRATION_TIMEOUT_S,
    NOT_ONBOARDED,
    connector,
    error_code,
    unavailable,
    writer_engine,
)
from phee.stores.mysql.names import database_name
from phee.stores.mysql.passwords import ensure_password
from phee.stores.relational.migrate import migrate

_LOG = structlog.get_logger(__name__)
_RIGHTS = "SELECT, INSERT, UPDATE, DELETE"


def onboard(address: MysqlAddress, data: Path, tenant_id: str) -> None:
    """Make (or mend) a tenant's database, account and tables.

    Raises:
        Unavailable: the server does not answer, or this process knows no operator's password.
        Forbidden: the operator's account may not do this.
        InvalidState: the database is not one that phee may use.
    """
    name = database_name(address.prefix, tenant_id)
    operator = address.operator_password()
    password = ensure_password(data, tenant_id)
    try:
        with connector(address, address.user, lambda: operator, autocommit=True)() as connection:
            _make_database(connection, name)
            _make_account(connection, name, password)
    except pymysql.MySQLError as error:
        raise _explained(address, name, error) from error
    _migrate(address, name, operator)
    _LOG.info("tenant onboarded to the database", tenant=tenant_id, database=name)


def _make_database(connection: pymysql.Connection[Any], name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        collation = collation_for(_first(cursor))
        cursor.execute(
            f"CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4 COLLATE {collation}"
        )
        cursor.execute(
            "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = %s",
            (name,),
        )
        if _first(cursor) != collation:
            raise InvalidState(
                "the tenant's database has another collation",
                where=name,
                fix=f"Make it with CHARACTER SET utf8mb4 COLLATE {collation}",
            )


def _make_account(connection: pymysql.Connection[Any], name: str, password: str) -> None:
    # In a grant an underscore stands for any character, unless it is escaped.
    database = name.replace("_", "\\_", 1)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE USER IF NOT EXISTS `{name}`@`%%` IDENTIFIED BY %s", (password,))
        cursor.execute(f"ALTER USER `{name}`@`%%` IDENTIFIED BY %s", (password,))
        cursor.execute(f"GRANT {_RIGHTS} ON `{database}`.* TO `{name}`@`%`")


def collation_for(version: str) -> str:
    """Return the collation by which texts are equal only when every character is.

    Without it ``Ann`` would be ``ann``, and a trailing space would not count; the embedded store
    tells them apart.
    """
    return "utf8mb4_nopad_bin" if "MariaDB" in version else "utf8mb4_0900_bin"


def _migrate(address: MysqlAddress, name: str, operator: str) -> None:
    connect = connector(
        address, address.user, lambda: operator, database=name, timeout_s=MIGRATION_TIMEOUT_S
    )
    engine = writer_engine(connect)
    try:
        migrate(engine)
    finally:
        engine.dispose()


def _explained(address: MysqlAddress, name: str, error: pymysql.MySQLError) -> Exception:
    if error_code(error) in NOT_ONBOARDED or error_code(error) == 1227:
        return Forbidden(
            "the database operator's account may not make this tenant's database and account",
            where=f"{address.user}@{address.host}, {name}, error {error_code(error)}",
            fix="Check its password and grants (docs/mysql.md)",
        )
    return unavailable(address, error)


def _first(cursor: Any) -> str:
    row = cursor.fetchone()
    return "" if row is None else str(row[0])
