"""How fast the engine alone is: one-task instances in this process, durable commits.

    .venv/bin/python bench/engine.py [--seconds 10] [--in-flight 64] [--variables 2]

Each instance is created by a client that waits for the durable answer, its job is pushed to a
worker in this process, which completes it; the instance counts when the completion is durable.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from phee.commands import (
    ActivatedJob,
    CompleteJob,
    CreateProcessInstance,
    DeployResources,
    Resource,
)
from phee.engine import Engine

ONE_TASK = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
    xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="d" targetNamespace="http://phee/bench">
  <bpmn:process id="one_task" isExecutable="true">
    <bpmn:startEvent id="start"/>
    <bpmn:serviceTask id="task">
      <bpmn:extensionElements><zeebe:taskDefinition type="work"/></bpmn:extensionElements>
    </bpmn:serviceTask>
    <bpmn:endEvent id="end"/>
    <bpmn:sequenceFlow id="a" sourceRef="start" targetRef="task"/>
    <bpmn:sequenceFlow id="b" sourceRef="task" targetRef="end"/>
  </bpmn:process>
</bpmn:definitions>
"""


async def measure(data_dir: Path, seconds: float, in_flight: int, variables: int) -> dict[str, Any]:
    """Run one-task instances for ``seconds`` and return the figures."""
    engine = Engine.open(data_dir)
    await engine.start()
    await engine.submit(DeployResources([Resource("one_task.bpmn", ONE_TASK.encode())]))
    finished = asyncio.Event()
    ended = 0
    latencies: list[float] = []
    begun: dict[int, float] = {}
    create = CreateProcessInstance(
        "one_task", variables={f"variable{n}": f"value {n}" for n in range(variables)}
    )

    def work(jobs: list[ActivatedJob]) -> None:
        for job in jobs:
            latencies.append(time.perf_counter() - begun.get(job.process_instance_key, now_begun))
            answer = engine.submit_nowait(CompleteJob(job.key, {}))
            answer.add_done_callback(completed)

    def completed(answer: asyncio.Future[Any]) -> None:
        nonlocal ended
        answer.result()
        ended += 1
        stream.done()
        slots.release()

    stream = engine.open_job_stream("work", "bench", 60_000, ("<default>",), (), 10_000, work)
    slots = asyncio.Semaphore(in_flight)
    started = now_begun = time.perf_counter()
    cpu = time.process_time()
    while time.perf_counter() - started < seconds:
        await slots.acquire()
        engine.submit_nowait(create)
    for _ in range(in_flight):
        await slots.acquire()
    elapsed = time.perf_counter() - started
    cpu = time.process_time() - cpu
    records = engine.log.durable_position
    stats = engine.stats
    finished.set()
    await engine.close()
    return {
        "instances_per_s": round(ended / elapsed),
        "records_per_s": round(records / elapsed),
        "instances": ended,
        "in_flight": in_flight,
        "cpu_share": round(cpu / elapsed, 2),
        "commit_ms_mean": round(stats.commit_ms.total / max(1, stats.commit_ms.count), 2),
        "flush_ms_mean": round(stats.flush_ms.total / max(1, stats.flush_ms.count), 2),
        "groups": stats.groups,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "jobs_pushed": len(latencies),
        "seconds": round(statistics.fmean([elapsed]), 1),
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--variables", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = uvloop.run(
            measure(Path(folder), options.seconds, options.in_flight, options.variables)
        )
    json.dump(figures, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
