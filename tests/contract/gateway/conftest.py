"""An engine on a new directory, and the client port on it in both its runtimes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from orchestrator_world import Inbox, drawing
from orchestrator_world import catching as drawn_catching

from phee.cli.demo.ports import free_ports
from phee.commands import Resource
from phee.engine import Engine
from phee.gateway.client import OrchestratorClient
from phee.gateway.embedded import EmbeddedClient
from phee.gateway.grpc_client import GrpcClient
from phee.gateway.server import GatewayServer

TENANTS = ("<default>", "rhino", "gorilla")


@pytest.fixture
def draw() -> Callable[..., Resource]:
    return drawing


@pytest.fixture
def catching() -> Resource:
    return drawn_catching()


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


@pytest.fixture
async def inbox(client: OrchestratorClient) -> AsyncIterator[Inbox]:
    inbox = Inbox(client)
    yield inbox
    await inbox.close()


@pytest.fixture
def free_port() -> int:
    return free_ports(1)[0]
