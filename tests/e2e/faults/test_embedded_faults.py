"""Faults of importers into SQLite files."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from child_nursery import Child
from failpoints import step
from fault_cases import EMBEDDED_KILLS, EMBEDDED_OTHER, Case, named, table
from fault_stores import EmbeddedStores
from fault_world import ROUNDS, Scene, rng_of
from fold_check import wait_until

from phee.importers.process import Kind

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(600)]
ROOM_BYTES = 20_000
"""More than what the processes print, less than the stores."""
IMPATIENT = {"phee.stores.sqlite:BUSY_TIMEOUT_MS": 200}


@table(EMBEDDED_KILLS)
def test_killed_at_a_step(embedded: Scene, case: Case) -> None:
    rng = rng_of(case.name)
    for number in range(ROUNDS):
        skip = rng.randrange(case.skip + 1) if number else case.skip
        children = [embedded.start(kind, step(case.step, skip=skip)) for kind in embedded.kinds]
        for child in children:
            child.wait_killed()
    embedded.settle()


def paused(embedded: Scene, case: Case) -> dict[Kind, Child]:
    point = step(case.step, action="pause", skip=case.skip)
    children = {kind: embedded.start(kind, point, constants=IMPATIENT) for kind in embedded.kinds}
    for child in children.values():
        child.wait_paused()
    return children


def test_disk_full(embedded: Scene) -> None:
    children = paused(embedded, named(EMBEDDED_OTHER, "embedded/disk-full"))
    for child in children.values():
        child.limit_files(ROOM_BYTES)
        child.resume()
    for child in children.values():
        wait_until(lambda child=child: "tenant stalled" in child.said(), "it is met", child.said)
    for child in children.values():
        child.limit_files(None)
    embedded.settle()


def test_locked(embedded: Scene) -> None:
    children = paused(embedded, named(EMBEDDED_OTHER, "embedded/locked"))
    assert isinstance(embedded.stores, EmbeddedStores)
    for kind, child in children.items():
        path = embedded.stores.path(kind, "rhino")
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            child.resume()
            wait_until(lambda child=child: "tenant stalled" in child.said(), "met", child.said)
            other.execute("ROLLBACK")
    embedded.settle()
