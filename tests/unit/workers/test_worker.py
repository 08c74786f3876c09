"""The worker: what it subscribes to, and that every job gets its answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from phee.errors import InputTooLarge, InvalidInput, NotFound, Overloaded, Unavailable
from phee.gateway.backoff import Backoff
from phee.workers import BpmnError, Job, JobFailed, Worker, execution, job


@job("echo", max_active=2, timeout_ms=1234)
async def echo(job: Job, variables: dict[str, Any]) -> dict[str, Any]:
    return {"seen": variables, "operation": job.operation_id, "type": job.type}


@job("fail")
async def fail(job: Job) -> None:
    raise ConnectionError("down")


@job("refuse")
async def refuse(job: Job) -> None:
    raise BpmnError("NO", "no funds", variables={"v": 1})


async def _worker(client: Any, *handlers: Any, **options: Any) -> Worker:
    worker = Worker(client, handlers, **options)
    await worker.start()
    return worker


async def test_each_tenant_has_its_own_suffixed_type(client: Any) -> None:
    worker = await _worker(client, echo, tenant_ids=["<default>", "rhino", "gorilla"], name="me")
    wishes = {
        job_type: subscription.options["tenant_ids"]
        for job_type, subscription in client.subscriptions.items()
    }
    assert wishes == {
        "echo": ("<default>", "rhino", "gorilla"),
        "echo-rhino": ("rhino",),
        "echo-gorilla": ("gorilla",),
    }
    options = client.subscriptions["echo-rhino"].options
    assert (options["worker"], options["timeout_ms"], options["max_active"]) == ("me", 1234, 2)
    await worker.close()
    assert all(subscription.closed for subscription in client.subscriptions.values())


async def test_every_outcome_is_answered_and_counted(client: Any) -> None:
    worker = await _worker(client, echo, fail, refuse, tenant_ids=["rhino"], operation_scope="hub1")
    await client.give("echo-rhino", {"a": 1}, tenant_id="rhino")
    await client.give("fail")
    await client.give("refuse")
    assert client.answers[0] == (
        "complete",
        1,
        {"seen": {"a": 1}, "operation": "hub1-1", "type": "echo-rhino"},
    )
    assert client.answers[1][:2] == ("fail", 2)
    assert client.answers[1][2]["retries"] == 2
    assert client.answers[1][2]["retry_backoff_ms"] > 0
    assert client.answers[2] == (
        "throw",
        3,
        {"error_code": "NO", "error_message": "no funds", "variables": {"v": 1}},
    )
    counters = worker.counters
    assert counters.activated == {"echo-rhino": 1, "fail": 1, "refuse": 1}
    assert counters.handled == {
        ("completed", "echo-rhino"): 1,
        ("failed", "fail"): 1,
        ("error_thrown", "refuse"): 1,
    }
    assert sum(counters.durations["fail"]) == 1
    assert counters.active == 0
    await worker.close()


async def test_no_retries_left_means_no_back_off(client: Any) -> None:
    worker = await _worker(client, fail)
    await client.give("fail", retries=1)
    assert client.answers[0][2]["retries"] == 0
    assert client.answers[0][2]["retry_backoff_ms"] == 0
    await worker.close()


async def test_an_answer_that_comes_too_late_is_counted_not_fatal(client: Any) -> None:
    worker = await _worker(client, echo)
    client.failures = [NotFound("no such job")]
    await client.give("echo")
    await client.give("echo")
    assert [answer[1] for answer in client.answers] == [2]
    assert worker.counters.handled == {("lost", "echo"): 1, ("completed", "echo"): 1}
    await worker.close()


async def test_an_answer_is_repeated_while_nobody_takes_it(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "_ANSWER_BACKOFF", Backoff(1, 2))
    worker = await _worker(client, echo)
    client.failures = [Unavailable("down"), Overloaded("busy"), Unavailable("down")]
    await client.give("echo")
    assert worker.counters.handled == {("completed", "echo"): 1}
    client.failures = [Unavailable("down")] * execution.ANSWER_TRIES
    await client.give("echo")
    assert worker.counters.handled["lost", "echo"] == 1
    assert client.failures == []
    await worker.close()


async def test_an_answer_that_is_refused_becomes_an_incident(client: Any) -> None:
    worker = await _worker(client, echo)
    client.failures = [InputTooLarge("The variables are too large")]
    await client.give("echo")
    ((name, _, details),) = client.answers
    assert (name, details["retries"]) == ("fail", 0)
    assert "too large" in details["error_message"]
    client.failures = [InvalidInput("no"), InvalidInput("no")]
    await client.give("echo")
    assert worker.counters.handled["lost", "echo"] == 1
    await worker.close()


async def test_jobs_at_once_are_bounded_over_all_types(client: Any) -> None:
    running = 0
    most = 0
    gate = asyncio.Event()

    @job("slow", max_active=2)
    async def slow(job: Job) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await gate.wait()
        running -= 1

    worker = await _worker(client, slow, tenant_ids=["rhino"])
    tasks = [client.give(each) for each in ("slow", "slow-rhino", "slow", "slow-rhino")]
    await asyncio.sleep(0.01)
    assert most == 2
    gate.set()
    await asyncio.gather(*tasks)
    assert most == 2
    assert len(client.answers) == 4
    await worker.close()


async def test_closing_waits_for_jobs_in_work(client: Any) -> None:
    @job("slow")
    async def slow(job: Job) -> None:
        await asyncio.sleep(0.05)

    worker = await _worker(client, slow)
    client.give("slow")
    await worker.close()
    assert client.answers == [("complete", 1, {})]
    await worker.close()


async def test_closing_does_not_wait_for_ever(client: Any) -> None:
    @job("stuck")
    async def stuck(job: Job) -> None:
        await asyncio.Event().wait()

    worker = await _worker(client, stuck)
    task = client.give("stuck")
    await worker.close(grace_ms=20)
    assert task.cancelled()
    assert client.answers == []


async def test_a_handler_that_takes_too_long_is_cancelled(client: Any) -> None:
    ended = []

    @job("hangs", timeout_ms=40)
    async def hangs(job: Job) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(job.key)

    worker = await _worker(client, hangs)
    await client.give("hangs", retries=2)
    ((name, _, details),) = client.answers
    assert (name, details["retries"], ended) == ("fail", 1, [1])
    assert "timeout of 40 ms" in details["error_message"]
    await worker.close()


async def test_a_timeout_of_the_handlers_own_is_its_failure(client: Any) -> None:
    @job("impatient")
    async def impatient(job: Job) -> None:
        async with asyncio.timeout(0.001):
            await asyncio.Event().wait()

    worker = await _worker(client, impatient)
    await client.give("impatient")
    assert client.answers[0][2]["error_message"].startswith("TimeoutError")
    await worker.close()


async def test_a_job_that_waited_too_long_for_its_turn_is_left_alone(client: Any) -> None:
    runs = 0

    @job("slow", max_active=1, timeout_ms=50)
    async def slow(job: Job) -> None:
        nonlocal runs
        runs += 1
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)

    worker = await _worker(client, slow)
    await asyncio.gather(client.give("slow"), client.give("slow"))
    assert runs == 1
    assert worker.counters.handled == {("failed", "slow"): 1, ("lost", "slow"): 1}
    await worker.close()


async def test_a_failure_of_the_handlers_own_kind(client: Any) -> None:
    @job("own")
    async def own(job: Job) -> None:
        raise JobFailed("The bank is closed", retries=3, backoff_ms=60_000)

    worker = await _worker(client, own)
    await client.give("own", retries=1)
    assert client.answers[0][2] == {
        "retries": 3,
        "error_message": "The bank is closed",
        "retry_backoff_ms": 60_000,
        "variables": {},
    }
    await worker.close()


def test_two_handlers_for_one_type_are_refused(client: Any) -> None:
    @job("echo")
    async def another(job: Job) -> None: ...

    with pytest.raises(InvalidInput, match="Two handlers"):
        Worker(client, [echo, another])


async def test_logs_hold_no_variables(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    @job("leaky")
    async def leaky(job: Job) -> None:
        raise ValueError("account 12345678")

    worker = await _worker(client, leaky)
    await client.give("leaky", {"account": "12345678"})
    await worker.close()
    output = capsys.readouterr()
    assert "job_failed" in output.out + output.err
    assert "12345678" not in output.out + output.err
