"""Every test here runs on each mix of runtimes: all embedded, and all on servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mariadb_server
import pytest
from mariadb_server import MariaDbServer
from search_runtimes import search_server
from upkeep_worlds import UpkeepWorld, start, world_on


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDbServer]:
    yield from mariadb_server.lent()


@pytest.fixture(scope="session")
def opensearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a search server."""
    with search_server("opensearch", tmp_path_factory.mktemp("opensearch")) as url:
        yield url


@pytest.fixture(params=["embedded", pytest.param("servers", marks=pytest.mark.services)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[UpkeepWorld]:
    """Two tenants with some payments, imported."""
    with world_on(request, tmp_path, servers=request.param == "servers") as world:
        start(world)
        yield world
