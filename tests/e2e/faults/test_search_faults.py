"""Faults between the search importer and its server: see the tables in fault_cases."""

from __future__ import annotations

from typing import Any

import pytest
from child_nursery import Child
from failpoints import step
from fault_cases import (
    SEARCH_ANSWERS,
    SEARCH_KILLS,
    SEARCH_NETWORK,
    SEARCH_NODE,
    Case,
    named,
    table,
)
from fault_stores import ServerStores
from fault_world import ROUNDS, Scene, rng_of
from faulty_proxy import FaultyProxy
from faulty_tcp import Fault, http
from fold_check import wait_until

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(600)]
TENANT = "rhino"
STRIKES = 6


@pytest.fixture(autouse=True)
def search(scene: Scene) -> None:
    scene.kinds = ("search",)


def paused(scene: Scene, case: Case) -> Child:
    """An importer that has come to the step of the case and waits there."""
    child = scene.start("search", step(case.step, action="pause", skip=case.skip))
    child.wait_paused()
    return child


@table(SEARCH_KILLS)
def test_killed_at_a_step(scene: Scene, case: Case) -> None:
    rng = rng_of(case.name)
    for number in range(ROUNDS):
        skip = rng.randrange(case.skip + 1) if number else case.skip
        scene.start("search", step(case.step, skip=skip)).wait_killed()
    scene.settle()


@table(SEARCH_ANSWERS)
def test_answers(scene: Scene, case: Case) -> None:
    fault, *rest = case.options
    path = rest[0] if rest else "_bulk"
    turns = iter([False, True] * STRIKES)

    def choose(method: str, asked: str) -> str | None:
        is_met = method != "GET" and path in asked and next(turns, False)
        return fault if is_met else None

    with FaultyProxy(scene.components.search.url, choose) as proxy:
        scene.start("search", search=scene.behind(proxy.url))
        scene.settle()
        assert proxy.seen[fault] >= 2, proxy.seen


@table(SEARCH_NETWORK)
def test_network(scene: Scene, case: Case) -> None:
    kind, times = case.options
    proxy = scene.components.search_proxy
    proxy.arm(Fault(kind, http("_bulk"), case.skip, times, 3 if kind == "stall" else 2))
    scene.start("search", search=scene.proxied_search)
    scene.settle()
    assert proxy.struck == times, "the fault did not happen as often as it should"


@table([case for case in SEARCH_NODE if "/node-killed" in case.name])
def test_node_killed(scene: Scene, case: Case) -> None:
    child = paused(scene, case)
    scene.components.search.kill()
    child.resume()
    scene.components.search.start()
    scene.settle()


# --- what somebody does to the indices ---


def test_index_not_writable(scene: Scene) -> None:
    case = named(SEARCH_NODE, "search/index-not-writable")
    block(scene, case, "documents~*", "index.blocks.write")


def test_index_read_only_for_lack_of_disk(scene: Scene) -> None:
    case = named(SEARCH_NODE, "search/index-read-only-for-lack-of-disk")
    block(scene, case, "documents~*", "index.blocks.read_only_allow_delete")


def test_watermarks_not_writable(scene: Scene) -> None:
    case = named(SEARCH_NODE, "search/watermarks-not-writable")
    block(scene, case, "watermarks", "index.blocks.write")


def block(scene: Scene, case: Case, indices: str, setting: str) -> None:
    """Block indices at the step of a case, until a tenant is stalled."""
    child = paused(scene, case)
    change_setting(scene, indices, {setting: True})
    try:
        child.resume()
        wait_until(lambda: is_held_up(child), "the block is met", child.said)
    finally:
        change_setting(scene, indices, {setting: None})
    scene.settle()


def is_held_up(child: Child) -> bool:
    return any(word in child.said() for word in ("retry_scheduled", "tenant stalled"))


def stores_of(scene: Scene) -> ServerStores:
    assert isinstance(scene.stores, ServerStores)
    return scene.stores


def change_setting(scene: Scene, indices: str, settings: dict[str, Any]) -> None:
    server = stores_of(scene).server
    server.ask("PUT", f"/{server.prefix}~*~{indices}/_settings", settings)


def test_indices_deleted(scene: Scene) -> None:
    case = named(SEARCH_NODE, "search/indices-deleted")
    child = paused(scene, case)
    server, names = stores_of(scene).server, stores_of(scene).indices(TENANT)
    for index in server.ask("GET", f"/{server.prefix}~{TENANT}~*/_settings").decode(dict):
        server.ask("DELETE", f"/{index}")
    child.resume()
    assert child.wait("ended") == 1
    assert names.watermarks in child.said()
    scene.settle()
