"""kill -9 in the middle of a rebuild, at each step: a whole store is live, and nothing is lost.

Goal: a rebuild can be begun at any time, and never has to be ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
import rebuild_child
from record_stream import payment
from search_runtimes import index_names, template_names
from upkeep_worlds import EmbeddedWorld, ServersWorld, UpkeepWorld

from phee.importers.process import KINDS, Kind
from phee.stores.paths import tenant_directory
from phee.stores.search.opensearch import store as server_store
from phee.stores.search.opensearch.address import parse_address
from phee.stores.search.opensearch.server import SearchServer
from phee.upkeep import settling

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing moves in these tests but what they move themselves."""
    monkeypatch.setattr(settling, "QUIET_S", 0.4)
    monkeypatch.setattr(server_store, "FROZEN_S_MAX", 1.0)


def killed_rebuild(world: UpkeepWorld, kind: Kind, step: str) -> None:
    runtimes = world.runtimes
    done = subprocess.run(
        [sys.executable, rebuild_child.__file__, step, kind, os.fspath(world.data),
         runtimes.stream, runtimes.database, runtimes.search],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr


def leftovers(world: UpkeepWorld, kind: Kind) -> list[str]:
    """What there is besides one live store."""
    if isinstance(world, EmbeddedWorld):
        folder = tenant_directory(world.data, "rhino")
        return sorted(path.name for path in folder.glob(f"{kind}-*.db"))[1:]
    assert isinstance(world, ServersWorld)
    if kind == "relational":
        return [name for name in world.databases() if "$re" in name]
    server = SearchServer(parse_address(world.search))
    try:
        builds = {n.split("~")[3] for n in index_names(server, server.prefix) if "~rebuild~" in n}
        templates = [n for n in template_names(server, server.prefix) if "~rebuild~" in n]
        return [*sorted(builds)[1:], *templates]
    finally:
        server.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_rebuild_leaves_a_whole_store(world: UpkeepWorld, kind: Kind) -> None:
    importer = world.importer(kind)
    world.catch_up(importer)
    for number, step in enumerate(rebuild_child.STEPS):
        before = world.rows(kind)
        killed_rebuild(world, kind, step)
        assert world.rows(kind) == before, step
        world.append(payment(world.writer, 600 + 2 * number, tenant_id="rhino", echoes=1))
        world.catch_up(importer)  # whatever the killed one held is free again
        assert len(world.rows(kind)["transfers" if kind == "relational" else "documents"]) > len(
            before["transfers" if kind == "relational" else "documents"]
        ), step
        assert world.rebuild(kind).difference_count == 0, step
        assert leftovers(world, kind) == [], step
        world.catch_up(importer)
    importer.stop()
    importer.run()
    world.import_all()
    assert world.verify().is_clean
