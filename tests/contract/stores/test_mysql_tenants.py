"""Onboarding to a MySQL server: who may do what, what is kept where, and what mends itself."""

from __future__ import annotations

import logging
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from importing import onboard as register
from mariadb_server import MariaDbServer
from record_stream import Instance, RecordWriter
from relational_runtimes import MysqlRuntime
from structlog.testing import capture_logs

from phee.errors import Forbidden, InvalidState, Unavailable
from phee.importers.process import ImporterSettings, make_importer
from phee.monitoring import new_registry
from phee.stores.mysql.address import parse_address
from phee.stores.mysql.names import database_name
from phee.stores.mysql.passwords import password_path, read_password
from phee.stores.relational.migrate import migrate
from phee.stores.relational.stores import relational_stores
from phee.stores.relational.tables import metadata
from phee.stream.local import LocalStream
from phee.stream.memory import MemoryLog

pytestmark = pytest.mark.services


def as_tenant(runtime: MysqlRuntime, server: MariaDbServer, tenant: str) -> Any:
    name = database_name("phee", tenant)
    return server.connect(user=name, password=read_password(runtime.data, tenant))


# --- walls ---


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM `phee_gorilla`.transfers",
        "INSERT INTO `phee_gorilla`.transfers (epoch, workflow_instance_key) VALUES (1, 1)",
        "USE `phee_gorilla`",
        "SELECT * FROM mysql.global_priv",
        "CREATE TABLE `phee_rhino`.other (id INT)",
        "ALTER TABLE `phee_rhino`.transfers DROP COLUMN amount",
        "DROP TABLE `phee_rhino`.transfers",
        "CREATE DATABASE other",
        "CREATE USER other",
        "GRANT SELECT ON `phee_rhino`.* TO `phee_gorilla`@`%`",
        "SELECT * FROM `phee_rhino`.transfers INTO OUTFILE '/tmp/phee-rhino'",
    ],
)
def test_a_tenants_account_may_only_use_its_own_rows(
    mysql: MysqlRuntime, mariadb: MariaDbServer, statement: str
) -> None:
    with as_tenant(mysql, mariadb, "rhino") as connection, connection.cursor() as cursor:
        with pytest.raises(pymysql.MySQLError, match=r"denied|Access"):
            cursor.execute(statement)
        cursor.execute("SHOW DATABASES LIKE 'phee%'")
        assert [row[0] for row in cursor.fetchall()] == ["phee_rhino"]
        cursor.execute("SELECT user FROM information_schema.processlist")
        assert {row[0] for row in cursor.fetchall()} == {"phee_rhino"}


# --- onboarding ---


@pytest.fixture(autouse=True)
def no_leftovers(mariadb: MariaDbServer) -> Iterator[None]:
    """What a test onboards beside the usual tenants goes away with it."""
    yield
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW DATABASES LIKE 'phee\\\\_z%'")
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP USER IF EXISTS `{name}`@`%`")
            cursor.execute(f"DROP DATABASE `{name}`")


