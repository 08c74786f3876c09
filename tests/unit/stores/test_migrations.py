"""Migrations lead to exactly the tables that the code describes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

import phee.stores.relational.migrations
from phee.stores.relational.migrate import NEWEST, migrate
from phee.stores.relational.tables import metadata
from phee.stores.sqlite import writer_engine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = writer_engine(tmp_path / "relational.db")
    yield engine
    engine.dispose()


def test_migrated_tables_are_the_described_ones(engine: Engine) -> None:
    migrate(engine)
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_migrating_again_changes_nothing(engine: Engine) -> None:
    migrate(engine)
    with engine.begin() as connection:
        before = connection.exec_driver_sql("SELECT sql FROM sqlite_master").all()
    migrate(engine)
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT sql FROM sqlite_master").all() == before


def test_what_an_interrupted_migration_did_is_no_obstacle(engine: Engine) -> None:
    migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0002'")
        connection.exec_driver_sql("DROP INDEX ix_transfers_amount_started_at")
        connection.exec_driver_sql("CREATE INDEX ix_transfers_amount ON transfers (amount)")
    migrate(engine)
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_newest_is_the_last_migration() -> None:
    config = Config()
    folder = next(iter(phee.stores.relational.migrations.__path__))
    config.set_main_option("script_location", folder)
    assert ScriptDirectory.from_config(config).get_current_head() == NEWEST


def test_a_failed_migration_leaves_nothing_behind(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic.operations import Operations

    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(Operations, "create_index", fail)
        with pytest.raises(OSError, match="disk full"):
            migrate(engine)
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT name FROM sqlite_master").all() == []
    migrate(engine)


def test_names_fit_every_database() -> None:
    names = [
        str(thing.name)
        for table in metadata.tables.values()
        for thing in (*table.indexes, *table.constraints)
    ]
    assert [name for name in names if len(name) > 64] == []


def test_what_an_older_version_wrote_stays(engine: Engine) -> None:
    """The rows of a store that was made by the second migration are there after the newest."""
    _migrate_to(engine, "0002")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO transfers (epoch, workflow_instance_key, batch_id, status)"
            " VALUES (1, 7, 'b', 'COMPLETED')"
        )
    migrate(engine)
    with engine.begin() as connection:
        row = connection.exec_driver_sql(
            "SELECT workflow_instance_key, batch_id, status, counted FROM transfers"
        ).one()
        assert tuple(row) == (7, "b", "COMPLETED", None)
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def _migrate_to(engine: Engine, version: str) -> None:
    config = Config()
    folder = next(iter(phee.stores.relational.migrations.__path__))
    config.set_main_option("script_location", folder)
    with engine.connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, version)
