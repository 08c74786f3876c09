"""An upgrade from an older version on MariaDB, where each step is committed by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from mariadb_server import MariaDbServer
from relational_runtimes import MysqlRuntime
from sqlalchemy import Engine

import phee.stores.relational.migrations
from phee.stores.mysql.address import parse_address
from phee.stores.mysql.connections import connector, writer_engine
from phee.stores.mysql.names import database_name
from phee.stores.relational.migrate import migrate
from phee.stores.relational.tables import metadata

pytestmark = pytest.mark.services


@pytest.fixture
def older(mysql: MysqlRuntime, mariadb: MariaDbServer) -> Iterator[Engine]:
    """A tenant's database as the second migration left it, with a payment in it."""
    address = parse_address(mysql.database)
    name = database_name("phee", "okapi")
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin")
    engine = writer_engine(
        connector(address, address.user, address.operator_password, database=name)
    )
    config = Config()
    folder = next(iter(phee.stores.relational.migrations.__path__))
    config.set_main_option("script_location", folder)
    with engine.connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO transfers (epoch, workflow_instance_key, batch_id) VALUES (1, 7, 'b')"
        )
    yield engine
    engine.dispose()


@pytest.mark.parametrize("killed_at", [1, 4, 9, 25])
def test_an_interrupted_upgrade_goes_on(
    older: Engine, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    left = killed_at
    steps: dict[str, Any] = {
        name: getattr(Operations, name) for name in ("create_index", "create_table", "add_column")
    }

    def counted(name: str) -> Any:
        def step(self: Operations, *arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if not left:
                raise OSError("killed")
            return steps[name](self, *arguments, **options)

        return step

    with monkeypatch.context() as broken:
        for name in steps:
            broken.setattr(Operations, name, counted(name))
        with pytest.raises(OSError, match="killed"):
            migrate(older)
    migrate(older)
    with older.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        rows = connection.exec_driver_sql("SELECT workflow_instance_key, batch_id FROM transfers")
        assert [tuple(row) for row in rows] == [(7, "b")]
