"""ActivateJobs and StreamActivatedJobs: who gets which job, and what happens to the others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import grpc
import pytest
from grpc.aio import AioRpcError

from phee import commands
from phee.commands import ActivatedJob
from phee.errors import Overloaded
from phee.gateway.counters import GatewayCounters
from phee.gateway.long_polling import LongPolling
from phee.gateway.methods import METHODS
from phee.gateway.proto import gateway_pb2 as pb
from phee.gateway.returned_jobs import JobReturn
from phee.gateway.server import GatewayServer


def _request(**more: Any) -> pb.ActivateJobsRequest:
    fields: dict[str, Any] = {
        "type": "pay",
        "worker": "w",
        "timeout": 1000,
        "maxJobsToActivate": 5,
        "requestTimeout": 5000,
    }
    return pb.ActivateJobsRequest(**(fields | more))


async def _jobs(call: Any) -> list[int]:
    return [job.key async for response in call for job in response.jobs]


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_job_arrives_with_all_its_fields(
    engine: Any, caller: Any, job: ActivatedJob
) -> None:
    engine.jobs.append(job)
    call = caller(
        "ActivateJobs",
        _request(fetchVariable=["transactionId"], tenantIds=["rhino", "", "gorilla", "rhino"]),
    )
    (response,) = [response async for response in call]
    assert engine.seen == [
        commands.ActivateJobs(
            "pay", "w", 1000, 5, ("transactionId",), ("rhino", "<default>", "gorilla")
        )
    ]
    assert response.jobs[0] == pb.ActivatedJob(
        key=job.key,
        type="pay",
        processInstanceKey=job.process_instance_key,
        bpmnProcessId="payment",
        processDefinitionVersion=3,
        processDefinitionKey=job.process_definition_key,
        elementId="task",
        elementInstanceKey=job.element_instance_key,
        customHeaders='{"bank":"north"}',
        worker="w",
        retries=3,
        deadline=job.deadline,
        variables='{"transactionId":"t-1"}',
        tenantId="<default>",
    )


@pytest.mark.parametrize(
    "wrong", [{"type": ""}, {"type": " "}, {"timeout": 0}, {"maxJobsToActivate": 0}]
)
async def test_a_request_that_makes_no_sense_is_refused(
    engine: Any, caller: Any, wrong: dict[str, Any]
) -> None:
    with pytest.raises(AioRpcError) as caught:
        await _jobs(caller("ActivateJobs", _request(**wrong)))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "Command 'ACTIVATE' rejected with code 'INVALID_ARGUMENT'" in caught.value.details()
    assert not engine.seen


async def test_below_zero_does_not_wait(caller: Any) -> None:
    started = time.monotonic()
    assert await _jobs(caller("ActivateJobs", _request(requestTimeout=-1))) == []
    assert time.monotonic() - started < 1


async def test_the_end_of_the_wait_is_an_ordinary_empty_answer(
    gateway: GatewayServer, caller: Any
) -> None:
    started = time.monotonic()
    assert await _jobs(caller("ActivateJobs", _request(requestTimeout=300))) == []
    assert 0.25 < time.monotonic() - started < 2
    assert gateway.counters.handled["ActivateJobs", "OK"] == 1


async def test_zero_is_the_servers_own_wait(
    engine: Any, gateway: GatewayServer, caller: Any, job: ActivatedJob
) -> None:
    call = caller("ActivateJobs", _request(requestTimeout=0))
    waiting = asyncio.ensure_future(_jobs(call))
    await _until(lambda: gateway.counters.queued_polls["pay"] == 1)
    engine.offer(job)
    assert await waiting == [job.key]


async def test_parked_calls_are_served_in_order(
    engine: Any, gateway: GatewayServer, caller: Any, job: ActivatedJob
) -> None:
    waiting = []
    for number in range(3):
        request = _request(maxJobsToActivate=2, worker=f"w{number}")
        waiting.append(asyncio.ensure_future(_jobs(caller("ActivateJobs", request))))
        await _until(lambda n=number: gateway.counters.queued_polls["pay"] == n + 1)
    engine.offer(*(replace(job, key=key) for key in range(1, 6)))
    assert [await each for each in waiting] == [[1, 2], [3, 4], [5]]
    assert gateway.counters.queued_polls["pay"] == 0


async def test_a_woken_call_that_is_gone_passes_its_turn_on(engine: Any, job: ActivatedJob) -> None:
    counters = GatewayCounters()
    polling = LongPolling(engine, JobReturn(engine, counters), counters)
    command = commands.ActivateJobs("pay", "w", 1000, 5)
    first, second = (asyncio.ensure_future(polling.activate(command, 5000)) for _ in range(2))
    await _until(lambda: counters.queued_polls["pay"] == 2)
    engine.jobs.append(job)
    polling.wake("pay")
    first.cancel()
    assert [each.key for each in await second] == [job.key]
    assert first.cancelled()


async def test_jobs_taken_for_a_client_that_is_gone_go_back(
    engine: Any, gateway: GatewayServer, caller: Any, job: ActivatedJob
) -> None:
    hold = asyncio.Event()

    async def slow(_command: Any) -> list[ActivatedJob]:
        await hold.wait()
        return [job]

    engine.answers[commands.ActivateJobs] = slow
    call = caller("ActivateJobs", _request())
    reading = asyncio.ensure_future(_jobs(call))
    await _until(lambda: bool(engine.seen))
    call.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await _until(lambda: gateway.counters.handled["ActivateJobs", "CANCELLED"] == 1)
    hold.set()
    await _until(lambda: bool(engine.seen_of(commands.FailJob)))
    assert engine.seen_of(commands.FailJob) == [commands.FailJob(job.key, job.retries)]


async def test_more_than_a_message_holds_comes_in_several(
    engine: Any, caller: Any, job: ActivatedJob
) -> None:
    big = {"text": "x" * 1_500_000}
    engine.jobs.extend(replace(job, key=key, variables=big) for key in range(1, 6))
    responses = [r async for r in caller("ActivateJobs", _request())]
    assert [[job.key for job in response.jobs] for response in responses] == [[1, 2], [3, 4], [5]]


async def test_a_job_that_no_message_holds_becomes_an_incident(
    engine: Any, caller: Any, job: ActivatedJob
) -> None:
    engine.jobs.extend([replace(job, key=1, variables={"t": "x" * 5_000_000}), replace(job, key=2)])
    assert await _jobs(caller("ActivateJobs", _request())) == [2]
    (failed,) = engine.seen_of(commands.FailJob)
    assert (failed.job_key, failed.retries) == (1, 0)
    assert "larger than a message" in failed.error_message


async def test_back_pressure_reaches_the_client(engine: Any, caller: Any) -> None:
    engine.answers[commands.ActivateJobs] = Overloaded("too much at once")
    with pytest.raises(AioRpcError) as caught:
        await _jobs(caller("ActivateJobs", _request()))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_stopping_ends_parked_calls(gateway: GatewayServer, caller: Any) -> None:
    poll = asyncio.ensure_future(_jobs(caller("ActivateJobs", _request())))
    stream = caller("StreamActivatedJobs", pb.StreamActivatedJobsRequest(type="pay", timeout=1))
    await stream.initial_metadata()
    await _until(lambda: gateway.counters.queued_polls["pay"] == 1)
    await gateway.stop(grace_ms=2000)
    for call in (poll, stream.read()):
        with pytest.raises(AioRpcError) as caught:
            await call
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def _open(engine: Any, caller: Any) -> tuple[Any, Any]:
    request = pb.StreamActivatedJobsRequest(
        type="pay", worker="w", timeout=1000, fetchVariable=["a"], tenantIds=["rhino"]
    )
    call = caller("StreamActivatedJobs", request)
    await call.initial_metadata()
    return call, engine.streams[-1]


async def test_a_stream_pushes_each_job_in_a_message(
    engine: Any, gateway: GatewayServer, caller: Any, job: ActivatedJob
) -> None:
    call, stream = await _open(engine, caller)
    assert gateway.counters.open_streams["pay"] == 1
    options = {key: value for key, value in stream.options.items() if key != "deliver"}
    assert options == {
        "type": "pay",
        "worker": "w",
        "timeout_ms": 1000,
        "tenant_ids": ("rhino",),
        "fetch_variables": ("a",),
        "max_active": 256,
    }
    stream.deliver([job, replace(job, key=2)])
    assert [(await call.read()).key for _ in range(2)] == [job.key, 2]
    await _until(lambda: stream.done_count == 2)
    call.cancel()
    await _until(lambda: stream.closed)
    assert gateway.counters.open_streams["pay"] == 0
    assert gateway.counters.pushed_jobs["pay"] == 2


async def test_what_a_closed_stream_did_not_send_goes_back(
    engine: Any, gateway: GatewayServer, caller: Any, job: ActivatedJob
) -> None:
    call, stream = await _open(engine, caller)
    big = {"text": "x" * 3_000_000}
    stream.deliver([replace(job, key=key, variables=big) for key in range(1, 11)])
    assert (await call.read()).key == 1
    call.cancel()
    await _until(lambda: stream.closed)
    await gateway._job_calls.finish()
    returned = [command.job_key for command in engine.seen_of(commands.FailJob)]
    assert returned == list(range(11 - len(returned), 11))
    assert all(command.retries == 3 for command in engine.seen_of(commands.FailJob))
    assert gateway.counters.handled == {("StreamActivatedJobs", "CANCELLED"): 1}


async def test_a_client_that_leaves_at_any_moment_is_no_fault(
    engine: Any, gateway: GatewayServer, caller: Any, job: ActivatedJob
) -> None:
    for moment_ms in range(20):
        call, stream = await _open(engine, caller)
        big = {"text": "x" * 500_000}
        stream.deliver([replace(job, key=key, variables=big) for key in range(1, 6)])
        await call.read()
        await asyncio.sleep(moment_ms / 2000)
        call.cancel()
        await _until(lambda stream=stream: stream.closed)
    assert set(gateway.counters.handled) == {("StreamActivatedJobs", "CANCELLED")}


async def test_a_message_that_cannot_be_sent_is_no_fault(gateway: GatewayServer) -> None:
    async def writes_to_nobody(_request: Any, _context: Any) -> None:
        raise grpc.aio.InternalError("Failed to send")

    call = gateway._guarded(METHODS["StreamActivatedJobs"], writes_to_nobody)
    with pytest.raises(asyncio.CancelledError):
        await call(b"", None)  # type: ignore[arg-type]
    assert gateway.counters.handled == {("StreamActivatedJobs", "CANCELLED"): 1}


async def test_a_job_too_big_for_the_stream_becomes_an_incident(
    engine: Any, caller: Any, job: ActivatedJob
) -> None:
    call, stream = await _open(engine, caller)
    stream.deliver([replace(job, key=1, variables={"t": "x" * 5_000_000}), replace(job, key=2)])
    assert (await call.read()).key == 2
    assert [(c.job_key, c.retries) for c in engine.seen_of(commands.FailJob)] == [(1, 0)]
    call.cancel()
