"""An engine of a few lines, to see what the gateway asks of one and to answer as a test needs."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import grpc.aio
import pytest

from phee import commands
from phee.commands import ActivatedJob
from phee.errors import NotFound
from phee.gateway.methods import METHODS
from phee.gateway.server import GatewayServer

JOB = ActivatedJob(
    key=2251799813685251,
    type="pay",
    process_instance_key=2251799813685249,
    bpmn_process_id="payment",
    process_definition_version=3,
    process_definition_key=2251799813685248,
    element_id="task",
    element_instance_key=2251799813685250,
    custom_headers={"bank": "north"},
    worker="w",
    retries=3,
    deadline=1_700_000_000_000,
    variables={"transactionId": "t-1"},
    tenant_id="<default>",
)


class FakeStream:
    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.deliver: Callable[[list[ActivatedJob]], None] = options["deliver"]
        self.done_count = 0
        self.closed = False

    def done(self, count: int = 1) -> None:
        self.done_count += count

    def close(self) -> None:
        self.closed = True


class FakeEngine:
    """Keeps every command; answers from ``answers`` by command class, or with Done."""

    def __init__(self) -> None:
        self.seen: list[commands.Command] = []
        self.answers: dict[type, Any] = {}
        self.jobs: deque[ActivatedJob] = deque()
        self.streams: list[FakeStream] = []
        self.listeners: list[Callable[[str], None]] = []

    async def submit(self, command: commands.Command) -> Any:
        self.seen.append(command)
        answer = self.answers.get(type(command))
        if callable(answer):
            answer = answer(command)
            if hasattr(answer, "__await__"):
                answer = await answer
        if isinstance(answer, Exception):
            raise answer
        if answer is None and isinstance(command, commands.ActivateJobs):
            return self._activate(command)
        return commands.Done(7, 70) if answer is None else answer

    def _activate(self, command: commands.ActivateJobs) -> list[ActivatedJob]:
        count = min(command.max_jobs, len(self.jobs))
        return [replace(self.jobs.popleft(), worker=command.worker) for _ in range(count)]

    def open_job_stream(self, **options: Any) -> FakeStream:
        stream = FakeStream(options)
        self.streams.append(stream)
        return stream

    def on_jobs_available(self, callback: Callable[[str], None]) -> None:
        self.listeners.append(callback)

    def offer(self, *jobs: ActivatedJob) -> None:
        """Jobs appear, and the gateway is told so."""
        self.jobs.extend(jobs)
        for listener in self.listeners:
            listener("pay")

    def seen_of(self, kind: type) -> list[Any]:
        return [command for command in self.seen if isinstance(command, kind)]


class Caller:
    """Calls by name, with plain gRPC: what a client sends is what the test says."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel

    def __call__(self, name: str, request: Any = None, **options: Any) -> Any:
        method = METHODS[name]
        make = self.channel.unary_stream if method.streams else self.channel.unary_unary
        stub = make(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
        return stub(method.request() if request is None else request, timeout=10, **options)


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
async def gateway(engine: FakeEngine) -> AsyncIterator[GatewayServer]:
    server = GatewayServer(engine, port=0, tenant_known={"rhino", "gorilla"}.__contains__)
    await server.start()
    yield server
    await server.stop(grace_ms=0)


@pytest.fixture
async def caller(gateway: GatewayServer) -> AsyncIterator[Caller]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.port}") as channel:
        yield Caller(channel)


@pytest.fixture
def job() -> ActivatedJob:
    return JOB


@pytest.fixture
def not_found() -> NotFound:
    return NotFound("Command 'COMPLETE' rejected with code 'NOT_FOUND': no such job")


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
