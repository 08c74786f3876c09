"""What every runtime of the client port promises, on a real engine."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from orchestrator_world import catching

from phee.commands import RequestId, Resource
from phee.errors import AlreadyExists, InvalidInput, InvalidState, NotFound
from phee.gateway.client import OrchestratorClient
from phee.workers import BpmnError, Job, JobFailed, Worker, job

Draw = Callable[..., Resource]
Name = Callable[[str], str]


async def test_deploying(client: OrchestratorClient, name: Name, draw: Draw) -> None:
    first = await client.deploy([draw("one", "pay"), draw("two", "pay")])
    assert [(p.bpmn_process_id, p.version) for p in first.processes] == [
        (name("one"), 1),
        (name("two"), 1),
    ]
    assert first.processes[0].resource_name == f"{name('one')}.bpmn"
    assert first.tenant_id == "<default>"
    again = await client.deploy([draw("one", "pay")])
    assert again.processes[0].process_definition_key == first.processes[0].process_definition_key
    changed = await client.deploy([draw("one", "pay", "settle")])
    assert changed.processes[0].version == 2
    theirs = await client.deploy([draw("one", "pay", tenant="rhino")], tenant_id="rhino")
    assert (theirs.tenant_id, theirs.processes[0].version) == ("rhino", 1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not xml",
        b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        b'<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"/>',
    ],
)
async def test_a_broken_drawing_is_refused_with_all_others(
    client: OrchestratorClient, name: Name, draw: Draw, content: bytes
) -> None:
    with pytest.raises(InvalidInput):
        await client.deploy([draw("one", "pay"), Resource("broken.bpmn", content)])
    with pytest.raises(NotFound):
        await client.create_instance(name("one"), {})


async def test_a_payment_runs_to_its_end(
    client: OrchestratorClient, name: Name, draw: Draw, inbox: Any
) -> None:
    await client.deploy([draw("payment", "block", "book")])
    await inbox.open("block", "book")
    created = await client.create_instance(name("payment"), {"amount": "12.50", "who": {"id": 1}})
    assert (created.bpmn_process_id, created.version) == (name("payment"), 1)
    assert not created.repeated
    block = await inbox.next("block")
    assert block.process_instance_key == created.process_instance_key
    assert block.process_definition_key == created.process_definition_key
    assert (block.type, block.element_id, block.bpmn_process_id) == (
        name("block"),
        "e0",
        name("payment"),
    )
    assert dict(block.custom_headers) == {"bank": "north"}
    assert (block.worker, block.retries, block.tenant_id) == ("test", 3, "<default>")
    assert dict(block.variables) == {"amount": "12.50", "who": {"id": 1}}
    await client.complete_job(block.key, {"blocked": True})
    book = await inbox.next("book")
    assert dict(book.variables) == {"amount": "12.50", "who": {"id": 1}, "blocked": True}
    await client.complete_job(book.key, {})
    with pytest.raises(NotFound, match="rejected with code 'NOT_FOUND'"):
        await client.complete_job(book.key, {})
    with pytest.raises(NotFound):
        await client.cancel_instance(created.process_instance_key)


async def test_jobs_that_were_there_before_the_subscription_come_too(
    client: OrchestratorClient, name: Name, draw: Draw, inbox: Any
) -> None:
    await client.deploy([draw("payment", "block")])
    keys = [
        (await client.create_instance(name("payment"), {})).process_instance_key for _ in range(5)
    ]
    await inbox.open("block", max_active=2)
    got = []
    for _ in keys:
        job = await inbox.next("block")
        got.append(job.process_instance_key)
        await client.complete_job(job.key, {})
    assert sorted(got) == sorted(keys)


async def test_only_wanted_variables_come(
    client: OrchestratorClient, name: Name, draw: Draw, inbox: Any
) -> None:
    await client.deploy([draw("payment", "block")])
    await inbox.open("block", fetch_variables=["b", "missing"])
    await client.create_instance(name("payment"), {"a": 1, "b": 2})
    assert dict((await inbox.next("block")).variables) == {"b": 2}


async def test_values_come_back_as_they_were(
    client: OrchestratorClient, name: Name, draw: Draw, inbox: Any
) -> None:
    await client.deploy([draw("payment", "block")])
    await inbox.open("block")
    variables = {
        "text": "käse \u2603 \U0001f4b6",
        "big": 2**53 + 1,
        "negative": -(2**63),
        "fraction": 0.1,
        "truth": False,
        "nothing": None,
        "list": [1, ["a", {"b": []}]],
        "empty": {},
    }
    await client.create_instance(name("payment"), variables)
    assert dict((await inbox.next("block")).variables) == variables


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (Decimal("1.10"), "1.10"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        ((1, 2), [1, 2]),
        ({1: {2: 3}}, {"1": {"2": 3}}),
        (b"x", "eA=="),
        (1e308, 1e308),
    ],
    ids=repr,
)
async def test_values_without_a_json_form_of_their_own(
    client: OrchestratorClient, name: Name, draw: Draw, inbox: Any, value: Any, seen: Any
) -> None:
    await client.deploy([draw("payment", "block")])
    await inbox.open("block")
    await client.create_instance(name("payment"), {"value": value})
    assert (await inbox.next("block")).variables["value"] == seen


DEEP: dict[str, Any] = {}
for _ in range(150):
    DEEP = {"inner": DEEP}


@pytest.mark.parametrize(
    "value",
    [object(), math.nan, -math.inf, 2**63, -(2**63) - 1, 2**70, {None: 1}, "a\ud800", DEEP],
    ids=lambda value: str(value)[:12].encode("ascii", "replace").decode(),
)
async def test_values_that_nobody_can_hold(
    client: OrchestratorClient, name: Name, draw: Draw, value: Any
) -> None:
    await client.deploy([draw("payment", "block")])
    calls = [
        client.create_instance(name("payment"), {"value": value}),
        client.publish_message("m", "k", {"value": value}, time_to_live_ms=0),
        client.complete_job(1, {"value": value}),
        client.fail_job(1, retries=0, variables={"value": value}),
        client.throw_error(1, "E", variables={"value": value}),
        client.set_variables(1, {"value": value}),
    ]
    for call in calls:
        with pytest.raises(InvalidInput):
            await call


async def test_starting_what_is_not_there(
    client: OrchestratorClient, name: Name, draw: Draw
) -> None:
    await client.deploy([draw("payment", "block")])
    with pytest.raises(NotFound, match="Command 'CREATE' rejected with code 'NOT_FOUND'"):
        await client.create_instance(name("other"), {})
    with pytest.raises(NotFound):
        await client.create_instance(name("payment"), {}, version=2)
    with pytest.raises(NotFound):
        await client.create_instance(name("payment"), {}, tenant_id="rhino")


async def test_a_request_creates_one_instance_ever(
    client: OrchestratorClient, name: Name, draw: Draw, inbox: Any
) -> None:
    await client.deploy([draw("payment", "block")])
    request = RequestId("correlation-1", "digest-1")
    first = await client.create_instance(name("payment"), {"n": 1}, request=request)
    again = await client.create_instance(name("payment"), {"n": 1}, request=request)
    assert again.process_instance_key == first.process_instance_key
    assert again.repeated
    assert not first.repeated
    with pytest.raises(AlreadyExists):
        await client.create_instance(
            name("payment"), {}, request=RequestId("correlation-1", "other")
        )
    await inbox.open("block")
    await inbox.next("block")
    await asyncio.sleep(0.05)
    assert inbox.waiting("block") == 0


async def test_cancelling(client: OrchestratorClient, name: Name, draw: Draw, inbox: Any) -> None:
    await client.deploy([draw("payment", "block")])
    await inbox.open("block")
    created = await client.create_instance(name("payment"), {})
    job = await inbox.next("block")
    await client.cancel_instance(created.process_instance_key)
    with pytest.raises(NotFound):
        await client.complete_job(job.key, {})


async def test_messages(client: OrchestratorClient, name: Name, draw: Draw, inbox: Any) -> None:
    await client.deploy([draw("payment", "message:answered", "book")])
    await inbox.open("book")
    await client.create_instance(name("payment"), {"id": "t-1"})
    published = await client.publish_message(
        name("answered"), "t-1", {"ok": True}, time_to_live_ms=60_000, message_id="m-1"
    )
    assert published.key > 0
    assert dict((await inbox.next("book")).variables) == {"id": "t-1", "ok": True}
    with pytest.raises(AlreadyExists, match="rejected with code 'ALREADY_EXISTS'"):
        await client.publish_message(
            name("answered"), "t-1", {}, time_to_live_ms=60_000, message_id="m-1"
        )
    # One that comes early waits for its instance.
    await client.publish_message(name("answered"), "t-2", {"ok": False}, time_to_live_ms=60_000)
    await client.create_instance(name("payment"), {"id": "t-2"})
    assert (await inbox.next("book")).variables["ok"] is False


async def test_failing_and_trying_again(
    client: OrchestratorClient, name: Name, draw: Draw, inbox: Any
) -> None:
    await client.deploy([draw("payment", "block")])
    await inbox.open("block")
    await client.create_instance(name("payment"), {})
    job = await inbox.next("block")
    await client.fail_job(job.key, retries=2, error_message="down", variables={"seen": 1})
    again = await inbox.next("block")
    assert (again.key, again.retries) == (job.key, 2)
    assert again.variables["seen"] == 1
    started = asyncio.get_running_loop().time()
    await client.fail_job(job.key, retries=1, retry_backoff_ms=300)
    later = await inbox.next("block")
    assert later.retries == 1
    assert asyncio.get_running_loop().time() - started > 0.2
    await client.fail_job(job.key, retries=0, error_message="enough")
    with pytest.raises(InvalidState):
        await client.complete_job(job.key, {})
    with pytest.raises(InvalidInput):
        await client.update_job_retries(job.key, 0)
    await client.update_job_retries(job.key, 5)
    with pytest.raises(NotFound):
        await client.resolve_incident(job.key)


async def _resolve_incident(client: OrchestratorClient, after: int) -> list[int]:
    """Resolve the incidents raised after a key was made: their keys are among the next ones."""
    marker = await client.publish_message("marker", "", {}, time_to_live_ms=0)
    resolved = []
    for key in range(after + 1, marker.key):
        with contextlib.suppress(NotFound):
            await client.resolve_incident(key)
            resolved.append(key)
    return resolved


async def test_resolving_an_incident(
    client: OrchestratorClient, name: Name, draw: Draw, inbox: Any
) -> None:
    await client.deploy([draw("payment", "block")])
    await inbox.open("block")
    await client.create_instance(name("payment"), {})
    job = await inbox.next("block")
    await client.fail_job(job.key, retries=0, error_message="enough")
    # As Zeebe says while the job has no retries.
    assert await _resolve_incident(client, job.key) == []
    await client.update_job_retries(job.key, 1)
    (incident_key,) = await _resolve_incident(client, job.key)
    again = await inbox.next("block")
    assert (again.key, again.retries) == (job.key, 1)
    await client.complete_job(job.key, {})
    with pytest.raises(NotFound):
        await client.resolve_incident(incident_key)


async def test_wrong_variables_of_a_worker_raise_an_incident(
    client: OrchestratorClient, name: Name, draw: Draw
) -> None:
    @job(name("typed"))
    async def typed(job: Job, variables: Amount) -> None: ...

    await client.deploy([draw("payment", "typed")])
    worker = Worker(client, [typed])
    await worker.start()
    created = await client.create_instance(name("payment"), {"amount": "much"})
    failed = ("failed", name("typed"))
    async with asyncio.timeout(10):
        while not worker.counters.handled[failed]:
            await asyncio.sleep(0.01)
    await worker.close()
    assert worker.counters.handled == {failed: 1}
    async with asyncio.timeout(10):  # the job has no retries: that is told by who resolves
        assert await _resolve_incident(client, created.process_instance_key) == []


async def test_a_bpmn_error_is_caught(client: OrchestratorClient, name: Name, inbox: Any) -> None:
    await client.deploy([catching(name)])
    await inbox.open("risky", "mend")
    await client.create_instance(name("catching"), {})
    risky = await inbox.next("risky")
    await client.throw_error(
        risky.key, "NO_FUNDS", error_message="none left", variables={"errorCode": "4001"}
    )
    assert (await inbox.next("mend")).variables["errorCode"] == "4001"
    with pytest.raises(NotFound):
        await client.throw_error(risky.key, "NO_FUNDS")


async def test_setting_variables(
    client: OrchestratorClient, name: Name, draw: Draw, inbox: Any
) -> None:
    await client.deploy([draw("payment", "block", "book")])
    await inbox.open("block", "book")
    created = await client.create_instance(name("payment"), {"a": 1})
    block = await inbox.next("block")
    await client.set_variables(created.process_instance_key, {"a": 2, "b": 3})
    await client.set_variables(block.element_instance_key, {"only": "here"}, local=True)
    await client.complete_job(block.key, {})
    assert dict((await inbox.next("book")).variables) == {"a": 2, "b": 3}
    with pytest.raises(NotFound):
        await client.set_variables(2**51 + 2**40, {"a": 1})


async def test_tenants_do_not_see_each_others_jobs(
    client: OrchestratorClient, name: Name, draw: Draw, inbox: Any
) -> None:
    for tenant_id in ("rhino", "gorilla"):
        await client.deploy([draw("payment", "block", tenant=tenant_id)], tenant_id=tenant_id)
    await inbox.open("block", tenant_ids=["rhino"])
    for tenant_id in ("gorilla", "rhino"):
        process = f"{name('payment')}-{tenant_id}"
        await client.create_instance(process, {}, tenant_id=tenant_id)
    assert (await inbox.next("block")).tenant_id == "rhino"
    await asyncio.sleep(0.05)
    assert inbox.waiting("block") == 0


async def test_a_job_whose_time_is_over_goes_to_another(
    client: OrchestratorClient, name: Name, draw: Draw, inbox: Any
) -> None:
    await client.deploy([draw("payment", "block")])
    await inbox.open("block", timeout_ms=100)
    await client.create_instance(name("payment"), {})
    first = await inbox.next("block")
    second = await inbox.next("block")
    assert second.key == first.key
    assert second.deadline > first.deadline
    await client.complete_job(first.key, {})


async def test_a_closed_subscription_gets_nothing(
    client: OrchestratorClient, name: Name, draw: Draw, inbox: Any
) -> None:
    await client.deploy([draw("payment", "block")])
    await inbox.open("block")
    await inbox.close()
    await client.create_instance(name("payment"), {})
    await asyncio.sleep(0.1)
    assert inbox.waiting("block") == 0


class Amount(msgspec.Struct):
    amount: Decimal


async def test_a_worker_does_its_jobs(
    client: OrchestratorClient, name: Name, draw: Draw, inbox: Any
) -> None:
    @job(name("block"))
    async def block(job: Job, variables: dict[str, Any]) -> dict[str, Any]:
        if variables["amount"] == "0":
            raise BpmnError("NO_FUNDS", variables={"why": "zero"})
        return {"held": Decimal(variables["amount"]), "operation": job.operation_id}

    @job(name("flaky"), retries=3)
    async def flaky(job: Job) -> dict[str, Any]:
        if job.retries == 3:
            raise JobFailed("not yet", backoff_ms=50)
        return {"tries_left": job.retries}

    drawing = draw("payment", "block-rhino", "flaky", "seen", tenant="rhino")
    await client.deploy([drawing], tenant_id="rhino")
    worker = Worker(client, [block, flaky], tenant_ids=["<default>", "rhino"])
    await worker.start()
    await inbox.open("seen", tenant_ids=["rhino"])
    process = f"{name('payment')}-rhino"
    for number in range(20):
        await client.create_instance(process, {"amount": f"{number + 1}"}, tenant_id="rhino")
    seen = [await inbox.next("seen") for _ in range(20)]
    assert sorted(int(each.variables["held"]) for each in seen) == list(range(1, 21))
    assert len({each.variables["operation"] for each in seen}) == 20
    assert {each.variables["tries_left"] for each in seen} == {2}
    await worker.close()  # a completion is counted when it is answered: after the next job came
    assert worker.counters.handled == {
        ("completed", f"{name('block')}-rhino"): 20,
        ("failed", name("flaky")): 20,
        ("completed", name("flaky")): 20,
    }
    await worker.close()
