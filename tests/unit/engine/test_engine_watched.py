"""What an engine shows of itself: trouble, times, and what it holds."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from engine_drawings import sequence
from prometheus_client.parser import text_string_to_metric_families

from phee.commands import (
    ActivateJobs,
    CompleteJob,
    CreateProcessInstance,
    DeployResources,
    FailJob,
    PublishMessage,
    Resource,
)
from phee.engine import Engine
from phee.engine import engine as engine_module
from phee.monitoring import (
    CallbackCollector,
    engine_metrics,
    engine_state_metrics,
    new_registry,
    render,
)


async def start_instances(engine: Engine, count: int) -> list[Any]:
    await engine.submit(DeployResources((Resource("a.bpmn", sequence("flow", "work")),)))
    for _ in range(count):
        await engine.submit(CreateProcessInstance("flow"))
    return list(await engine.submit(ActivateJobs("work", "me", 60_000, count)))


def shown(engine: Engine) -> dict[str, float]:
    registry = new_registry()
    for read in (engine_metrics(engine.stats), engine_state_metrics(engine)):
        CallbackCollector(read).register(registry)
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(render(registry).decode())
        for sample in family.samples
    }


async def test_disk_that_does_not_answer_is_trouble(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "DISK_SILENT_S_MAX", 0.02)
    go_on = threading.Event()
    flush = engine._store.flush
    monkeypatch.setattr(engine._store, "flush", lambda: (go_on.wait(10), flush()))
    answer = asyncio.ensure_future(
        engine.submit(DeployResources((Resource("a.bpmn", sequence("flow", "work")),)))
    )
    try:
        await asyncio.sleep(0.1)
        assert "disk" in str(engine.trouble)
        assert shown(engine)["zeebe_health"] == 0
        assert not answer.done()
    finally:
        go_on.set()
    await answer
    assert engine.trouble is None
    assert shown(engine)["zeebe_health"] == 1


async def test_stopped_engine_is_trouble(engine: Engine) -> None:
    assert engine.trouble is None
    await engine.close()
    assert "stopped" in str(engine.trouble)


async def test_times_of_instances_and_jobs_survive_reopening(tmp_path: Path, clock: Any) -> None:
    engine = Engine.open(tmp_path / "reopened", clock=clock)
    await engine.start()
    (job,) = await start_instances(engine, 1)
    assert shown(engine)["zeebe_job_activation_time_count"] == 1
    await engine.close()

    engine = Engine.open(tmp_path / "reopened", clock=clock)
    await engine.start()
    clock.now += 700
    await engine.submit(CompleteJob(job.key))
    seen = shown(engine)
    await engine.close()
    assert seen["zeebe_job_life_time_sum"] == pytest.approx(0.7)
    assert seen["zeebe_process_instance_execution_time_count"] == 1
    assert seen["zeebe_process_instance_execution_time_sum"] == pytest.approx(0.7)
    assert seen["zeebe_stream_processor_batch_processing_commands_count"] == engine.stats.groups


async def test_gauges_show_what_is_held(engine: Engine) -> None:
    (job,) = await start_instances(engine, 1)
    await engine.submit(FailJob(job.key, 0, "no"))
    await engine.submit(PublishMessage("hello", "key", 60_000))
    seen = shown(engine)
    assert seen["zeebe_pending_incidents_total"] == 1
    assert seen["zeebe_buffered_messages_count"] == 1
    assert seen["zeebe_banned_instances_total"] == 0
    assert seen["zeebe_backpressure_inflight_requests_count"] == 0
    assert seen["zeebe_backpressure_requests_limit"] == engine.intake_limit > 0
    assert seen["zeebe_log_appender_last_appended_position"] == engine.log.durable_position
    assert seen["atomix_role"] == 3
