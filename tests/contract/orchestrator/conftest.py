"""Every runtime of the orchestrator behind the client port, and names that nobody used before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from orchestrator_world import Inbox, drawing
from zeebe_broker import Broker, zeebe_broker

from phee.commands import CreatedProcessInstance, Resource
from phee.engine import Engine
from phee.errors import NotFound
from phee.gateway.client import OrchestratorClient
from phee.gateway.embedded import EmbeddedClient
from phee.gateway.grpc_client import GrpcClient
from phee.gateway.server import GatewayServer
from phee.gateway.zeebe import ZeebeAddress, ZeebeClient
from phee.records import DEFAULT_TENANT

OpenClient = Callable[..., ZeebeClient]
TENANTS = (DEFAULT_TENANT, "rhino", "gorilla")
RUNTIMES = [
    "embedded",
    "grpc",
    "zeebe-client",  # on a gateway of ours that knows no tenants
    pytest.param("zeebe", marks=pytest.mark.services),
]


@pytest.fixture(scope="session")
def zeebe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker | str]:
    """A real Zeebe for the whole run: a broker of ours, or where another's is."""
    with zeebe_broker(tmp_path_factory.mktemp("zeebe")) as broker:
        yield broker


@pytest.fixture
def zeebe_target(zeebe: Broker | str) -> str:
    """host:port of a real Zeebe."""
    return zeebe if isinstance(zeebe, str) else zeebe.target


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
async def client(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    """The client port on one runtime."""
    async with AsyncExitStack() as stack:
        yield await _client(str(request.param), request, tmp_path, stack)


async def _client(
    runtime: str, request: pytest.FixtureRequest, folder: Path, stack: AsyncExitStack
) -> OrchestratorClient:
    if runtime == "zeebe":
        client = zeebe_client(request.getfixturevalue("zeebe_target"), folder)
        stack.push_async_callback(client.close)
        stack.push_async_callback(_end, client, _note_created(client))
        return client
    engine = await stack.enter_async_context(running_engine(folder))
    if runtime == "embedded":
        return EmbeddedClient(engine)
    tenants = TENANTS if runtime == "grpc" else (DEFAULT_TENANT,)
    target = await stack.enter_async_context(running_gateway(engine, tenants))
    over_wire = (
        GrpcClient(target, poll_every_ms=200) if runtime == "grpc" else zeebe_client(target, folder)
    )
    stack.push_async_callback(over_wire.close)
    return over_wire


@pytest.fixture(params=["ours", pytest.param("zeebe", marks=pytest.mark.services)])
async def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """host:port of a gateway that knows no tenants: ours, or a real Zeebe's."""
    if request.param == "zeebe":
        yield request.getfixturevalue("zeebe_target")
        return
    async with (
        running_engine(tmp_path) as engine,
        running_gateway(engine, (DEFAULT_TENANT,)) as target,
    ):
        yield target


@pytest.fixture
async def open_client(cluster: str, tmp_path: Path) -> AsyncIterator[OpenClient]:
    """Opens clients of that cluster, one after another on one folder unless told otherwise."""
    opened: list[ZeebeClient] = []

    def open_one(target: str = cluster, folder: Path = tmp_path, **settings: Any) -> ZeebeClient:
        opened.append(zeebe_client(target, folder, **settings))
        return opened[-1]

    yield open_one
    for client in opened:
        await client.close()


def zeebe_client(target: str, folder: Path, **settings: Any) -> ZeebeClient:
    return ZeebeClient(
        ZeebeAddress(target),
        folder / "hub",
        tenant_known=TENANTS.__contains__,
        **{"poll_every_ms": 300} | settings,
    )


@asynccontextmanager
async def running_gateway(engine: Engine, tenants: tuple[str, ...]) -> AsyncIterator[str]:
    gateway = GatewayServer(engine, port=0, tenant_known=tenants.__contains__)
    await gateway.start()
    yield f"127.0.0.1:{gateway.port}"
    await gateway.stop(grace_ms=100)


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
