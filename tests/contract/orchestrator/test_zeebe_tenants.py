"""Tenants on a cluster that has none: nobody gets what is another's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from orchestrator_world import Inbox, drawing, gone

from phee import flows
from phee.commands import ActivatedJob, RequestId, Resource
from phee.errors import AlreadyExists, InvalidInput, NotFound, NotSupported
from phee.gateway.grpc_client import GrpcClient
from phee.gateway.zeebe import ZeebeClient, job_feed
from phee.records import DEFAULT_TENANT

Name = Callable[[str], str]
Draw = Callable[..., Resource]
BANKS = ("rhino", "gorilla")


@pytest.fixture
def client(open_client: Any) -> ZeebeClient:
    opened: ZeebeClient = open_client()
    return opened


async def start(client: ZeebeClient, process: str, tenant: str, **variables: Any) -> int:
    created = await client.create_instance(f"{process}-{tenant}", variables, tenant_id=tenant)
    assert created.tenant_id == tenant
    return created.process_instance_key


async def test_tenants_do_not_hear_each_others_messages(
    client: ZeebeClient, draw: Draw, name: Name
) -> None:
    inboxes = {bank: Inbox(client, name) for bank in BANKS}
    for bank in BANKS:
        drawn = draw("payment", "message:quote-error", "seen", tenant=bank)
        assert (await client.deploy([drawn], tenant_id=bank)).processes[0].tenant_id == bank
        await inboxes[bank].open("seen", tenant_ids=[bank])
        await start(client, name("payment"), bank, id="q-1")
    for bank in reversed(BANKS):
        message: dict[str, Any] = {"time_to_live_ms": 60_000, "message_id": "m", "tenant_id": bank}
        await client.publish_message(name("quote-error"), "q-1", {"of": bank}, **message)
        with pytest.raises(AlreadyExists):
            await client.publish_message(name("quote-error"), "q-1", {}, **message)
        job = await inboxes[bank].next("seen")
        assert (job.tenant_id, job.variables["of"]) == (bank, bank)
        await client.complete_job(job.key, {})
        # The other bank's payment still waits: nothing of it came.
        assert all(inbox.waiting("seen") == 0 for inbox in inboxes.values())


async def test_a_message_named_by_an_expression_stays_in_its_tenant(
    client: ZeebeClient, draw: Draw, name: Name
) -> None:
    inbox = Inbox(client, name)
    for bank in BANKS:
        drawn = draw("payment", "message:answer", "seen", tenant=bank)
        plain = f'name="{name("answer")}"'.encode()
        assert plain in drawn.content
        by_kind = f"name='=\"{name('')}\" + kind'".encode()
        content = drawn.content.replace(plain, by_kind)
        await client.deploy([Resource(drawn.name, content)], tenant_id=bank)
        await start(client, name("payment"), bank, id="q-1", kind="answer")
    await inbox.open("seen", tenant_ids=BANKS)
    for bank in BANKS:
        await client.publish_message(
            name("answer"), "q-1", {"of": bank}, time_to_live_ms=60_000, tenant_id=bank
        )
        job = await inbox.next("seen")
        assert job.tenant_id == job.variables["of"] == bank
        await client.complete_job(job.key, {})


async def test_a_job_goes_to_its_tenant_alone(client: ZeebeClient, draw: Draw, name: Name) -> None:
    inboxes = {bank: Inbox(client, name) for bank in (*BANKS, DEFAULT_TENANT)}
    for bank in BANKS:
        await client.deploy([draw("payment", "block", tenant=bank)], tenant_id=bank)
    await client.deploy([draw("payment", "block")])
    for bank, inbox in inboxes.items():
        await inbox.open("block", tenant_ids=[bank])
    assert client.open_job_types() == {name("block")}
    for _ in range(5):
        for bank in BANKS:
            await start(client, name("payment"), bank)
        await client.create_instance(name("payment"), {})
    for bank, inbox in inboxes.items():
        for _ in range(5):
            job = await inbox.next("block")
            assert job.tenant_id == bank
            assert job.bpmn_process_id.endswith(bank) or bank == DEFAULT_TENANT
            await client.complete_job(job.key, {})
        await inbox.close()
    assert client.open_job_types() == set()


async def test_a_job_nobody_serves_here_goes_on_unharmed(
    client: ZeebeClient,
    open_client: Any,
    tmp_path: Any,
    draw: Draw,
    name: Name,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(job_feed, "NOT_SERVED_BACKOFF_MS", 1_000)
    await client.deploy([draw("payment", "block", tenant="gorilla")], tenant_id="gorilla")
    inbox = Inbox(client, name)
    await inbox.open("block", tenant_ids=["rhino"])
    key = await start(client, name("payment"), "gorilla")
    theirs = Inbox(open_client(folder=tmp_path / "their"), name)
    await theirs.open("block", tenant_ids=["gorilla"])
    job = await theirs.next("block")
    assert (job.process_instance_key, job.retries, job.tenant_id) == (key, 3, "gorilla")
    await client.complete_job(job.key, {})
    assert inbox.waiting("block") == theirs.waiting("block") == 0


async def test_a_tenant_with_too_much_to_do_leaves_room_for_others(
    client: ZeebeClient, draw: Draw, name: Name, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_feed, "WAITING_MAX", 4)
    for bank in BANKS:
        await client.deploy([draw("payment", "block", tenant=bank)], tenant_id=bank)
    goes_on, busy = asyncio.Event(), asyncio.Event()
    done: list[int] = []
    all_done = asyncio.Event()

    async def slow(job: ActivatedJob) -> None:
        busy.set()
        await goes_on.wait()
        assert job.retries == 3
        await client.complete_job(job.key, {})
        done.append(job.key)
        if len(done) == 20:
            all_done.set()

    settings: dict[str, Any] = {"worker": "w", "timeout_ms": 60_000, "max_active": 2}
    await client.subscribe_jobs(name("block"), slow, tenant_ids=["rhino"], **settings)
    inbox = Inbox(client, name)
    await inbox.open("block", tenant_ids=["gorilla"], max_active=1)
    for _ in range(20):
        await start(client, name("payment"), "rhino")
    await busy.wait()
    for _ in range(3):
        await start(client, name("payment"), "gorilla")
        await client.complete_job((await inbox.next("block")).key, {})
    assert not done
    goes_on.set()
    async with asyncio.timeout(20):
        await all_done.wait()
    assert len(set(done)) == 20


@pytest.mark.parametrize(
    ("process", "tenant"),
    [
        ("payment", "rhino"),
        ("payment-gorilla", "rhino"),
        ("payment-rhino-gorilla", "rhino"),
        ("payment-rhino", DEFAULT_TENANT),
        ("rhino", "rhino"),
    ],
)
async def test_a_process_of_somebody_else_is_refused(
    client: ZeebeClient, name: Name, process: str, tenant: str
) -> None:
    process_id = f"{name('')}{process}" if "-" in process else process
    with pytest.raises(InvalidInput, match="would belong to"):
        await client.deploy([drawing(process_id, "block")], tenant_id=tenant)
    with pytest.raises(NotFound):
        await client.create_instance(process_id, {}, tenant_id=tenant)


async def test_what_only_others_may_set(client: ZeebeClient, draw: Draw, name: Name) -> None:
    await client.deploy([draw("payment", "block")])
    forged = {"pheeRequest": {}}
    calls = [
        client.create_instance(name("payment"), forged),
        client.publish_message("m", "k", forged, time_to_live_ms=0),
        client.complete_job(1, forged),
        client.fail_job(1, retries=1, variables=forged),
        client.throw_error(1, "E", variables=forged),
        client.set_variables(1, forged),
        client.publish_message("quote-error@rhino", "k", {}, time_to_live_ms=0),
    ]
    for call in calls:
        with pytest.raises(InvalidInput):
            await call
    with pytest.raises(NotSupported):
        await client.deploy([Resource("rules.dmn", b"<definitions/>")])


async def test_a_forged_mark_stops_the_job(
    client: ZeebeClient, cluster: str, draw: Draw, name: Name
) -> None:
    await client.deploy([draw("payment", "block")])
    stranger = GrpcClient(cluster)
    await stranger.create_instance(name("payment"), {"pheeRequest": "mine"})
    inbox = Inbox(client, name)
    await inbox.open("block")
    last = await client.create_instance(name("payment"), {})
    assert (await inbox.next("block")).process_instance_key == last.process_instance_key
    await stranger.close()


def calling(process: str, called: str, *, all_variables: bool = True) -> Resource:
    """A process that is one call activity."""
    text = drawing(process, "block").content.decode()
    before, _, rest = text.partition("<serviceTask")
    flow_ends = "<incoming>f0</incoming><outgoing>f1</outgoing>"
    call = (
        '<callActivity id="e0"><extensionElements>'
        f"<zeebe:calledElement processId='{called}'"
        f' propagateAllParentVariables="{str(all_variables).lower()}"/>'
        f"</extensionElements>{flow_ends}</callActivity>"
    )
    text = before + call + rest.partition("</serviceTask>")[2]
    return Resource(f"{process}.bpmn", text.encode())


@pytest.mark.parametrize("all_variables", [True, False])
async def test_a_called_process_knows_its_request(
    client: ZeebeClient,
    open_client: Any,
    tmp_path: Any,
    draw: Draw,
    name: Name,
    all_variables: bool,
) -> None:
    """The instance that lost is ended though its first job is one of a process it called."""
    parent, child = f"{name('parent')}-rhino", f"{name('child')}-rhino"
    by_expression = f'="{name("child")}-" + "rhino"'
    drawings = [
        draw("child", "block", tenant="rhino"),
        calling(parent, by_expression, all_variables=all_variables),
    ]
    await client.deploy(drawings, tenant_id="rhino")
    request = RequestId(f"r-{name('')}", "digest")
    # Another hub's memory does not hold what this one started: to it, that is one more attempt.
    other = open_client(folder=tmp_path / "other")
    lost = await other.create_instance(parent, {}, tenant_id="rhino", request=request)
    await other.close()
    won = await client.create_instance(parent, {}, tenant_id="rhino", request=request)
    assert won.process_instance_key != lost.process_instance_key
    inbox = Inbox(client, name)
    await inbox.open("block", tenant_ids=["rhino"])
    job = await inbox.next("block")
    assert job.bpmn_process_id == child
    await client.complete_job(job.key, {})
    await gone(client, lost.process_instance_key)


async def test_no_call_into_another_tenant(client: ZeebeClient, draw: Draw, name: Name) -> None:
    await client.deploy([draw("child", "block", tenant="gorilla")], tenant_id="gorilla")
    parent, child = f"{name('parent')}-rhino", f"{name('child')}-gorilla"
    with pytest.raises(InvalidInput, match="would belong to gorilla"):
        await client.deploy([calling(parent, child)], tenant_id="rhino")
    await client.deploy([calling(parent, f'="{child}"')], tenant_id="rhino")
    inbox = Inbox(client, name)
    await inbox.open("block", tenant_ids=BANKS)
    stopped = await start(client, name("parent"), "rhino")
    last = await start(client, name("child"), "gorilla")
    assert (await inbox.next("block")).process_instance_key == last
    await client.cancel_instance(stopped)  # it waits with an incident


async def test_every_flow_that_ships_is_accepted(client: ZeebeClient, name: Name) -> None:
    tenant = name("t")[-31:].strip("-")
    deployed = await client.deploy(flows.resources(tenant), tenant_id=tenant)
    assert {process.bpmn_process_id for process in deployed.processes} == {
        flows.process_id(flow, tenant) for flow in flows.FLOWS
    }
    again = await client.deploy(flows.resources(tenant), tenant_id=tenant)
    assert [each.process_definition_key for each in again.processes] == [
        each.process_definition_key for each in deployed.processes
    ]
