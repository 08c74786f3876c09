"""One-task instances through gRPC: the same client on our gateway and on a real Zeebe.

    python -m bench.zeebe_peer phee=127.0.0.1:26500 --start-zeebe --seconds 10 --rounds 3

Each name=address is a gateway; ``--start-zeebe`` adds a real Zeebe that this starts on free ports,
without an exporter, and stops at the end. Rounds alternate between the gateways, so that a slow
spell of the machine hits both. Prints JSON: per gateway and round the instances completed a second
and create-to-job latencies in ms (from the call to the job in the worker's hands), and per gateway
the medians; ``ratio`` is the first gateway's throughput over each other's, round by round.

The client: one channel, one job stream, ``--in-flight`` instances at once, each created, worked on
and completed before the next.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import grpc

from phee.gateway.proto import gateway_pb2 as pb

PROCESS = "bench-one-task"
JOB_TYPE = "bench-one-task-work"
_DRAWING = f"""<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
    xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" targetNamespace="http://phee/bench">
  <process id="{PROCESS}" isExecutable="true">
    <startEvent id="start"><outgoing>a</outgoing></startEvent>
    <sequenceFlow id="a" sourceRef="start" targetRef="work"/>
    <serviceTask id="work">
      <extensionElements><zeebe:taskDefinition type="{JOB_TYPE}"/></extensionElements>
      <incoming>a</incoming><outgoing>b</outgoing>
    </serviceTask>
    <sequenceFlow id="b" sourceRef="work" targetRef="end"/>
    <endEvent id="end"><incoming>b</incoming></endEvent>
  </process>
</definitions>
"""
_STREAM_SETTLES_S = 1.0
_JOB_TIMEOUT_MS = 600_000


@dataclass(frozen=True)
class Round:
    """What one round on one gateway gave; latencies in ms."""

    completed: int
    seconds: float
    per_second: float
    create_to_job_p50_ms: float
    create_to_job_p99_ms: float
    refused: int


class Client:
    """One channel with the few calls of the measurement."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._deploy = _unary(channel, "DeployResource", pb.DeployResourceResponse)
        self._create = _unary(channel, "CreateProcessInstance", pb.CreateProcessInstanceResponse)
        self._complete = _unary(channel, "CompleteJob", pb.CompleteJobResponse)
        self._stream = channel.unary_stream(
            "/gateway_protocol.Gateway/StreamActivatedJobs",
            request_serializer=pb.StreamActivatedJobsRequest.SerializeToString,
            response_deserializer=pb.ActivatedJob.FromString,
        )
        self._arrivals: dict[int, asyncio.Future[tuple[float, int]]] = {}

    async def deploy(self) -> None:
        """Deploy the drawing (again)."""
        resource = pb.Resource(name="one_task.bpmn", content=_DRAWING.encode())
        await self._deploy(pb.DeployResourceRequest(resources=[resource]))

    async def receive_jobs(self) -> None:
        """Hand pushed jobs to the slots that wait for them, until cancelled."""
        request = pb.StreamActivatedJobsRequest(
            type=JOB_TYPE, worker="bench", timeout=_JOB_TIMEOUT_MS, fetchVariable=["number"]
        )
        async for job in self._stream(request):
            number = json.loads(job.variables).get("number")
            waiting = self._arrivals.get(number)
            if waiting and not waiting.done():
                waiting.set_result((time.perf_counter(), job.key))

    async def run_one(self, number: int) -> float:
        """Create an instance, take its job and complete it; return the create-to-job time in s."""
        arrival: asyncio.Future[tuple[float, int]] = asyncio.get_running_loop().create_future()
        self._arrivals[number] = arrival
        request = pb.CreateProcessInstanceRequest(
            bpmnProcessId=PROCESS, version=-1, variables=json.dumps({"number": number})
        )
        begin = time.perf_counter()
        try:
            await self._create(request)
            seen, key = await asyncio.wait_for(arrival, 30)
        finally:
            del self._arrivals[number]
        await self._complete(pb.CompleteJobRequest(jobKey=key, variables="{}"))
        return seen - begin


def _unary(channel: grpc.aio.Channel, name: str, answer: Any) -> Any:
    return channel.unary_unary(
        f"/gateway_protocol.Gateway/{name}",
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=answer.FromString,
    )


