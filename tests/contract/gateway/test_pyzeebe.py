"""A client that knows nothing of us: pyzeebe, against a gateway in another process."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from grpc_health.v1.health_pb2 import HealthCheckResponse
from pyzeebe import Job, ZeebeClient, ZeebeWorker, create_insecure_channel
from pyzeebe.errors import (
    BusinessError,
    JobNotFoundError,
    MessageAlreadyExistsError,
    ProcessDefinitionNotFoundError,
    ProcessInstanceNotFoundError,
    ProcessInvalidError,
    ProcessTimeoutError,
    UnknownGrpcStatusCodeError,
)
from pyzeebe.grpc_internals.zeebe_adapter import ZeebeAdapter

from phee.commands import Resource

CHILD = Path(__file__).with_name("hub_child.py")
OURS = pytest.mark.skipif("PHEE_TEST_GATEWAY" in os.environ, reason="not so on every gateway")
MISSING = 2**51 + 2**40
"""A key of the only partition that no job has."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The gateway under test: PHEE_TEST_GATEWAY=host:port, or a child process of our own."""
    if named := os.environ.get("PHEE_TEST_GATEWAY"):
        yield named
        return
    command = [sys.executable, str(CHILD), "--data", str(tmp_path_factory.mktemp("hub"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        line = child.stdout.readline()
        assert line.startswith("listening on "), "the child did not start"
        yield f"127.0.0.1:{int(line.split()[-1])}"
        child.terminate()
        assert child.wait(timeout=20) == 0


@pytest.fixture
async def channel(address: str) -> AsyncIterator[Any]:
    channel = create_insecure_channel(grpc_address=address)
    yield channel
    await channel.close()


@pytest.fixture
async def client(channel: Any) -> ZeebeClient:
    return ZeebeClient(channel)


@pytest.fixture
async def deploy(client: ZeebeClient, tmp_path: Path, draw: Callable[..., Resource]) -> Any:
    async def deploy(name: str, *elements: str, tenant_id: str | None = None) -> Any:
        drawing = draw(name, *elements)
        path = tmp_path / drawing.name
        path.write_bytes(drawing.content)
        return await client.deploy_resource(path, tenant_id=tenant_id)

    return deploy


@pytest.fixture
async def work(channel: Any) -> AsyncIterator[Callable[[ZeebeWorker], None]]:
    """Run workers until the test is over."""
    running: list[tuple[ZeebeWorker, asyncio.Task[None]]] = []

    def start(worker: ZeebeWorker) -> None:
        running.append((worker, asyncio.ensure_future(worker.work())))

    yield start
    for worker, task in running:
        await worker.stop()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_is_there(client: ZeebeClient) -> None:
    topology = await client.topology()
    assert topology.cluster_size == 1
    assert topology.brokers[0].partitions[0].role == topology.brokers[0].partitions[0].role.LEADER
    health = await client.healthcheck()
    assert health.status == HealthCheckResponse.SERVING


async def test_deploying_twice_keeps_the_version(deploy: Any) -> None:
    first = await deploy("versions", "x")
    again = await deploy("versions", "x")
    other = await deploy("versions", "x", "y")
    versions = [each.deployments[0].version for each in (first, again, other)]
    assert versions == [1, 1, 2]


@pytest.mark.parametrize("stream", [False, True], ids=["polling", "streaming"])
async def test_a_worker_runs_a_process_with_its_result(
    client: ZeebeClient, channel: Any, deploy: Any, work: Any, stream: bool
) -> None:
    process = f"result-{stream}"
    await deploy(process, f"double-{stream}", f"text-{stream}")
    worker = ZeebeWorker(channel, request_timeout=2000, stream_enabled=stream)

    @worker.task(task_type=f"double-{stream}")
    async def double(number: int) -> dict[str, int]:
        return {"number": number * 2}

    @worker.task(task_type=f"text-{stream}", single_value=True, variable_name="text")
    def text(number: int) -> str:
        return f"n={number}"

    work(worker)
    results = await asyncio.gather(
        *(client.run_process_with_result(process, {"number": n}, timeout=10_000) for n in range(10))
    )
    assert [result.variables for result in results] == [
        {"number": 2 * n, "text": f"n={2 * n}"} for n in range(10)
    ]


async def test_a_failing_task_is_tried_again(
    client: ZeebeClient, channel: Any, deploy: Any, work: Any
) -> None:
    await deploy("retry", "sometimes")
    worker = ZeebeWorker(channel, request_timeout=2000)
    seen: list[int] = []

    @worker.task(task_type="sometimes")
    async def sometimes(job: Job) -> dict[str, list[int]]:
        seen.append(job.retries)
        if job.retries > 1:
            raise ConnectionError("down")
        return {"seen": seen}

    work(worker)
    result = await client.run_process_with_result("retry", timeout=10_000)
    assert result.variables == {"seen": [3, 2, 1]}


async def test_a_business_error_is_caught(
    client: ZeebeClient, channel: Any, work: Any, tmp_path: Path, catching: Resource
) -> None:
    path = tmp_path / catching.name
    path.write_bytes(catching.content)
    await client.deploy_resource(path)
    worker = ZeebeWorker(channel, request_timeout=2000)

    @worker.task(task_type="risky")
    async def risky() -> None:
        raise BusinessError("NO_FUNDS", "none left")

    @worker.task(task_type="mend")
    async def mend() -> dict[str, bool]:
        return {"mended": True}

    work(worker)
    result = await client.run_process_with_result("catching", timeout=10_000)
    assert result.variables == {"mended": True, "errorCode": None}


async def test_messages(client: ZeebeClient, channel: Any, deploy: Any, work: Any) -> None:
    await deploy("waiting", "message:go", "after")
    worker = ZeebeWorker(channel, request_timeout=2000)

    @worker.task(task_type="after")
    async def after(ok: bool) -> dict[str, bool]:
        return {"after": ok}

    work(worker)
    running = asyncio.ensure_future(
        client.run_process_with_result("waiting", {"id": "a"}, timeout=10_000)
    )
    await client.publish_message("go", "a", {"ok": True}, 60_000, message_id="1")
    assert (await running).variables == {"id": "a", "ok": True, "after": True}
    with pytest.raises(MessageAlreadyExistsError):
        await client.publish_message("go", "a", {}, 60_000, message_id="1")


@OURS
async def test_tenants(client: ZeebeClient, channel: Any, deploy: Any, work: Any) -> None:
    answer = await deploy("theirs", "tenanted", tenant_id="rhino")
    assert answer.tenant_id == "rhino"
    with pytest.raises(ProcessDefinitionNotFoundError):
        await client.run_process("theirs")
    created = await client.run_process("theirs", tenant_id="rhino")
    assert created.tenant_id == "rhino"
    worker = ZeebeWorker(channel, request_timeout=2000, tenant_ids=["rhino"])
    done = asyncio.Event()

    @worker.task(task_type="tenanted")
    async def tenanted(job: Job) -> None:
        assert job.tenant_id == "rhino"
        done.set()

    work(worker)
    async with asyncio.timeout(10):
        await done.wait()
    with pytest.raises(UnknownGrpcStatusCodeError) as caught:
        await client.run_process("theirs", tenant_id="lion")
    assert "no such tenant" in str(caught.value.grpc_error)


async def test_cancelling(client: ZeebeClient, deploy: Any) -> None:
    await deploy("endless", "nobody-serves-this")
    created = await client.run_process("endless")
    await client.cancel_process_instance(created.process_instance_key)
    with pytest.raises(ProcessInstanceNotFoundError):
        await client.cancel_process_instance(created.process_instance_key)


async def test_errors_are_pyzeebes(
    client: ZeebeClient, channel: Any, deploy: Any, tmp_path: Path
) -> None:
    await deploy("errors", "nobody-serves-this")
    with pytest.raises(ProcessDefinitionNotFoundError):
        await client.run_process("no-such-process")
    with pytest.raises(ProcessTimeoutError):
        await client.run_process_with_result("errors", timeout=100)
    broken = tmp_path / "broken.bpmn"
    broken.write_text("<not><bpmn/></not>")
    with pytest.raises(ProcessInvalidError):
        await client.deploy_resource(broken)
    adapter = ZeebeAdapter(channel)
    with pytest.raises(JobNotFoundError):
        await adapter.complete_job(MISSING, {})
    with pytest.raises(JobNotFoundError):
        await adapter.fail_job(MISSING, 1, "m", 0, {})
    with pytest.raises(JobNotFoundError):
        await adapter.throw_error(MISSING, "m", {}, "E")


@OURS
async def test_what_is_not_built_says_so(client: ZeebeClient) -> None:
    with pytest.raises(UnknownGrpcStatusCodeError, match="BroadcastSignal is not offered"):
        await client.broadcast_signal("nobody")
