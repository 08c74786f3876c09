"""Every runtime of the orchestrator behind the client port, and names that nobody used before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from orchestrator_world import Inbox, drawing
from zeebe_broker import zeebe_gateway

from phee.commands import CreatedProcessInstance, Resource
from phee.engine import Engine
from phee.errors import NotFound
from phee.gateway.client import OrchestratorClient
from phee.gateway.embedded import EmbeddedClient
from phee.gateway.grpc_client import GrpcClient
from phee.gateway.server import GatewayServer
from phee.gateway.zeebe import ZeebeAddress, ZeebeClient
from phee.records import DEFAULT_TENANT

TENANTS = (DEFAULT_TENANT, "rhino", "gorilla")
RUNTIMES = [
    "embedded",
    "grpc",
    "zeebe-client",  # on a gateway of ours that knows no tenants
    pytest.param("zeebe", marks=pytest.mark.services),
]


@pytest.fixture(scope="session")
def zeebe_target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a real Zeebe, for the whole run."""
    with zeebe_gateway(tmp_path_factory.mktemp("zeebe")) as target:
        yield target


@pytest.fixture
def name() -> Callable[[str], str]:
    """Makes a word one that nobody used before: a real Zeebe keeps what earlier tests left."""
    prefix = f"t{uuid4().hex[:12]}"
    return lambda word: f"{prefix}-{word}"


@pytest.fixture
def draw(name: Callable[[str], str]) -> Callable[..., Resource]:
    """A line of elements under new names; ``tenant`` goes to the end of the process id."""

    def draw_named(process: str, *elements: str, tenant: str = DEFAULT_TENANT) -> Resource:
        return drawing(of_tenant(name(process), tenant), *(_named(each, name) for each in elements))

    return draw_named


def of_tenant(process_id: str, tenant_id: str) -> str:
    return process_id if tenant_id == DEFAULT_TENANT else f"{process_id}-{tenant_id}"


def _named(element: str, name: Callable[[str], str]) -> str:
    kind, colon, word = element.rpartition(":")
    return f"{kind}{colon}{name(word)}"


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def client(
    runtime: str, request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[OrchestratorClient]:
    """The client port on one runtime; what the test started there is ended after it."""
    async with AsyncExitStack() as stack:
        if runtime == "zeebe":
            target = request.getfixturevalue("zeebe_target")
            client = zeebe_client(target, tmp_path)
            stack.push_async_callback(client.close)
            created = _note_created(client)
            yield client
            await _end(client, created)
            return
        engine = await stack.enter_async_context(running_engine(tmp_path))
        if runtime == "embedded":
            yield EmbeddedClient(engine)
            return
        known = TENANTS.__contains__ if runtime == "grpc" else {DEFAULT_TENANT}.__contains__
        gateway = GatewayServer(engine, port=0, tenant_known=known)
        await gateway.start()
        stack.push_async_callback(gateway.stop, grace_ms=100)
        target = f"127.0.0.1:{gateway.port}"
        over_wire = (
            GrpcClient(target, poll_every_ms=200)
            if runtime == "grpc"
            else zeebe_client(target, tmp_path)
        )
        stack.push_async_callback(over_wire.close)
        yield over_wire


def zeebe_client(target: str, folder: Path, **settings: Any) -> ZeebeClient:
    return ZeebeClient(
        ZeebeAddress(target),
        folder / "hub",
        tenant_known=TENANTS.__contains__,
        **{"poll_every_ms": 300} | settings,
    )


@asynccontextmanager
async def running_engine(folder: Path) -> AsyncIterator[Engine]:
    engine = Engine.open(folder / "engine")
    await engine.start()
    yield engine
    await engine.close()


def _note_created(client: ZeebeClient) -> set[int]:
    created: set[int] = set()
    create = client.create_instance

    async def noting(*arguments: Any, **options: Any) -> CreatedProcessInstance:
        answer = await create(*arguments, **options)
        created.add(answer.process_instance_key)
        return answer

    client.create_instance = noting  # type: ignore[method-assign]
    return created


async def _end(client: ZeebeClient, keys: set[int]) -> None:
    for key in keys:
        try:
            await client.cancel_instance(key)
        except NotFound:
            continue


@pytest.fixture
async def inbox(client: OrchestratorClient, name: Callable[[str], str]) -> AsyncIterator[Inbox]:
    inbox = Inbox(client, name)
    yield inbox
    await inbox.close()
