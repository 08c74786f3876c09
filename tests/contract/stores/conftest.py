"""Every test of a relational store runs on each of its runtimes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mariadb_server import MariaDbServer
from real_components.missing import Missing
from relational_runtimes import MysqlRuntime, Runtime, SqliteRuntime


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDbServer]:
    server = MariaDbServer()
    try:
        server.start()
    except Missing as missing:
        server.close()
        pytest.skip(f"NOT TESTED on MariaDB: {missing}")
    yield server
    server.close()


@pytest.fixture(params=["sqlite", pytest.param("mysql", marks=pytest.mark.services)])
def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> Runtime:
    if request.param == "sqlite":
        return SqliteRuntime(tmp_path)
    return MysqlRuntime(tmp_path, request.getfixturevalue("mariadb"))


@pytest.fixture
def mysql(tmp_path: Path, mariadb: MariaDbServer) -> MysqlRuntime:
    return MysqlRuntime(tmp_path, mariadb)
