"""The record log as its readers see it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

from engine_checks import records_of
from engine_drawings import sequence

from phee.commands import CreateProcessInstance, DeployResources, Resource
from phee.engine import Engine


async def fill(engine: Engine, instances: int = 3) -> None:
    await engine.submit(DeployResources([Resource("flow.bpmn", sequence("flow", "work"))]))
    for _ in range(instances):
        await engine.submit(CreateProcessInstance("flow"))


async def test_reading_begins_after_a_position_and_respects_the_size(engine: Engine) -> None:
    await fill(engine)
    blocks = engine.log.read(0)
    assert [last for last, _ in blocks] == sorted({last for last, _ in blocks})
    assert blocks[-1][0] == engine.log.durable_position
    assert len(engine.log.read(0, max_bytes=1)) == 1
    assert engine.log.read(blocks[0][0]) == blocks[1:]
    assert engine.log.read(engine.log.durable_position) == []


async def test_reading_works_in_any_thread(engine: Engine) -> None:
    await fill(engine)
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(engine.log.read(0)))
    thread.start()
    thread.join()
    assert found == [engine.log.read(0)]


async def test_waiting_ends_with_news_or_with_time(engine: Engine) -> None:
    await fill(engine)
    position = engine.log.durable_position
    assert await engine.log.wait_beyond(position, timeout_s=0.01) == position
    waiting = asyncio.create_task(engine.log.wait_beyond(position, timeout_s=10))
    await asyncio.sleep(0)
    await engine.submit(CreateProcessInstance("flow"))
    assert await waiting > position


async def test_epoch_and_positions_outlive_the_process(tmp_path: Path) -> None:
    engine = Engine.open(tmp_path)
    await engine.start()
    await fill(engine)
    epoch, position = engine.log.epoch, engine.log.durable_position
    engine.log.acknowledge("exporter", 7)
    await engine.close()
    engine = Engine.open(tmp_path)
    assert (engine.log.epoch, engine.log.durable_position) == (epoch, position)
    assert engine.log.acknowledged() == {"exporter": 7}
    await engine.close()


async def test_each_directory_has_its_own_epoch(tmp_path: Path) -> None:
    epochs = set()
    for name in "abc":
        engine = Engine.open(tmp_path / name)
        epochs.add(engine.log.epoch)
        await engine.close()
    assert len(epochs) == 3


async def test_everything_is_kept_by_default(engine: Engine) -> None:
    await fill(engine)
    engine.log.acknowledge("exporter", engine.log.durable_position)
    assert engine.log.first_position == 1
    assert records_of(engine)[0].position == 1


async def test_retention_keeps_what_the_slowest_consumer_needs(tmp_path: Path) -> None:
    engine = Engine.open(tmp_path, keep_log=False)
    await engine.start()
    await fill(engine)
    log = engine.log
    boundaries = [last for last, _ in log.read(0)]
    log.acknowledge("slow", 0)
    log.acknowledge("fast", log.durable_position)
    assert log.first_position == 1
    log.acknowledge("slow", boundaries[1] + 1)
    assert log.first_position == boundaries[1] + 1
    assert [last for last, _ in log.read(0)] == boundaries[2:]
    log.acknowledge("slow", 3)  # going back changes nothing
    assert log.acknowledged()["slow"] == boundaries[1] + 1
    log.forget("slow")
    assert log.first_position == log.durable_position + 1
    assert log.acknowledged() == {"fast": log.durable_position}
    await engine.submit(CreateProcessInstance("flow"))
    assert log.read(0)[0][0] == log.durable_position
    await engine.close()
