"""Every test here runs on each mix of runtimes: all embedded, and all on servers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import mariadb_server
import pytest
from kafka_world import RealKafka
from mariadb_server import MariaDbServer
from search_runtimes import search_server
from upkeep_worlds import EmbeddedWorld, UpkeepWorld, servers_world, start


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
    if request.param == "embedded":
        # Not in pytest's folder: a socket's path is short.
        folder = tempfile.TemporaryDirectory(prefix="phee-")
        with folder as name, closing(EmbeddedWorld(Path(name))) as embedded:
            start(embedded)
            yield embedded
        return
    mariadb: MariaDbServer = request.getfixturevalue("mariadb")
    kafka: RealKafka = request.getfixturevalue("real_kafka")
    with servers_world(tmp_path, mariadb, request.getfixturevalue("opensearch"), kafka) as servers:
        start(servers)
        yield servers
