"""The runtimes of the relational store, for tests that say what all of them must do."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

from importing import Rows, onboard, prepare
from mariadb_server import MariaDbServer
from sqlalchemy import Engine, select

from phee.stores import sqlite
from phee.stores.mysql import connections
from phee.stores.mysql.address import parse_address
from phee.stores.mysql.names import OPERATOR, database_name
from phee.stores.mysql.passwords import password_path, read_password
from phee.stores.paths import relational_path
from phee.stores.relational.stores import RelationalStores, relational_stores
from phee.stores.relational.tables import metadata

TENANTS = ("gorilla", "rhino")


class Runtime:
    """A data directory with two tenants whose stores are empty, in one of the runtimes."""

    name: str

    def __init__(self, data: Path, database: str) -> None:
        self.data = data
        self.database = database
        self.stores: RelationalStores = relational_stores(database, data)

    def engine(self, tenant_id: str) -> Engine:
        """Return an engine that writes a tenant's database as the importer does."""
        raise NotImplementedError

    def rows(self, tenant_id: str) -> Rows:
        """Every row of a tenant but row numbers and watermarks, sorted."""
        engine = self.engine(tenant_id)
        try:
            return read_rows(engine)
        finally:
            engine.dispose()


class SqliteRuntime(Runtime):
    name = "sqlite"

    def __init__(self, data: Path) -> None:
        prepare(data, *TENANTS)
        super().__init__(data, "sqlite")

    def engine(self, tenant_id: str) -> Engine:
        return sqlite.writer_engine(relational_path(self.data, tenant_id))


class MysqlRuntime(Runtime):
    name = "mysql"

    def __init__(self, data: Path, server: MariaDbServer) -> None:
        onboard(data, *TENANTS)
        super().__init__(data, server.database)
        for tenant_id in (*TENANTS, OPERATOR):
            _lend_password(server, data, tenant_id)
            self._empty(tenant_id)

    def engine(self, tenant_id: str) -> Engine:
        return tenant_engine(self.database, self.data, tenant_id)

    def _empty(self, tenant_id: str) -> None:
        engine = self.engine(tenant_id)
        with engine.begin() as connection:
            for table in metadata.sorted_tables:
                connection.execute(table.delete())
        engine.dispose()


def tenant_engine(database: str, data: Path, tenant_id: str) -> Engine:
    """Return an engine of a tenant's own account."""
    address = parse_address(database)
    name = database_name(address.prefix, tenant_id)
    return connections.writer_engine(
        connections.connector(address, name, lambda: read_password(data, tenant_id), database=name)
    )


@cache
def _onboarded(server: MariaDbServer) -> Path:
    """Onboard the tenants once for each server, which takes seconds."""
    data = server.folder / "hub"
    stores = relational_stores(server.database, data)
    for tenant_id in (*TENANTS, OPERATOR):
        stores.onboard(tenant_id)
    return data


def _lend_password(server: MariaDbServer, data: Path, tenant_id: str) -> None:
    path = password_path(data, tenant_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(password_path(_onboarded(server), tenant_id), path)


def read_rows(engine: Engine) -> Rows:
    """Read every table in the form in which all databases are the same."""
    with engine.begin() as connection:
        return {
            table.name: sorted(
                (
                    tuple(row)
                    for row in connection.execute(
                        select(*(column for column in table.c if column.name != "id"))
                    )
                ),
                key=repr,
            )
            for table in metadata.sorted_tables
            if table.name != "watermarks"
        }
