"""Jobs that were taken for a client that is gone go back to the engine at once.

The protocol has no word for that, so, like Zeebe, they are failed with the retries they had.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from phee.commands import ActivatedJob, FailJob
from phee.errors import NotFound, PheeError
from phee.gateway.counters import GatewayCounters
from phee.gateway.engine_port import EnginePort

_log = structlog.get_logger(__name__)


class JobReturn:
    """Gives jobs back in the background, whatever happens to the call that took them."""

    def __init__(self, engine: EnginePort, counters: GatewayCounters) -> None:
        self._engine = engine
        self._counters = counters
        self._running: set[asyncio.Task[None]] = set()

    def give_back(self, jobs: Sequence[ActivatedJob]) -> None:
        """Make ``jobs`` available to other workers."""
        if jobs:
            task = asyncio.ensure_future(self._fail_each(jobs))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def give_back_result(self, taking: asyncio.Future[Sequence[ActivatedJob]]) -> None:
        """Give back what a finished activation took."""
        if not taking.cancelled() and taking.exception() is None:
            self.give_back(taking.result())

    async def finish(self) -> None:
        """Wait until everything given back so far is back."""
        while self._running:
            await asyncio.wait(self._running)

    async def _fail_each(self, jobs: Sequence[ActivatedJob]) -> None:
        for job in jobs:
            try:
                await self._engine.submit(FailJob(job.key, job.retries))
                self._counters.returned_jobs[job.type] += 1
            except NotFound:
                pass  # Completed or cancelled meanwhile: nothing to give back.
            except PheeError as error:
                # It becomes available when its time is over.
                _log.warning("job_not_given_back", job_key=job.key, reason=str(error))
