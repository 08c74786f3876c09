"""An engine on a new directory, and the client port on it in both its runtimes."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest

from phee.commands import ActivatedJob, Resource
from phee.engine import Engine
from phee.gateway.client import OrchestratorClient
from phee.gateway.embedded import EmbeddedClient
from phee.gateway.grpc_client import GrpcClient
from phee.gateway.server import GatewayServer

TENANTS = ("<default>", "rhino", "gorilla")


def drawing(process_id: str, *elements: str, more: str = "") -> Resource:
    """A straight line of elements: a job type, ``message:NAME`` (by variable ``id``)."""
    body, flows, messages = [], [], []
    names = ["start", *(f"e{number}" for number in range(len(elements))), "end"]
    for number, element in enumerate(elements):
        kind, _, name = element.rpartition(":")
        if kind == "message":
            messages.append(
                f'<message id="m{number}" name={quoteattr(name)}><extensionElements>'
                '<zeebe:subscription correlationKey="=id"/></extensionElements></message>'
            )
            body.append(
                f'<intermediateCatchEvent id="e{number}">'
                f'<messageEventDefinition messageRef="m{number}"/></intermediateCatchEvent>'
            )
        else:
            body.append(
                f'<serviceTask id="e{number}"><extensionElements>'
                f'<zeebe:taskDefinition type={quoteattr(name)} retries="3"/>'
                '<zeebe:taskHeaders><zeebe:header key="bank" value="north"/></zeebe:taskHeaders>'
                "</extensionElements></serviceTask>"
            )
    for number, (source, target) in enumerate(pairwise(names)):
        flows.append(f'<sequenceFlow id="f{number}" sourceRef="{source}" targetRef="{target}"/>')
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
        'xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="d" targetNamespace="t">'
        + "".join(messages)
        + f'<process id={quoteattr(process_id)} isExecutable="true"><startEvent id="start"/>'
        + "".join(body)
        + '<endEvent id="end"/>'
        + "".join(flows)
        + more
        + "</process></definitions>"
    )
    return Resource(f"{process_id}.bpmn", text.encode())


CATCHING = drawing(
    "catching",
    "risky",
    more='<boundaryEvent id="caught" attachedToRef="e0"><errorEventDefinition errorRef="err"/>'
    '</boundaryEvent><serviceTask id="mend"><extensionElements><zeebe:taskDefinition type="mend"/>'
    '</extensionElements></serviceTask><endEvent id="mended"/>'
    '<sequenceFlow id="c1" sourceRef="caught" targetRef="mend"/>'
    '<sequenceFlow id="c2" sourceRef="mend" targetRef="mended"/>',
)
CATCHING = Resource(
    CATCHING.name,
    CATCHING.content.replace(
        b"</process>", b'</process><error id="err" name="err" errorCode="NO_FUNDS"/>'
    ),
)


@pytest.fixture
def draw() -> Callable[..., Resource]:
    return drawing


@pytest.fixture
def catching() -> Resource:
    return CATCHING


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    engine = Engine.open(tmp_path / "data")
    await engine.start()
    yield engine
    await engine.close()


@pytest.fixture
async def gateway(engine: Engine) -> AsyncIterator[GatewayServer]:
    server = GatewayServer(engine, port=0, tenant_known=TENANTS.__contains__)
    await server.start()
    yield server
    await server.stop(grace_ms=100)


@pytest.fixture(params=["embedded", "grpc"])
async def client(
    request: pytest.FixtureRequest, engine: Engine
) -> AsyncIterator[OrchestratorClient]:
    if request.param == "embedded":
        yield EmbeddedClient(engine)
        return
    gateway: GatewayServer = await _gateway(engine)
    client = GrpcClient(f"127.0.0.1:{gateway.port}", poll_every_ms=200)
    yield client
    await client.close()
    await gateway.stop(grace_ms=100)


async def _gateway(engine: Engine) -> GatewayServer:
    server = GatewayServer(engine, port=0, tenant_known=TENANTS.__contains__)
    await server.start()
    return server


class Inbox:
    """Jobs by type as they come in, held until the test answers them."""

    def __init__(self, client: OrchestratorClient) -> None:
        self._client = client
        self._jobs: dict[str, asyncio.Queue[ActivatedJob]] = defaultdict(asyncio.Queue)
        self._subscriptions: list[Any] = []

    async def open(self, *job_types: str, **options: Any) -> None:
        settings = {"worker": "test", "timeout_ms": 60_000, "max_active": 32} | options
        for job_type in job_types:
            self._subscriptions.append(
                await self._client.subscribe_jobs(job_type, self._jobs[job_type].put, **settings)
            )

    async def next(self, job_type: str) -> ActivatedJob:
        async with asyncio.timeout(10):
            return await self._jobs[job_type].get()

    def waiting(self, job_type: str) -> int:
        return self._jobs[job_type].qsize()

    async def close(self) -> None:
        for subscription in self._subscriptions:
            await subscription.close()


@pytest.fixture
async def inbox(client: OrchestratorClient) -> AsyncIterator[Inbox]:
    inbox = Inbox(client)
    yield inbox
    await inbox.close()