def test_onboarding_makes_the_described_tables_and_no_secret_leaves_the_file(
    mysql: MysqlRuntime, mariadb: MariaDbServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logged:
        mysql.stores.onboard("zebra")
    path = password_path(mysql.data, "zebra")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    password = path.read_text()
    assert len(password) >= 32
    operator = (mariadb.folder / "operator.password").read_text()
    for secret in (password, operator):
        assert secret not in str(logged) + caplog.text
    engine = operator_engine(mysql, "zebra")
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
    mysql.stores.onboard("zebra")  # again changes nothing
    assert path.read_text() == password
    mysql.stores.open_store("zebra").close()


def operator_engine(runtime: MysqlRuntime, tenant: str) -> Any:
    from phee.stores.mysql.connections import connector, writer_engine

    address = parse_address(runtime.database)
    name = database_name("phee", tenant)
    return writer_engine(connector(address, address.user, address.operator_password, database=name))


def test_a_lost_password_is_made_again(mysql: MysqlRuntime) -> None:
    mysql.stores.onboard("zebra")
    password_path(mysql.data, "zebra").unlink()
    assert not mysql.stores.has_store("zebra")
    store = mysql.stores.open_store("zebra")
    store.close()
    reader = mysql.stores.open_reader("zebra")
    assert reader.watermarks() == []
    reader.close()


def test_onboarded_tenants_need_no_operator(
    mysql: MysqlRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PHEE_DATABASE_PASSWORD", "PHEE_DATABASE_PASSWORD_FILE"):
        monkeypatch.delenv(name, raising=False)
    stores = relational_stores(mysql.database.partition("?")[0], mysql.data)
    stores.open_store("rhino").close()
    with pytest.raises(Unavailable, match="no password of the database operator"):
        stores.open_store("zebra")


def test_the_operators_password_may_come_from_the_environment(
    mysql: MysqlRuntime, mariadb: MariaDbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = relational_stores(mysql.database.partition("?")[0], mysql.data)
    path = mariadb.folder / "operator.password"
    monkeypatch.setenv("PHEE_DATABASE_PASSWORD_FILE", str(path))
    stores.onboard("rhino")
    monkeypatch.delenv("PHEE_DATABASE_PASSWORD_FILE")
    monkeypatch.setenv("PHEE_DATABASE_PASSWORD", path.read_text())
    stores.onboard("rhino")
    monkeypatch.setenv("PHEE_DATABASE_PASSWORD", "wrong")
    with pytest.raises(Forbidden, match="grants") as raised:
        stores.onboard("rhino")
    assert "wrong" not in str(raised.value)


def test_a_server_that_is_not_there(tmp_path: Path, mariadb: MariaDbServer) -> None:
    away = mariadb.database.replace(f":{mariadb.port}/", ":1/")
    stores = relational_stores(away, tmp_path)
    with pytest.raises(Unavailable, match="does not answer"):
        stores.open_store("rhino")


def test_required_encryption_is_never_left_out(mysql: MysqlRuntime, mariadb: MariaDbServer) -> None:
    """This server has no certificate."""
    stores = relational_stores(mysql.database + "&tls=required", mysql.data)
    with pytest.raises(Unavailable):
        stores.open_store("rhino")
    with pytest.raises(Unavailable):
        stores.onboard("rhino")


# --- migrations ---


def test_a_first_migration_that_ended_half_way_begins_again(
    mysql: MysqlRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic.operations import Operations

    create_index, left = Operations.create_index, 9

    def fail(self: Operations, *arguments: Any, **options: Any) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise OSError("killed")
        create_index(self, *arguments, **options)

    with monkeypatch.context() as broken:
        broken.setattr(Operations, "create_index", fail)
        with pytest.raises(OSError, match="killed"):
            mysql.stores.open_store("zebra")
    mysql.stores.open_store("zebra").close()
    engine = operator_engine(mysql, "zebra")
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_tables_of_somebody_else_are_left_alone(
    mysql: MysqlRuntime, mariadb: MariaDbServer
) -> None:
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE phee_zebra CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin")
        cursor.execute("CREATE TABLE phee_zebra.transfers (id BIGINT PRIMARY KEY)")
        cursor.execute("INSERT INTO phee_zebra.transfers VALUES (1)")
        with pytest.raises(InvalidState, match="not phee's"):
            mysql.stores.open_store("zebra")
        cursor.execute("SELECT * FROM phee_zebra.transfers")
        assert cursor.fetchall() == ((1,),)


def test_tables_of_a_newer_version_are_left_alone(mysql: MysqlRuntime) -> None:
    mysql.stores.onboard("zebra")
    engine = operator_engine(mysql, "zebra")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(InvalidState, match="another version"):
        migrate(engine)
    engine.dispose()
    with pytest.raises(InvalidState, match="another version"):
        mysql.stores.open_store("zebra")


def test_a_database_in_which_texts_compare_otherwise_is_refused(
    mysql: MysqlRuntime, mariadb: MariaDbServer
) -> None:
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE DATABASE phee_zebra CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
        )
    with pytest.raises(InvalidState, match="collation"):
        mysql.stores.open_store("zebra")


def test_a_failed_migration_stops_that_tenant_only(
    mysql: MysqlRuntime, mariadb: MariaDbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phee.importers.slots.RETRY_S_MAX", 0.05)
    register(mysql.data, "zebra")
    log, writer = MemoryLog(), RecordWriter()
    for tenant in ("rhino", "zebra"):
        log.append(Instance(writer, f"PayerFundTransfer-{tenant}", tenant_id=tenant).start())
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE phee_zebra CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin")
        cursor.execute("CREATE TABLE phee_zebra.strange (id INT)")
        chosen = ImporterSettings(data=mysql.data, database=mysql.database)
        stream = LocalStream(log, "relational")
        importer = make_importer("relational", chosen, stream, new_registry())
        importer.step()
        importer.housekeep()
        assert importer.progress.stalled_tenants == 1
        assert len(mysql.rows("rhino")["transfers"]) == 1
        assert log.acknowledged().get("relational", 0) == 0, "the log keeps what zebra lacks"
        cursor.execute("DROP TABLE phee_zebra.strange")
        while importer.progress.stalled_tenants:
            importer.step()
        importer.stop()
        importer.run()
    assert len(mysql.rows("zebra")["transfers"]) == 1
    assert log.acknowledged() == {"relational": log.durable_position}
