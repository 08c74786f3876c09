"""The client over gRPC: restarts, gateways of others, slots. The calls are contract-tested."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import grpc
import pytest

from phee import commands
from phee.commands import ActivatedJob, CreatedProcessInstance, RequestId
from phee.errors import NotFound, NotSupported, Unavailable
from phee.gateway.grpc_client import NO_POSITION, GrpcClient
from phee.gateway.job_messages import job_message
from phee.gateway.methods import METHODS, SERVICE
from phee.gateway.proto import gateway_pb2 as pb
from phee.gateway.server import GatewayServer

CREATED = CreatedProcessInstance(11, 12, "payment", 2, "rhino", 99, repeated=True)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
async def client(gateway: GatewayServer) -> AsyncIterator[GrpcClient]:
    client = GrpcClient(f"127.0.0.1:{gateway.port}", poll_every_ms=100)
    yield client
    await client.close()


class Received:
    """A handler that keeps jobs and lets them go when told to."""

    def __init__(self, *, hold: bool = False) -> None:
        self.keys: list[int] = []
        self.now = 0
        self.most = 0
        self.gate = asyncio.Event()
        if not hold:
            self.gate.set()

    async def __call__(self, job: ActivatedJob) -> None:
        self.keys.append(job.key)
        self.now += 1
        self.most = max(self.most, self.now)
        await self.gate.wait()
        self.now -= 1


async def _subscribe(client: GrpcClient, received: Any, max_active: int = 8) -> Any:
    return await client.subscribe_jobs(
        "pay",
        received,
        worker="w",
        timeout_ms=1000,
        max_active=max_active,
        fetch_variables=["a"],
        tenant_ids=["<default>", "rhino"],
    )


async def test_jobs_come_from_the_stream_and_from_before_it(
    engine: Any, client: GrpcClient, job: ActivatedJob
) -> None:
    engine.jobs.append(replace(job, key=1))
    received = Received()
    subscription = await _subscribe(client, received)
    await _until(lambda: received.keys == [1])
    (stream,) = engine.streams
    assert stream.options["tenant_ids"] == ("<default>", "rhino")
    stream.deliver([replace(job, key=2)])
    await _until(lambda: received.keys == [1, 2])
    engine.jobs.append(replace(job, key=3))  # Nobody pushes this one: the slow poll finds it.
    await _until(lambda: received.keys == [1, 2, 3])
    await subscription.close()
    await _until(lambda: stream.closed)


async def test_a_job_arrives_as_it_was_sent(
    engine: Any, client: GrpcClient, job: ActivatedJob
) -> None:
    got: list[ActivatedJob] = []

    async def keep(job: ActivatedJob) -> None:
        got.append(job)

    engine.jobs.append(job)
    await _subscribe(client, keep)
    await _until(lambda: bool(got))
    assert got == [job]


async def test_no_more_than_asked_for_at_once(
    engine: Any, client: GrpcClient, job: ActivatedJob
) -> None:
    received = Received(hold=True)
    engine.jobs.extend(replace(job, key=key) for key in range(1, 4))
    await _subscribe(client, received, max_active=2)
    await _until(lambda: received.now == 2)
    engine.streams[0].deliver([replace(job, key=key) for key in range(4, 9)])
    await asyncio.sleep(0.1)
    assert received.most == 2
    received.gate.set()
    await _until(lambda: sorted(received.keys) == list(range(1, 9)))
    assert received.most == 2


async def test_what_arrived_and_was_not_begun_goes_back(
    engine: Any, client: GrpcClient, job: ActivatedJob
) -> None:
    received = Received(hold=True)
    subscription = await _subscribe(client, received, max_active=1)
    await _until(lambda: bool(engine.streams))
    await _until(lambda: bool(engine.seen_of(commands.ActivateJobs)))
    engine.streams[0].deliver([replace(job, key=1)])
    await _until(lambda: received.now == 1)
    # The only slot is taken; the poll may not take it either.
    engine.streams[0].deliver([replace(job, key=2)])
    await asyncio.sleep(0.05)
    await subscription.close()
    received.gate.set()
    assert received.keys == [1]


async def test_a_subscription_survives_a_restart(
    engine: Any, gateway: GatewayServer, client: GrpcClient, job: ActivatedJob
) -> None:
    received = Received()
    await _subscribe(client, received)
    await _until(lambda: len(engine.streams) == 1)
    await gateway.stop(grace_ms=0)
    with pytest.raises(Unavailable):
        await client.complete_job(1, {})
    again = GatewayServer(engine, port=gateway.port, tenant_known=lambda _: True)
    await again.start()
    engine.jobs.append(replace(job, key=1))
    await _until(lambda: received.keys == [1])
    await _until(lambda: len(engine.streams) >= 2)
    engine.streams[-1].deliver([replace(job, key=2)])
    await _until(lambda: received.keys == [1, 2])
    await again.stop(grace_ms=0)


async def test_errors_are_ours(engine: Any, client: GrpcClient, not_found: NotFound) -> None:
    engine.answers[commands.CompleteJob] = not_found
    with pytest.raises(NotFound, match="Command 'COMPLETE' rejected with code 'NOT_FOUND'"):
        await client.complete_job(1, {})


async def test_a_request_id_travels(engine: Any, client: GrpcClient) -> None:
    engine.answers[commands.CreateProcessInstance] = CREATED
    created = await client.create_instance(
        "payment", {}, tenant_id="rhino", request=RequestId("c-1", "d")
    )
    assert engine.seen[0].request == RequestId("c-1", "d")
    assert created.repeated
    assert created.position == 99


class Foreign:
    """A gateway that knows neither streams nor anything of ours."""

    def __init__(self) -> None:
        self.jobs: asyncio.Queue[ActivatedJob] = asyncio.Queue()
        self.server = grpc.aio.server()
        calls = {
            "Topology": grpc.unary_unary_rpc_method_handler(
                self._topology, **self._codec("Topology")
            ),
            "CreateProcessInstance": grpc.unary_unary_rpc_method_handler(
                self._create, **self._codec("CreateProcessInstance")
            ),
            "ActivateJobs": grpc.unary_stream_rpc_method_handler(
                self._activate, **self._codec("ActivateJobs")
            ),
        }
        handler = grpc.method_handlers_generic_handler(SERVICE, calls)
        self.server.add_generic_rpc_handlers((handler,))
        self.port = self.server.add_insecure_port("127.0.0.1:0")

    def _codec(self, name: str) -> dict[str, Any]:
        return {
            "request_deserializer": METHODS[name].request.FromString,
            "response_serializer": METHODS[name].response.SerializeToString,
        }

    async def _topology(self, request: Any, context: Any) -> pb.TopologyResponse:
        return pb.TopologyResponse(gatewayVersion="8.5.8")

    async def _create(self, request: Any, context: Any) -> pb.CreateProcessInstanceResponse:
        return pb.CreateProcessInstanceResponse(processInstanceKey=5, bpmnProcessId="payment")

    async def _activate(self, request: Any, context: Any) -> None:
        assert request.requestTimeout > 0, "without a stream the poll must wait"
        job = await self.jobs.get()
        await context.write(pb.ActivateJobsResponse(jobs=[job_message(job)]))


@pytest.fixture
async def foreign() -> AsyncIterator[Foreign]:
    gateway = Foreign()
    await gateway.server.start()
    yield gateway
    await gateway.server.stop(None)


async def test_a_gateway_without_streams_is_polled(foreign: Foreign, job: ActivatedJob) -> None:
    client = GrpcClient(f"127.0.0.1:{foreign.port}")
    received = Received()
    await _subscribe(client, received)
    for key in (1, 2):
        await foreign.jobs.put(replace(job, key=key))
    await _until(lambda: received.keys == [1, 2])
    await client.close()


async def test_at_most_once_is_not_promised_where_it_cannot_be_held(foreign: Foreign) -> None:
    client = GrpcClient(f"127.0.0.1:{foreign.port}")
    with pytest.raises(NotSupported, match="at most once"):
        await client.create_instance("payment", {}, request=RequestId("c", "d"))
    created = await client.create_instance("payment", {})
    assert (created.process_instance_key, created.position) == (5, NO_POSITION)
    assert created.tenant_id == "<default>"
    await client.close()
    knowing = GrpcClient(f"127.0.0.1:{foreign.port}", foreign_requests="ignore")
    await knowing.create_instance("payment", {}, request=RequestId("c", "d"))
    await knowing.close()


async def test_nobody_there_is_unavailable(unused_port: int) -> None:
    client = GrpcClient(f"127.0.0.1:{unused_port}", call_timeout_ms=2000)
    with pytest.raises(Unavailable):
        await client.complete_job(1, {})
    await client.close()


def test_the_client_port_is_light() -> None:
    """Importing the port brings neither gRPC nor the engine's store."""
    code = "import sys, phee.gateway.client; print(*sorted(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert not {b"grpc", b"rocksdict", b"google.protobuf"} & set(modules.split())