class _Measurement:
    """The counters of one round."""

    def __init__(self, client: Client, base: int) -> None:
        self._client = client
        self._number = base
        self.latencies: list[float] = []
        self.refused = 0

    async def slot(self, until: float) -> None:
        """Run one instance after the other until the time ``until``."""
        while time.perf_counter() < until:
            self._number += 1
            try:
                self.latencies.append(await self._client.run_one(self._number))
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                    raise
                self.refused += 1
                await asyncio.sleep(0.005)  # the gateway asked for a pause


async def measure(address: str, seconds: float, in_flight: int, base: int) -> Round:
    """Run ``in_flight`` slots for ``seconds`` on the gateway at ``address``."""
    async with grpc.aio.insecure_channel(address) as channel:
        client = Client(channel)
        await client.deploy()
        receiver = asyncio.create_task(client.receive_jobs())
        await asyncio.sleep(_STREAM_SETTLES_S)  # no answer tells that a stream is open
        round_ = _Measurement(client, base)
        begin = time.perf_counter()
        await asyncio.gather(*(round_.slot(begin + seconds) for _ in range(in_flight)))
        elapsed = time.perf_counter() - begin
        receiver.cancel()
        await asyncio.gather(receiver, return_exceptions=True)
    p50, p99 = _percentiles(round_.latencies)
    done = len(round_.latencies)
    return Round(done, round(elapsed, 3), round(done / elapsed, 1), p50, p99, round_.refused)


def _percentiles(latencies: Sequence[float]) -> tuple[float, float]:
    assert len(latencies) > 1, "nothing was completed"
    cuts = statistics.quantiles(latencies, n=100)
    return round(cuts[49] * 1000, 2), round(cuts[98] * 1000, 2)


def compare(
    gateways: Mapping[str, str], *, seconds: float, in_flight: int, rounds: int, warm_up_s: float
) -> dict[str, Any]:
    """Alternate ``rounds`` rounds (after an unmeasured one) over ``gateways``."""
    results: dict[str, list[Round]] = {name: [] for name in gateways}
    base = time.time_ns() // 1_000_000 % 1_000_000_000 * 1000  # numbers of no earlier run
    for number in range(rounds + 1):
        for name, address in gateways.items():
            length = seconds if number else warm_up_s
            one = asyncio.run(measure(address, length, in_flight, base))
            base += 1_000_000
            if number:
                results[name].append(one)
    return {
        "in_flight": in_flight,
        "gateways": {name: _summary(done) for name, done in results.items()},
        "ratio": _ratios(results),
    }


def _summary(rounds: Sequence[Round]) -> dict[str, Any]:
    medians = {
        field: statistics.median(getattr(one, field) for one in rounds)
        for field in ("per_second", "create_to_job_p50_ms", "create_to_job_p99_ms")
    }
    return {**medians, "rounds": [asdict(one) for one in rounds]}


def _ratios(results: Mapping[str, Sequence[Round]]) -> dict[str, Any]:
    (first, ours), *others = results.items()
    return {
        f"{first}/{name}": [
            round(a.per_second / b.per_second, 2) for a, b in zip(ours, theirs, strict=True)
        ]
        for name, theirs in others
    }


@contextmanager
def real_zeebe() -> Iterator[str]:
    """Start a Zeebe without exporters on free ports in a folder of its own; yield its address."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))
    from real_components import process
    from real_components.operate import free_ports, start_component
    from real_components.zeebe import Zeebe

    zeebe = Zeebe()
    with tempfile.TemporaryDirectory(prefix="bench-zeebe-") as folder:
        running = start_component(zeebe, Path(folder), free_ports(zeebe), {})
        try:
            yield f"127.0.0.1:{running.ports['grpc']}"
        finally:
            process.stop(running)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("gateway", nargs="*", help="name=host:port")
    parser.add_argument("--start-zeebe", action="store_true")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--warm-up", type=float, default=20, help="s; a JVM needs some")
    parser.add_argument("--in-flight", type=int, default=16)
    options = parser.parse_args(arguments)
    gateways = dict(gateway.split("=", 1) for gateway in options.gateway)
    with real_zeebe() if options.start_zeebe else nullcontext(None) as started:
        if started:
            gateways["zeebe"] = started
        if not gateways:
            parser.error("name a gateway, or --start-zeebe")
        result = compare(
            gateways,
            seconds=options.seconds,
            in_flight=options.in_flight,
            rounds=options.rounds,
            warm_up_s=options.warm_up,
        )
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
