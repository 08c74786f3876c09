"""One-task instances per second: in one process, and through gRPC from another.

    python -m bench.gateway                       # both, on a new engine in a temporary folder
    python -m bench.gateway --target HOST:PORT    # any Zeebe gateway, a real one included

An instance counts when its job's completion was answered. The gRPC client is plain grpc.aio with a
stream and a fixed number of instances in flight, so that it is the same for every gateway.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc.aio
import uvloop

from phee.commands import ActivatedJob, Resource
from phee.engine import Engine
from phee.gateway.embedded import EmbeddedClient
from phee.gateway.methods import METHODS
from phee.gateway.proto import gateway_pb2 as pb
from phee.gateway.server import GatewayServer

VARIABLES = {"transactionId": "0a3c-17", "amount": "120.00", "currency": "USD", "retry": 0}
JOB_TYPE = "bench-task"

Create = Callable[[], Awaitable[int]]


def drawing(process_id: str) -> Resource:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><definitions id="d" targetNamespace="bench" '
        'xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
        'xmlns:zeebe="http://camunda.org/schema/zeebe/1.0">'
        f'<process id="{process_id}" isExecutable="true">'
        '<startEvent id="s"><outgoing>a</outgoing></startEvent>'
        '<serviceTask id="t"><extensionElements><zeebe:taskDefinition '
        f'type="{JOB_TYPE}"/></extensionElements><incoming>a</incoming><outgoing>b</outgoing>'
        '</serviceTask><endEvent id="e"><incoming>b</incoming></endEvent>'
        '<sequenceFlow id="a" sourceRef="s" targetRef="t"/>'
        '<sequenceFlow id="b" sourceRef="t" targetRef="e"/></process></definitions>'
    )
    return Resource(f"{process_id}.bpmn", text.encode())


class Flight:
    """Keeps a number of instances in flight and times them from creation to completion."""

    def __init__(self, in_flight: int) -> None:
        self._slots = asyncio.Semaphore(in_flight)
        self._started: dict[int, float] = {}
        self._ended_early: set[int] = set()
        self.times_s: list[float] = []

    async def run(self, create: Create, seconds: float) -> float:
        """Create instances for ``seconds``; return how many completed per second."""
        end = time.perf_counter() + seconds
        creating: set[asyncio.Future[None]] = set()
        while time.perf_counter() < end:
            await self._slots.acquire()
            task = asyncio.ensure_future(self._one(create))
            creating.add(task)
            task.add_done_callback(creating.discard)
        completed = len(self.times_s)
        while creating or self._started:  # Let those in flight land; they do not count.
            await asyncio.sleep(0.01)
        return completed / seconds

    async def _one(self, create: Create) -> None:
        started = time.perf_counter()
        key = await create()
        if key in self._ended_early:
            self._ended_early.discard(key)
            self.times_s.append(time.perf_counter() - started)
        else:
            self._started[key] = started

    def completed(self, key: int) -> None:
        started = self._started.pop(key, None)
        if started is None:
            self._ended_early.add(key)
        else:
            self.times_s.append(time.perf_counter() - started)
        self._slots.release()

    def figures(self, per_second: float) -> dict[str, float]:
        ordered = sorted(self.times_s) or [0.0]
        return {
            "instances_per_s": round(per_second, 1),
            "p50_ms": round(ordered[len(ordered) // 2] * 1000, 1),
            "p99_ms": round(ordered[int(len(ordered) * 0.99)] * 1000, 1),
        }


async def in_process(data: Path, seconds: float, in_flight: int) -> dict[str, float]:
    engine = Engine.open(data)
    await engine.start()
    client = EmbeddedClient(engine)
    await client.deploy([drawing("bench")])
    flight = Flight(in_flight)

    async def handle(job: ActivatedJob) -> None:
        await client.complete_job(job.key, {"done": True})
        flight.completed(job.process_instance_key)

    async def create() -> int:
        return (await client.create_instance("bench", VARIABLES)).process_instance_key

    await client.subscribe_jobs(
        JOB_TYPE, handle, worker="bench", timeout_ms=30_000, max_active=in_flight
    )
    per_second = await flight.run(create, seconds)
    await engine.close()
    return flight.figures(per_second)


async def through_grpc(target: str, seconds: float, in_flight: int) -> dict[str, float]:
    async with grpc.aio.insecure_channel(target) as channel:

        def stub(name: str) -> Any:
            method = METHODS[name]
            make = channel.unary_stream if method.streams else channel.unary_unary
            return make(
                method.path,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.response.FromString,
            )

        create_stub, complete_stub = stub("CreateProcessInstance"), stub("CompleteJob")
        resource = drawing("bench")
        resources = [pb.Resource(name=resource.name, content=resource.content)]
        await stub("DeployResource")(pb.DeployResourceRequest(resources=resources))
        flight = Flight(in_flight)
        creation = pb.CreateProcessInstanceRequest(
            bpmnProcessId="bench", version=-1, variables=json.dumps(VARIABLES)
        )

        async def create() -> int:
            key: int = (await create_stub(creation)).processInstanceKey
            return key

        async def complete(job: pb.ActivatedJob) -> None:
            await complete_stub(pb.CompleteJobRequest(jobKey=job.key, variables='{"done":true}'))
            flight.completed(job.processInstanceKey)

        async def serve() -> None:
            request = pb.StreamActivatedJobsRequest(type=JOB_TYPE, worker="bench", timeout=30_000)
            running: set[asyncio.Future[None]] = set()
            async for job in stub("StreamActivatedJobs")(request):
                task = asyncio.ensure_future(complete(job))
                running.add(task)
                task.add_done_callback(running.discard)

        serving = asyncio.ensure_future(serve())
        await asyncio.sleep(1)  # A stream gets only what comes after it was opened.
        per_second = await flight.run(create, seconds)
        serving.cancel()
        return flight.figures(per_second)


def _serve(data: str, ports: Any) -> None:
    async def main() -> None:
        engine = Engine.open(Path(data))
        await engine.start()
        gateway = GatewayServer(engine, port=0)
        await gateway.start()
        ports.put(gateway.port)
        await asyncio.Event().wait()

    uvloop.run(main())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", help="a running gateway; without it, engines of our own")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--in-flight", type=int, default=64)
    options = parser.parse_args()
    settings = (options.seconds, options.in_flight)
    if options.target:
        print(json.dumps({"grpc": uvloop.run(through_grpc(options.target, *settings))}))
        return
    with tempfile.TemporaryDirectory() as folder:
        figures = {"in_process": uvloop.run(in_process(Path(folder) / "a", *settings))}
        context = multiprocessing.get_context("spawn")
        ports = context.Queue()
        child = context.Process(target=_serve, args=(f"{folder}/b", ports), daemon=True)
        child.start()
        figures["grpc"] = uvloop.run(through_grpc(f"127.0.0.1:{ports.get(timeout=30)}", *settings))
        child.terminate()
        child.join()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
