"""A process that works on an engine until it is killed, telling what was answered.

    python engine_crash_child.py DIRECTORY ROUND

Each line on standard output is written after the answer came: ``created KEY REQUEST``,
``completed KEY``, ``published KEY``.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from engine_drawings import Drawing, definitions

from phee.commands import (
    ActivatedJob,
    CompleteJob,
    CreateProcessInstance,
    DeployResources,
    PublishMessage,
    RequestId,
    Resource,
)
from phee.engine import Engine

CLIENTS = 12


def drawing() -> bytes:
    """A task, a wait for a message with a timer beside it, another task."""
    flow = Drawing("crash")
    start = flow.add("startEvent")
    first = flow.service("work")
    wait = flow.add(
        "intermediateCatchEvent",
        f'<bpmn:messageEventDefinition messageRef="{flow.message("answer", "=id")}"/>',
    )
    second = flow.service("work")
    for source, target in ((start, first), (first, wait), (wait, second)):
        flow.flow(source, target)
    flow.flow(second, flow.add("endEvent"))
    return definitions(flow)


def tell(*words: object) -> None:
    """Write one line at once."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def run(folder: Path, name: str) -> None:
    """Work until killed."""
    engine = Engine.open(folder, loaded_max=30)
    await engine.start()
    await engine.submit(DeployResources([Resource("crash.bpmn", drawing())]))

    def work(jobs: list[ActivatedJob]) -> None:
        for job in jobs:
            future = engine.submit_nowait(CompleteJob(job.key, {"done": job.element_id}))
            future.add_done_callback(lambda done, key=job.key: completed(done, key))

    def completed(done: asyncio.Future[Any], key: int) -> None:
        done.result()
        tell("completed", key)
        stream.done()

    stream = engine.open_job_stream("work", "child", 500, ("<default>",), (), 50, work)
    tell("ready")
    await asyncio.gather(*(client(engine, f"{name}-{n}") for n in range(CLIENTS)))


async def client(engine: Engine, name: str) -> None:
    """Create instances and answer them."""
    number = 0
    while True:
        number += 1
        identity = f"{name}-{number}"
        answer = await engine.submit(
            CreateProcessInstance(
                "crash", variables={"id": identity}, request=RequestId(identity, "same")
            )
        )
        tell("created", answer.process_instance_key, identity)
        message = await engine.submit(
            PublishMessage("answer", identity, 60_000, identity, {"answered": True})
        )
        tell("published", message.key)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2]))
