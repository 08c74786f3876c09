"""The same client and workers on a real Zeebe, where `make services` runs one."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from phee.commands import RequestId, Resource
from phee.errors import AlreadyExists, InvalidInput, NotFound, NotSupported
from phee.gateway.grpc_client import NO_POSITION, GrpcClient
from phee.workers import BpmnError, Job, JobFailed, Worker, job

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def target() -> str:
    """Where Zeebe listens: PHEE_TEST_ZEEBE=host:port, or what `make services` started."""
    if named := os.environ.get("PHEE_TEST_ZEEBE"):
        return named
    command = [sys.executable, str(ROOT / "scripts/services.py"), "status", "--json"]
    status = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    if "zeebe" not in status:
        pytest.skip("no Zeebe is running: make services")
    return f"127.0.0.1:{status['zeebe']['grpc']}"


@pytest.fixture
async def zeebe(target: str) -> AsyncIterator[GrpcClient]:
    client = GrpcClient(target, poll_every_ms=1_000)
    yield client
    await client.close()


@pytest.fixture
def name() -> str:
    """A name nobody used before: this Zeebe keeps what earlier tests left."""
    return f"t{uuid4().hex[:12]}"


async def test_a_worker_does_its_jobs(
    zeebe: GrpcClient, draw: Callable[..., Resource], name: str
) -> None:
    done: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    @job(f"{name}-flaky")
    async def flaky(job: Job) -> None:
        if job.retries == 3:
            raise JobFailed("not yet", backoff_ms=100)

    @job(f"{name}-hold")
    async def hold(job: Job, variables: dict[str, Any]) -> dict[str, Any]:
        return {"held": variables["amount"], "operation": job.operation_id}

    @job(f"{name}-seen")
    def seen(job: Job) -> None:
        loop.call_soon_threadsafe(done.put_nowait, dict(job.variables))

    loop = asyncio.get_running_loop()
    answer = await zeebe.deploy(
        [draw(name, f"{name}-flaky", f"{name}-hold", f"message:{name}", f"{name}-seen")]
    )
    assert answer.processes[0].version == 1
    before = await zeebe.create_instance(name, {"id": "0", "amount": "0"})
    assert before.position == NO_POSITION
    worker = Worker(zeebe, [flaky, hold, seen], name="contract")
    await worker.start()
    for number in range(1, 10):
        await zeebe.create_instance(name, {"id": str(number), "amount": f"{number}.10"})
    for number in range(10):
        await zeebe.publish_message(name, str(number), {"ok": True}, time_to_live_ms=60_000)
    async with asyncio.timeout(30):
        results = [await done.get() for _ in range(10)]
    assert {result["id"] for result in results} == {str(number) for number in range(10)}
    assert all(result["ok"] and result["operation"].startswith("job-") for result in results)
    await worker.close()
    assert worker.counters.handled == {
        ("failed", f"{name}-flaky"): 10,
        ("completed", f"{name}-flaky"): 10,
        ("completed", f"{name}-hold"): 10,
        ("completed", f"{name}-seen"): 10,
    }


async def test_a_bpmn_error_is_caught(zeebe: GrpcClient, catching: Resource, name: str) -> None:
    mended = asyncio.Event()

    @job(f"{name}-risky")
    async def risky(job: Job) -> None:
        raise BpmnError("NO_FUNDS", "none left", variables={"errorCode": "4001"})

    @job(f"{name}-mend")
    async def mend(job: Job, variables: dict[str, Any]) -> None:
        assert variables["errorCode"] == "4001"
        mended.set()

    text = catching.content.decode()
    for word in ('type="risky"', 'type="mend"', 'process id="catching"'):
        text = text.replace(word, word.replace('="', f'="{name}-'))
    await zeebe.deploy([Resource(f"{name}.bpmn", text.encode())])
    await zeebe.create_instance(f"{name}-catching", {})
    worker = Worker(zeebe, [risky, mend])
    await worker.start()
    async with asyncio.timeout(20):
        await mended.wait()
    await worker.close()


async def test_errors_are_ours(zeebe: GrpcClient, draw: Callable[..., Resource], name: str) -> None:
    with pytest.raises(NotFound, match="Command 'CREATE' rejected with code 'NOT_FOUND'"):
        await zeebe.create_instance(name, {})
    with pytest.raises(NotFound):
        await zeebe.complete_job(2**51 + 2**40, {})
    with pytest.raises(InvalidInput):
        await zeebe.deploy([Resource("broken.bpmn", b"<no/>")])
    with pytest.raises(NotSupported, match="at most once"):
        await zeebe.create_instance(name, {}, request=RequestId("a", "b"))
    await zeebe.publish_message(name, "k", {}, time_to_live_ms=60_000, message_id="1")
    with pytest.raises(AlreadyExists):
        await zeebe.publish_message(name, "k", {}, time_to_live_ms=60_000, message_id="1")
    await zeebe.deploy([draw(name, "nobody")])
    created = await zeebe.create_instance(name, {})
    await zeebe.set_variables(created.process_instance_key, {"a": 1})
    await zeebe.cancel_instance(created.process_instance_key)
    with pytest.raises(NotFound):
        await zeebe.cancel_instance(created.process_instance_key)
