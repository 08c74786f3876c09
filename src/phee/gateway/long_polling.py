"""ActivateJobs calls that find nothing wait here for a first job.

A parked call is woken when the engine says that jobs of its type wait, one call at a time in the
order they came; one that got jobs wakes the next, since there may be more. A slow probe covers
what no notice covers (another call took the jobs and gave them back).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence

from phee.commands import ActivatedJob, ActivateJobs
from phee.errors import Unavailable
from phee.gateway.counters import GatewayCounters
from phee.gateway.engine_port import EnginePort
from phee.gateway.returned_jobs import JobReturn

DEFAULT_WAIT_MS = 10_000
"""How long a call waits that names no time of its own."""

PROBE_MS = 10_000
"""How often a parked call looks without being woken."""


class LongPolling:
    """Takes jobs from the engine, waiting for the first one if asked to."""

    def __init__(self, engine: EnginePort, returns: JobReturn, counters: GatewayCounters) -> None:
        self._engine = engine
        self._returns = returns
        self._counters = counters
        self._parked: dict[str, deque[asyncio.Future[bool]]] = {}
        self._closed = False

    async def activate(self, command: ActivateJobs, wait_ms: int) -> Sequence[ActivatedJob]:
        """Jobs for ``command``; none if there are none within ``wait_ms``.

        ``wait_ms`` is as in the protocol: 0 is :data:`DEFAULT_WAIT_MS`, below 0 is not to wait.
        """
        end = time.monotonic() + (wait_ms or DEFAULT_WAIT_MS) / 1000
        while True:
            jobs, ended = await self._look_and_wait(command, end)
            if jobs or ended:
                return jobs

    def wake(self, job_type: str) -> None:
        """Let the oldest parked call for ``job_type`` look for jobs."""
        parked = self._parked.get(job_type)
        while parked:
            turn = parked.popleft()
            if not turn.done():
                turn.set_result(True)
                return

    def close(self) -> None:
        """Answer every parked call with :class:`phee.errors.Unavailable`."""
        self._closed = True
        for job_type in list(self._parked):
            while self._parked.get(job_type):
                self.wake(job_type)

    async def _look_and_wait(
        self, command: ActivateJobs, end: float
    ) -> tuple[Sequence[ActivatedJob], bool]:
        """Look for jobs; if there are none, wait until looking again is worth it.

        The turn is registered before the look, so that a job that appears in between wakes it.

        Returns:
            The jobs, and whether the time is over.
        """
        turn = self._park(command.type)
        try:
            jobs = await self._take(command)
            left_s = end - time.monotonic()
            if not jobs and left_s > 0:
                await self._wait(turn, command.type, min(left_s, PROBE_MS / 1000))
        except BaseException:
            if turn.done():
                self.wake(command.type)  # It was this call's turn: the next one's, then.
            raise
        finally:
            self._leave(command.type, turn)
        if jobs:
            self.wake(command.type)
        return jobs, left_s <= 0

    async def _wait(self, turn: asyncio.Future[bool], job_type: str, wait_s: float) -> None:
        self._counters.queued_polls[job_type] += 1
        try:
            await asyncio.wait((turn,), timeout=wait_s)
        finally:
            self._counters.queued_polls[job_type] -= 1
            if not self._counters.queued_polls[job_type]:
                del self._counters.queued_polls[job_type]  # Clients may ask for any type.

    def _park(self, job_type: str) -> asyncio.Future[bool]:
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._parked.setdefault(job_type, deque()).append(turn)
        return turn

    def _leave(self, job_type: str, turn: asyncio.Future[bool]) -> None:
        parked = self._parked.get(job_type)
        if parked is not None:
            if turn in parked:
                parked.remove(turn)
            if not parked:
                del self._parked[job_type]

    async def _take(self, command: ActivateJobs) -> Sequence[ActivatedJob]:
        """Take jobs now. They are given back if the caller goes away before it has them."""
        if self._closed:
            raise Unavailable("The gateway is shutting down", fix="Connect again in a moment")
        taking = asyncio.ensure_future(self._engine.submit(command))
        try:
            jobs: Sequence[ActivatedJob] = await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(self._returns.give_back_result)
            raise
        return jobs
