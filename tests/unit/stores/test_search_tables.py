"""Search files of an earlier version get the indexes and the list of words that they lack."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection

from phee.errors import NotSupported
from phee.stores.search import tables
from phee.stores.sqlite import writer_engine


def layout(connection: Connection) -> set[tuple[str, str | None]]:
    found = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master")
    return {(name, sql) for name, sql in found if not name.startswith("documents_text_")}


def test_a_file_of_version_1_becomes_one_of_today(tmp_path: Path) -> None:
    engine = writer_engine(tmp_path / "search.db")
    with engine.begin() as connection:
        tables.create(connection)
        today = layout(connection)
        for field in tables.FILTERED_BY:
            connection.exec_driver_sql(f"DROP INDEX {tables.index_name(field)}")
        connection.exec_driver_sql("DROP TABLE documents_words")
        connection.exec_driver_sql(
            "CREATE INDEX ix_documents_kind_status_started_at"
            " ON documents (kind, status, started_at)"
        )
        connection.exec_driver_sql("PRAGMA user_version = 1")
        tables.create(connection)
        assert layout(connection) == today
    engine.dispose()


def test_a_file_of_version_2_becomes_one_of_today(tmp_path: Path) -> None:
    engine = writer_engine(tmp_path / "search.db")
    with engine.begin() as connection:
        tables.create(connection)
        today = layout(connection)
        connection.exec_driver_sql("DROP TABLE documents_words")
        connection.exec_driver_sql(
            "CREATE VIRTUAL TABLE documents_terms USING fts5vocab(documents_text, row)"
        )
        connection.exec_driver_sql("PRAGMA user_version = 2")
        tables.create(connection)
        assert layout(connection) == today
    engine.dispose()


def test_a_file_of_a_later_version_is_refused(tmp_path: Path) -> None:
    engine = writer_engine(tmp_path / "search.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA user_version = 99")
        with pytest.raises(NotSupported, match="rebuild"):
            tables.create(connection)
    engine.dispose()
