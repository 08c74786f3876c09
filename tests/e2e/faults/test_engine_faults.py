"""Faults of the engine under load, with exporter and importers behind it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from engine_log import EngineDied, EngineLog
from failpoints import step
from fault_cases import ENGINE_KILLS, ENGINE_OTHER, PIPELINE, Case, named, table
from fault_world import ROUNDS, Exporting, Scene, rng_of
from fold_check import fold
from payment_engine import TENANTS

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(900)]
PAYMENTS = 20
KILLS = 6


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineLog]:
    engine = EngineLog(tmp_path / "hub")
    yield engine
    engine.close()


def begin(scene: Scene, engine: EngineLog) -> Exporting:
    """Have an exporter and both importers work while the engine does."""
    exporting = scene.exporting(engine)
    exporting.start()
    for kind in scene.kinds:
        scene.start(kind)
    return exporting


def finish(scene: Scene, engine: EngineLog, exporting: Exporting) -> None:
    """Everything that was ordered is done once, and is in both stores once."""
    engine.finish_all()
    exporting.wait_done()
    expected = fold(engine.copy(), TENANTS)
    transfers = [row for tenant in TENANTS for row in expected.rows[tenant]["transfers"]]
    ordered = {f"tx-{number:06d}" for number in range(engine.paid) if number % 12 != 11}
    assert sorted(row[6] for row in transfers) == sorted(ordered), "a payment twice, or not at all"
    scene.settle(expected)


@table(ENGINE_KILLS)
def test_killed_at_a_step(scene: Scene, engine: EngineLog, case: Case) -> None:
    rng = rng_of(case.name)
    for number in range(ROUNDS):
        skip = rng.randrange(case.skip + 1) if number else case.skip
        engine.start(step(case.step, skip=skip))
        if not number:
            exporting = begin(scene, engine)
        with suppress(EngineDied):
            while True:
                engine.pay(PAYMENTS)
        engine.wait_killed()
    engine.start()
    finish(scene, engine, exporting)


def test_disk_full(scene: Scene, engine: EngineLog) -> None:
    case = named(ENGINE_OTHER, "engine/disk-full")
    rng_of(case.name)
    engine.start()
    exporting = begin(scene, engine)
    engine.pay(PAYMENTS)
    limit = max(path.stat().st_size for path in engine.data.rglob("*.log")) + 30_000
    psutil.Process(engine.pid).rlimit(psutil.RLIMIT_FSIZE, (limit, psutil.RLIM_INFINITY))
    assert engine.refuses(PAYMENTS * 4) == "engine-stopped"
    engine.kill()
    engine.start()
    finish(scene, engine, exporting)


def test_suspended(scene: Scene, engine: EngineLog) -> None:
    case = named(ENGINE_OTHER, "engine/suspended")
    rng_of(case.name)
    engine.start()
    exporting = begin(scene, engine)
    engine.order_more(PAYMENTS)
    process = psutil.Process(engine.pid)
    process.suspend()
    time.sleep(2)
    process.resume()
    engine.finish()
    finish(scene, engine, exporting)


def test_anything_killed_at_random(scene: Scene, engine: EngineLog) -> None:
    """Kill, let work, kill the next; what was killed is started again at once."""
    rng = rng_of(named(PIPELINE, "pipeline/anything-killed-at-random").name)
    engine.start()
    exporting = scene.exporting(engine)
    children = {"exporter": exporting.start()}
    children |= {kind: scene.start(kind) for kind in scene.kinds}
    components = scene.components
    victims = ("engine", "exporter", "relational", "search", "database", "broker")
    for victim in rng.choices(victims, k=KILLS * ROUNDS):
        engine.order_more(PAYMENTS)
        time.sleep(rng.uniform(0, 0.4))
        if victim == "engine":
            engine.kill()
            engine.start()
            engine.order_again()
        elif victim == "database":
            components.mariadb.kill()
            components.mariadb.start()
        elif victim == "broker":
            components.kafka.kill()
            components.kafka.start()
        else:
            children[victim].kill()
            children[victim] = (
                exporting.start() if victim == "exporter" else scene.start(victim)  # type: ignore[arg-type]
            )
        engine.finish()
    finish(scene, engine, exporting)
