"""A worker and its client through kill -9 of the orchestrator, again and again under load."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from phee.commands import RequestId, Resource
from phee.errors import PheeError, Unavailable
from phee.gateway.grpc_client import GrpcClient
from phee.workers import Job, Worker, job

CHILD = Path(__file__).with_name("hub_child.py")
KILLS = 4
INSTANCES = 120


class Hub:
    """A child that comes back on the same port with the same data."""

    def __init__(self, data: Path, port: int) -> None:
        self.port = port
        self._data = data
        self._child: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, str(CHILD), "--data", str(self._data), "--port", str(self.port)]
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._child.stdout is not None
        assert self._child.stdout.readline().startswith("listening on ")

    def kill(self) -> None:
        assert self._child is not None
        self._child.kill()
        self._child.wait()
        assert self._child.stdout is not None
        self._child.stdout.close()


@pytest.fixture
def hub(tmp_path: Path, free_port: int) -> Iterator[Hub]:
    hub = Hub(tmp_path / "data", free_port)
    hub.start()
    yield hub
    hub.kill()


async def _create(client: GrpcClient, number: int) -> int:
    """Create until answered; the request id makes the repetition harmless."""
    request = RequestId(f"payment-{number}", "same")
    while True:
        try:
            created = await client.create_instance("payment", {"n": number}, request=request)
        except Unavailable:
            await asyncio.sleep(0.05)
        else:
            return created.process_instance_key


@pytest.mark.slow
async def test_no_payment_is_lost_and_none_is_made_twice(
    hub: Hub, draw: Callable[..., Resource]
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    client = GrpcClient(f"127.0.0.1:{hub.port}", call_timeout_ms=5_000, poll_every_ms=500)
    ended: Counter[int] = Counter()
    operations: dict[int, set[str]] = defaultdict(set)

    @job("hold", timeout_ms=1_000)
    async def hold(job: Job) -> None:
        operations[job.variables["n"]].add(job.operation_id)
        await asyncio.sleep(chance.random() / 100)

    @job("end", timeout_ms=1_000)
    async def end(job: Job) -> None:
        ended[job.variables["n"]] += 1

    await client.deploy([draw("payment", "hold", "end")])
    worker = Worker(client, [hold, end])
    await worker.start()
    creating = asyncio.gather(*(_create(client, number) for number in range(INSTANCES)))
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0.02, 0.4))
        hub.kill()
        await asyncio.to_thread(hub.start)
    keys = await creating
    async with asyncio.timeout(60):
        while len(ended) < INSTANCES or not await _all_gone(client, keys):
            await asyncio.sleep(0.1)
    await worker.close()
    await client.close()
    assert len(set(keys)) == INSTANCES, "each request made one instance"
    assert all(len(ids) == 1 for ids in operations.values()), "a job done again says so"


async def _all_gone(client: GrpcClient, keys: list[int]) -> bool:
    """Whether every instance has ended: then its variables cannot be set."""
    for key in keys:
        try:
            await client.set_variables(key, {})
        except Unavailable:
            return False
        except PheeError:
            continue
        return False
    return True
