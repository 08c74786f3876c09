"""The calls that hand out jobs.

ActivateJobs answers once, StreamActivatedJobs for as long as it is open.
Whatever a client does not get because it went away, or because it does not fit a message, goes
back to the engine, so that no job waits for its deadline without need.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog

from phee.commands import ActivatedJob, ActivateJobs, FailJob
from phee.errors import InvalidInput, PheeError, Unavailable
from phee.gateway.calls import Context
from phee.gateway.counters import GatewayCounters
from phee.gateway.durations import bounded_ms
from phee.gateway.engine_port import EngineJobStream, EnginePort
from phee.gateway.job_messages import MAX_MESSAGE_BYTES, fitting, job_message
from phee.gateway.long_polling import LongPolling
from phee.gateway.proto import gateway_pb2 as pb
from phee.gateway.returned_jobs import JobReturn
from phee.gateway.tenant_check import TenantCheck

STREAM_JOBS_MAX = 256
"""Jobs that may wait in one stream for a client that reads slowly."""

_log = structlog.get_logger(__name__)


class JobCalls:
    """ActivateJobs and StreamActivatedJobs, on one engine."""

    def __init__(self, engine: EnginePort, tenants: TenantCheck, counters: GatewayCounters) -> None:
        self._engine = engine
        self._tenants = tenants
        self._counters = counters
        self._returns = JobReturn(engine, counters)
        self._polling = LongPolling(engine, self._returns, counters)
        self._pushes: set[_Push] = set()
        engine.on_jobs_available(self._polling.wake)

    async def activate_jobs(self, request: pb.ActivateJobsRequest, context: Context) -> None:
        """ActivateJobs: nothing within the request timeout is an ordinary, empty answer."""
        command = ActivateJobs(
            type=_given_type(request.type),
            worker=request.worker,
            timeout_ms=bounded_ms(_positive(request.timeout, "timeout")),
            max_jobs=_positive(request.maxJobsToActivate, "maxJobsToActivate"),
            fetch_variables=tuple(request.fetchVariable),
            tenant_ids=self._tenants.several("ActivateJobs", request.tenantIds),
        )
        jobs = await self._polling.activate(command, bounded_ms(request.requestTimeout))
        if jobs:
            await self._answer(jobs, context)

    async def stream_activated_jobs(
        self, request: pb.StreamActivatedJobsRequest, context: Context
    ) -> None:
        """StreamActivatedJobs: each new job is one message, until the client hangs up."""
        job_type = _given_type(request.type)
        push = _Push()
        stream = self._engine.open_job_stream(
            type=job_type,
            worker=request.worker,
            timeout_ms=bounded_ms(_positive(request.timeout, "timeout")),
            tenant_ids=self._tenants.several("StreamActivatedJobs", request.tenantIds),
            fetch_variables=tuple(request.fetchVariable),
            max_active=STREAM_JOBS_MAX,
            deliver=push.deliver,
        )
        self._pushes.add(push)
        self._counters.open_streams[job_type] += 1
        try:
            await context.send_initial_metadata(())
            await self._push_jobs(push, stream, context)
        finally:
            stream.close()
            self._counters.open_streams[job_type] -= 1
            if not self._counters.open_streams[job_type]:
                del self._counters.open_streams[job_type]  # Clients may ask for any type.
            self._pushes.discard(push)
            self._returns.give_back(tuple(push.jobs))

    def close(self) -> None:
        """End every open call with :class:`phee.errors.Unavailable`."""
        self._polling.close()
        for push in self._pushes:
            push.end()

    async def finish(self) -> None:
        """Wait until all that was given back is back."""
        await self._returns.finish()

    async def _push_jobs(self, push: _Push, stream: EngineJobStream, context: Context) -> None:
        while await push.wait():
            job = push.jobs[0]
            message = job_message(job)
            if message.ByteSize() > MAX_MESSAGE_BYTES:
                await self._refuse(job)
            else:
                await context.write(message)
                self._counters.pushed_jobs[job.type] += 1
            # Only now is it out of our hands: it stays first in line until written.
            push.jobs.popleft()
            stream.done(1)
        raise Unavailable("The gateway is shutting down", fix="Connect again in a moment")

    async def _answer(self, jobs: Sequence[ActivatedJob], context: Context) -> None:
        left = deque(jobs)
        try:
            while left:
                messages = [job_message(job) for job in left]
                count = fitting(messages, MAX_MESSAGE_BYTES)
                if count == 0:
                    await self._refuse(left.popleft())
                    continue
                await context.write(pb.ActivateJobsResponse(jobs=messages[:count]))
                for _ in range(count):
                    left.popleft()
        finally:
            self._returns.give_back(tuple(left))

    async def _refuse(self, job: ActivatedJob) -> None:
        """Turn a job that no message can carry into an incident, instead of trying for ever."""
        text = (
            f"The job with its variables is larger than a message may be ({MAX_MESSAGE_BYTES} "
            "bytes): let the worker fetch only the variables it needs, or make them smaller"
        )
        try:
            await self._engine.submit(FailJob(job.key, 0, error_message=text))
        except PheeError as error:
            _log.warning("job_not_refused", job_key=job.key, reason=str(error))


class _Push:
    """The jobs on their way into one stream."""

    __slots__ = ("_ended", "_wake", "jobs")

    def __init__(self) -> None:
        self.jobs: deque[ActivatedJob] = deque()
        self._wake = asyncio.Event()
        self._ended = False

    def deliver(self, jobs: list[ActivatedJob]) -> None:
        """Called by the engine, in the event loop."""
        self.jobs.extend(jobs)
        self._wake.set()

    def end(self) -> None:
        self._ended = True
        self._wake.set()

    async def wait(self) -> bool:
        """Wait for a job; False when the stream is to end."""
        while not self.jobs and not self._ended:
            self._wake.clear()
            await self._wake.wait()
        return not self._ended


def _given_type(job_type: str) -> str:
    if not job_type or job_type.isspace():
        raise _refused("type to be present, but it was blank")
    return job_type


def _positive(number: int, name: str) -> int:
    if number < 1:
        raise _refused(f"{name} to be greater than zero, but it was '{number}'")
    return number


def _refused(expected: str) -> InvalidInput:
    return InvalidInput(
        "Command 'ACTIVATE' rejected with code 'INVALID_ARGUMENT': "
        f"Expected to activate job batch with {expected}"
    )
