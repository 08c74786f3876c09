"""Every test of a store runs on each of the runtimes of its role."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mariadb_server
import pytest
from mariadb_server import MariaDbServer
from relational_runtimes import MysqlRuntime, Runtime, SqliteRuntime
from search_runtimes import SERVER_PARAMS, own_indices, search_server

from phee.stores.search.runtime import EMBEDDED, MASKING_VARIABLE


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDbServer]:
    yield from mariadb_server.lent()


@pytest.fixture(params=["sqlite", pytest.param("mysql", marks=pytest.mark.services)])
def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> Runtime:
    if request.param == "sqlite":
        return SqliteRuntime(tmp_path)
    return MysqlRuntime(tmp_path, request.getfixturevalue("mariadb"))


@pytest.fixture
def mysql(tmp_path: Path, mariadb: MariaDbServer) -> MysqlRuntime:
    return MysqlRuntime(tmp_path, mariadb)


@pytest.fixture(scope="session", params=[EMBEDDED, *SERVER_PARAMS])
def any_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """``sqlite``, or a real server's address."""
    if request.param == EMBEDDED:
        yield EMBEDDED
        return
    with search_server(request.param, tmp_path_factory.mktemp(request.param)) as url:
        yield url


@pytest.fixture(scope="session", autouse=True)
def clear_documents() -> Iterator[None]:
    """Not masked on any runtime, so that the same is found on each; masking has its own tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MASKING_VARIABLE, "off")
        yield


@pytest.fixture(scope="module")
def module_search(any_url: str) -> Iterator[str]:
    """A line for PHEE_SEARCH, the same for all tests of a module."""
    if any_url == EMBEDDED:
        yield EMBEDDED
        return
    with own_indices(any_url) as line:
        yield line


@pytest.fixture
def search(any_url: str) -> Iterator[str]:
    """A line for PHEE_SEARCH, of this test alone."""
    if any_url == EMBEDDED:
        yield EMBEDDED
        return
    with own_indices(any_url) as line:
        yield line
