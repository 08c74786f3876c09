"""A request starts one instance that counts, whatever happened to the tries before."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from orchestrator_world import Inbox, gone
from tcp_proxy import TcpProxy

from phee.commands import CreatedProcessInstance, RequestId
from phee.errors import AlreadyExists, InvalidState, Unavailable
from phee.gateway.zeebe import ZeebeClient

CHILD = Path(__file__).with_name("creating_child.py")
STEPS = ("unsent", "sent", "answered", "writing", "written")
RHINO: dict[str, Any] = {"tenant_ids": ["rhino"]}

Name = Callable[[str], str]


class World:
    """A process of rhino with two tasks, and the request that starts it."""

    def __init__(self, draw: Callable[..., Any], name: Name) -> None:
        self.drawing = draw("payment", "block", "book", tenant="rhino")
        self.process = f"{name('payment')}-rhino"
        self.request = RequestId(f"request-of-{self.process}", "digest")
        self.name = name

    async def start(
        self, client: ZeebeClient, request: RequestId | None = None
    ) -> CreatedProcessInstance:
        return await client.create_instance(
            self.process, {"n": 1}, tenant_id="rhino", request=request or self.request
        )


@pytest.fixture
def world(draw: Callable[..., Any], name: Name) -> World:
    return World(draw, name)


async def killed_at(step: str, cluster: str, folder: Path, name: str) -> str:
    """Run the child until it is killed; what it printed."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, str(CHILD), cluster, str(folder / "hub"), step, name),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await child.communicate()
    assert child.returncode == -9
    return output.decode().strip()


@pytest.mark.parametrize("jobs_first", [False, True], ids=["repeat-first", "jobs-first"])
@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_every_step_of_a_creation(
    world: World, open_client: Any, cluster: str, tmp_path: Path, step: str, jobs_first: bool
) -> None:
    client = open_client()
    await client.deploy([world.drawing], tenant_id="rhino")
    await client.close()
    lost_key = await killed_at(step, cluster, tmp_path, world.process)
    client = open_client()
    inbox = Inbox(client, world.name)
    if jobs_first and lost_key:
        await inbox.open("block", **RHINO)
        job = await inbox.next("block")
        assert job.process_instance_key == int(lost_key)
        again = await world.start(client)
        assert again.process_instance_key == int(lost_key)
        assert again.repeated
    else:
        again = await world.start(client)
        assert again.repeated == (step == "written")
        await inbox.open("block", **RHINO)
        job = await inbox.next("block")
        assert job.process_instance_key == again.process_instance_key
    await inbox.open("book", **RHINO)
    await client.complete_job(job.key, {})
    await client.complete_job((await inbox.next("book")).key, {})
    # What another attempt left behind is older than this one, so it comes before it.
    last = await world.start(client, RequestId(f"last-{world.process}", "digest"))
    assert (await inbox.next("block")).process_instance_key == last.process_instance_key
    assert inbox.waiting("block") == inbox.waiting("book") == 0
    if lost_key and int(lost_key) != again.process_instance_key:
        await gone(client, int(lost_key))
    with pytest.raises(AlreadyExists):
        await world.start(client, RequestId(world.request.id, "another digest"))
    await client.cancel_instance(last.process_instance_key)


async def test_an_answer_that_was_lost(
    world: World, open_client: Any, cluster: str, name: Name
) -> None:
    async with TcpProxy(cluster) as proxy:
        client = open_client(proxy.target, call_timeout_ms=3_000)
        await client.deploy([world.drawing], tenant_id="rhino")
        proxy.loses_answers = True
        with pytest.raises(Unavailable):
            await world.start(client)
        assert proxy.answers_lost.is_set()
        proxy.loses_answers = False
        proxy.cut()
        again = await _until_reached(world, client)
        assert not again.repeated
        assert await world.start(client) == _repeated(again)
        inbox = Inbox(client, name)
        await inbox.open("block", **RHINO)
        first = await inbox.next("block")
        assert first.process_instance_key == again.process_instance_key
        last = await world.start(client, RequestId(f"last-{world.process}", "digest"))
        assert (await inbox.next("block")).process_instance_key == last.process_instance_key
        for each in (again, last):
            await client.cancel_instance(each.process_instance_key)
        await inbox.close()
        await client.close()


async def _until_reached(world: World, client: ZeebeClient) -> CreatedProcessInstance:
    async with asyncio.timeout(20):
        while True:
            try:
                return await world.start(client)
            except Unavailable:
                await asyncio.sleep(0.05)


def _repeated(first: CreatedProcessInstance) -> CreatedProcessInstance:
    return CreatedProcessInstance(
        first.process_instance_key,
        first.process_definition_key,
        first.bpmn_process_id,
        first.version,
        first.tenant_id,
        position=-1,
        repeated=True,
    )


async def test_the_same_request_many_times_at_once(world: World, open_client: Any) -> None:
    client = open_client()
    await client.deploy([world.drawing], tenant_id="rhino")
    answers = await asyncio.gather(*(world.start(client) for _ in range(20)))
    assert len({answer.process_instance_key for answer in answers}) == 1
    assert sum(not answer.repeated for answer in answers) == 1
    await client.cancel_instance(answers[0].process_instance_key)


async def test_one_hub_for_a_folder(open_client: Any) -> None:
    open_client()
    with pytest.raises(InvalidState, match="other hub"):
        open_client()


async def test_a_job_in_the_hands_of_a_hub_that_dies(
    world: World, open_client: Any, cluster: str, tmp_path: Path, name: Name
) -> None:
    client = open_client()
    await client.deploy([world.drawing], tenant_id="rhino")
    created = await world.start(client)
    await client.close()
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, str(CHILD), cluster, str(tmp_path / "hub"), "holding", name("block")),
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    operation = (await child.stdout.readline()).decode().strip()
    child.kill()
    await child.wait()
    client = open_client()
    inbox = Inbox(client, name)
    await inbox.open("block", "book", **RHINO)
    job = await inbox.next("block")
    assert operation == f"epoch-{job.key}"
    assert job.retries == 3
    await client.complete_job(job.key, {})
    assert (await inbox.next("book")).process_instance_key == created.process_instance_key
    assert inbox.waiting("block") == 0
    await client.cancel_instance(created.process_instance_key)
    await inbox.close()
