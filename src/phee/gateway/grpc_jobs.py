"""Jobs over gRPC: a stream for new ones, polling for those that were there before.

A stream pushes only jobs that become available while it is open, so a poll follows each opening
and then runs now and then. A gateway without streams is polled all the time. Whatever breaks is
opened again with growing waits, for as long as the subscription lives.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import structlog
from grpc.aio import AioRpcError, UnaryStreamCall

from phee.commands import ActivatedJob
from phee.errors import PheeError
from phee.gateway.backoff import Backoff
from phee.gateway.grpc_calls import GrpcCalls
from phee.gateway.job_messages import job_from_message
from phee.gateway.job_slots import JobSlots
from phee.gateway.proto import gateway_pb2 as pb

LONG_POLL_MS = 10_000
POLL_JOBS_MAX = 32
_ANSWER_GRACE_S = 10.0
_OPENING_WAIT_S = 1.0
_LIVED_LONG_S = 1.0
_RECONNECT = Backoff(initial_ms=100, max_ms=2_000)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JobWish:
    """Which jobs are wanted, and how many at once."""

    type: str
    worker: str
    timeout_ms: int
    max_active: int
    fetch_variables: tuple[str, ...]
    tenant_ids: tuple[str, ...]


class GrpcSubscription:
    """Implements :class:`phee.gateway.client.JobSubscription`."""

    def __init__(
        self,
        calls: GrpcCalls,
        wish: JobWish,
        handler: Callable[[ActivatedJob], Awaitable[None]],
        poll_every_ms: int,
    ) -> None:
        self.on_close: Callable[[GrpcSubscription], None] | None = None
        self._calls = calls
        self._wish = wish
        self._handler = handler
        self._poll_every_s = poll_every_ms / 1000
        self._slots = JobSlots(wish.max_active)
        self._streaming = True
        self._poll_now = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._running: set[asyncio.Future[None]] = set()
        self._unused: list[pb.ActivatedJob] = []

    def start(self) -> None:
        """Begin to receive jobs, in the background."""
        self._loops = [
            asyncio.ensure_future(self._keep(self._follow_stream, "job_stream")),
            asyncio.ensure_future(self._keep(self._poll, "job_poll")),
        ]

    def grow(self, count: int) -> None:
        """Take ``count`` more jobs at once from now on (or fewer, if it is negative)."""
        self._slots.give_back(count)

    async def close(self) -> None:
        """Stop receiving jobs; those handed out are finished by their tasks."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self._give_back_unused()
        if self.on_close is not None:
            self.on_close(self)

    async def _keep(self, follow: Callable[[], Awaitable[str]], name: str) -> None:
        """Run ``follow`` again, after a wait, whenever it ends while it is still of use."""
        attempt = 0
        while True:
            begun_s = time.monotonic()
            try:
                status = await follow()
            except AioRpcError as failure:
                status = failure.code().name
            if name == "job_stream" and not self._streaming:
                return
            lived_long = time.monotonic() - begun_s > _LIVED_LONG_S
            attempt = 1 if lived_long else attempt + 1
            delay_ms = _RECONNECT.delay_ms(attempt, f"{self._wish.worker}/{self._wish.type}")
            if name == "job_stream" or not self._streaming:  # One line for one lost connection.
                _log.warning(
                    f"{name}_ended", job_type=self._wish.type, status=status, again_in_ms=delay_ms
                )
            await asyncio.sleep(delay_ms / 1000)

    async def _follow_stream(self) -> str:
        call = self._calls.stream(
            "StreamActivatedJobs",
            pb.StreamActivatedJobsRequest(
                type=self._wish.type,
                worker=self._wish.worker,
                timeout=self._wish.timeout_ms,
                fetchVariable=self._wish.fetch_variables,
                tenantIds=self._wish.tenant_ids,
            ),
        )
        try:
            await _opened(call)
            self._poll_now.set()
            await self._read(call)
        except AioRpcError as failure:
            if failure.code() is not grpc.StatusCode.UNIMPLEMENTED:
                raise
            self._streaming = False
            self._poll_now.set()
        finally:
            call.cancel()
        return "OK"

    async def _read(self, call: UnaryStreamCall[Any, Any]) -> None:
        while True:
            # Not reading while all slots are taken makes the gateway hold jobs back.
            await self._slots.wait_free()
            message = await call.read()
            if not isinstance(message, pb.ActivatedJob):
                return  # The end of the stream.
            self._unused.append(message)
            await self._slots.take()
            self._unused.remove(message)
            self._begin(message)

    async def _poll(self) -> str:
        await self._wait_for_stream()
        while True:
            await self._slots.wait_free()
            reserved = self._slots.take_up_to(POLL_JOBS_MAX)
            jobs: list[pb.ActivatedJob] = []
            try:
                await self._activate(reserved, jobs)
            finally:
                self._slots.give_back(reserved - len(jobs))
            for message in jobs:
                self._begin(message)
            if not jobs and self._streaming:
                await self._wait_for_stream()

    async def _wait_for_stream(self) -> None:
        """Wait until the stream is opened (again), or until the next look is due."""
        waiting = asyncio.ensure_future(self._poll_now.wait())
        try:
            await asyncio.wait((waiting,), timeout=self._poll_every_s)
        finally:
            waiting.cancel()
        self._poll_now.clear()

    async def _activate(self, count: int, jobs: list[pb.ActivatedJob]) -> None:
        """Add up to ``count`` jobs to ``jobs``."""
        wait_ms = -1 if self._streaming else LONG_POLL_MS
        call = self._calls.stream(
            "ActivateJobs",
            pb.ActivateJobsRequest(
                type=self._wish.type,
                worker=self._wish.worker,
                timeout=self._wish.timeout_ms,
                maxJobsToActivate=count,
                fetchVariable=self._wish.fetch_variables,
                requestTimeout=wait_ms,
                tenantIds=self._wish.tenant_ids,
            ),
            timeout_s=max(wait_ms, 0) / 1000 + _ANSWER_GRACE_S,
        )
        async for response in call:
            jobs.extend(response.jobs)

    async def _give_back_unused(self) -> None:
        """Give back what arrived and was not begun, instead of letting it wait for its time."""
        while self._unused:
            job = self._unused.pop()
            request = pb.FailJobRequest(jobKey=job.key, retries=job.retries)
            try:
                await self._calls.unary("FailJob", request)
            except PheeError as error:
                _log.warning("job_not_given_back", job_key=job.key, reason=error.code)

    def _begin(self, message: pb.ActivatedJob) -> None:
        """Handle one job, whose slot is taken."""
        task = asyncio.ensure_future(self._handler(job_from_message(message)))
        self._running.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Future[None]) -> None:
        self._running.discard(task)
        self._slots.give_back(1)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("job_handler_raised", error=type(error).__name__)


async def _opened(call: UnaryStreamCall[Any, Any]) -> None:
    """Wait until the gateway has taken the call; not every one says so before its first job."""
    try:
        async with asyncio.timeout(_OPENING_WAIT_S):
            await call.initial_metadata()
    except TimeoutError:
        return
