"""Every test here runs on each mix of runtimes: all embedded, and all on servers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import mariadb_server
import pytest
import services
from kafka_world import RealKafka
from mariadb_server import MariaDbServer
from real_components import process
from real_components.missing import Missing
from real_components.opensearch import OpenSearch
from real_components.operate import free_ports, start_component
from upkeep_worlds import EmbeddedWorld, UpkeepWorld, servers_world, start


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDbServer]:
    yield from mariadb_server.started()


@pytest.fixture(scope="session")
def opensearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a search server."""
    running = services.running().get("opensearch")
    if running:
        yield f"http://127.0.0.1:{running.ports['http']}"
        return
    component = OpenSearch()
    try:
        component.install()
    except Missing as missing:
        pytest.skip(f"NOT TESTED on OpenSearch: {missing}")
    folder = tmp_path_factory.mktemp("opensearch")
    running = start_component(component, folder, free_ports(component), {})
    yield f"http://127.0.0.1:{running.ports['http']}"
    process.stop(running)


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
