"""pyzeebe, a client that knows nothing of us, against ``phee up``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from grpc_health.v1.health_pb2 import HealthCheckResponse
from pyzeebe import ZeebeClient, ZeebeWorker, create_insecure_channel
from pyzeebe.errors import ProcessDefinitionNotFoundError
from running_hub import MODEL, ZEEBE, Http, UpHub, drawing, eventually, service_task


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpHub]:
    with UpHub(tmp_path_factory.mktemp("pyzeebe") / "hub") as running:
        yield running


@pytest.fixture
async def channel(hub: UpHub) -> AsyncIterator[Any]:
    channel = create_insecure_channel(grpc_address=f"127.0.0.1:{hub.grpc_port}")
    yield channel
    await channel.close()


@pytest.fixture
def client(channel: Any) -> ZeebeClient:
    return ZeebeClient(channel)


WAITING = (
    '<receiveTask id="wait" messageRef="m"/>',
    service_task("greet", "greet"),
)


def waiting_process() -> bytes:
    message = (
        '<message id="m" name="arrived"><extensionElements>'
        '<zeebe:subscription correlationKey="=orderId"/></extensionElements></message>'
    )
    plain = drawing("Order", *WAITING).decode()
    assert f'xmlns:zeebe="{ZEEBE}"' in plain
    assert f'xmlns="{MODEL}"' in plain
    return plain.replace("<process ", f"{message}<process ", 1).encode()


async def test_topology_and_health(client: ZeebeClient, hub: UpHub) -> None:
    topology = await client.topology()
    assert (topology.cluster_size, topology.partitions_count) == (1, 1)
    (broker,) = topology.brokers
    assert broker.port == hub.grpc_port
    assert (await client.healthcheck()).status == HealthCheckResponse.SERVING


async def test_deploy_message_worker_and_result(
    client: ZeebeClient, channel: Any, hub: UpHub, tmp_path: Path
) -> None:
    path = tmp_path / "order.bpmn"
    path.write_bytes(waiting_process())
    deployed = await client.deploy_resource(path)
    assert [each.bpmn_process_id for each in deployed.deployments] == ["Order"]

    worker = ZeebeWorker(channel)

    @worker.task(task_type="greet")
    async def greet(name: str) -> dict[str, str]:
        return {"greeting": f"hello {name}"}

    working = asyncio.create_task(worker.work())
    try:
        result = asyncio.create_task(
            client.run_process_with_result("Order", {"orderId": "o-1"}, timeout=15_000)
        )
        await client.publish_message("arrived", "o-1", {"name": "Ada"}, 30_000, "once")
        finished = await result
        assert finished.variables == {"orderId": "o-1", "name": "Ada", "greeting": "hello Ada"}
    finally:
        await worker.stop()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    status = await asyncio.to_thread(hub.http.read, "/api/v1/status")
    assert status["durablePosition"] > 0


async def test_what_it_starts_is_seen_by_the_tenant_it_starts_it_for(
    client: ZeebeClient, hub: UpHub, tmp_path: Path
) -> None:
    def onboard() -> int:
        return hub.http.post("/api/v1/tenants", {"id": "zebra"}).status

    assert await asyncio.to_thread(onboard) == 200
    path = tmp_path / "quick.bpmn"
    path.write_bytes(drawing("Quick", '<manualTask id="x"/>'))
    await client.deploy_resource(path, tenant_id="zebra")
    created = await client.run_process("Quick", tenant_id="zebra")
    zebra = Http(hub.http_port, "zebra")

    def seen() -> Any:
        return zebra.read("/api/v1/process-instances", bpmnProcessId="Quick", state="COMPLETED")[
            "content"
        ]

    (row,) = await asyncio.to_thread(eventually, seen)
    assert row["processInstanceKey"] == created.process_instance_key
    with pytest.raises(ProcessDefinitionNotFoundError):
        await client.run_process("Quick")
