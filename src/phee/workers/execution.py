"""Doing jobs: run the handler, answer the job.

A job always gets an answer: its variables, a failure or a BPMN error, whatever the handler does.
An answer that does not get through is repeated for a while; if it comes too late (the job's time
was over and another worker did it), that is counted and logged, and no harm is done, because the
calls a handler makes carry the job's operation id.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from phee.commands import ActivatedJob
from phee.errors import InvalidState, NotFound, Overloaded, PheeError, TimedOut, Unavailable
from phee.gateway.backoff import Backoff
from phee.gateway.client import OrchestratorClient
from phee.workers.counters import WorkerCounters
from phee.workers.handler import JobHandler, call, result_variables
from phee.workers.job import Job
from phee.workers.outcome import Completed, Failed, Outcome, Thrown, outcome_of

ANSWER_TRIES = 8
"""How often an answer is sent before it is given up; with the waits that is about 7 seconds."""

_ANSWER_BACKOFF = Backoff(initial_ms=100, max_ms=2_000)

_OWNED = 0.95
"""The share of the timeout that a handler may use: the rest is for the answer to arrive."""

_log = structlog.get_logger(__name__)

Serve = Callable[[ActivatedJob], Awaitable[None]]


class JobExecution:
    """Does the jobs of one worker.

    Args:
        client: where the answers go.
        counters: what to count in.
        operation_scope: goes before the job key in ``job.operation_id``.
        threads_max: how many handlers that are not coroutines run at once.
    """

    def __init__(
        self,
        client: OrchestratorClient,
        counters: WorkerCounters,
        *,
        operation_scope: str,
        threads_max: int,
    ) -> None:
        self._client = client
        self._counters = counters
        self._operation_scope = operation_scope
        self._threads = ThreadPoolExecutor(threads_max, thread_name_prefix="phee-worker")
        self._active: set[asyncio.Task[Any]] = set()

    def serving(self, handler: JobHandler) -> Serve:
        """What to call with each job of ``handler``; it never raises but when cancelled.

        The handler's bound on jobs at once holds over everything that calls the same result.
        """
        slots = asyncio.Semaphore(handler.max_active)

        async def serve(activated: ActivatedJob) -> None:
            task = asyncio.current_task()
            assert task is not None, "a job is served in a task"
            self._active.add(task)
            self._counters.active += 1
            self._counters.activated[activated.type] += 1
            owned_until = asyncio.get_running_loop().time() + handler.timeout_ms / 1000 * _OWNED
            try:
                async with slots:
                    await self._do(handler, Job(activated, self._operation_scope), owned_until)
            finally:
                self._active.discard(task)
                self._counters.active -= 1

        return serve

    async def finish(self, grace_ms: int) -> None:
        """Wait for the jobs in work, and cancel those that take longer than ``grace_ms``."""
        if self._active:
            _, late = await asyncio.wait(self._active, timeout=grace_ms / 1000)
            for task in late:
                task.cancel()
            if late:
                _log.warning("jobs_cancelled_at_close", jobs=len(late))
                await asyncio.wait(late)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _do(self, handler: JobHandler, job: Job, owned_until: float) -> None:
        """Run and answer ``job``, which is ours until ``owned_until`` on the loop's clock."""
        if asyncio.get_running_loop().time() >= owned_until:
            # It waited here for its turn too long: somebody else has it by now.
            return self._lost(job, _too_late(handler))
        started = time.perf_counter()
        outcome = await self._run(handler, job, owned_until)
        self._counters.ran(job.type, time.perf_counter() - started)
        return await self._answer(job, outcome)

    async def _run(self, handler: JobHandler, job: Job, owned_until: float) -> Outcome:
        """How the handler ended; one that takes too long is cancelled while the job is ours.

        Otherwise it would run beside the next try, and a hanging one would be tried for ever,
        since a job whose time is over keeps its retries.
        """
        limit = asyncio.timeout_at(owned_until)
        try:
            async with limit:
                return Completed(result_variables(await call(handler, job, self._in_thread)))
        except Exception as error:  # noqa: BLE001 - the job must be answered whatever happens
            reason = _too_late(handler) if limit.expired() else error
            outcome = outcome_of(reason, job, handler)
            _log.warning(f"job_{outcome.action}", error=type(error).__name__, **_marks(job))
            return outcome

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, function, *arguments)

    async def _answer(self, job: Job, outcome: Outcome) -> None:
        """Send the answer, again while nobody takes it."""
        for attempt in range(1, ANSWER_TRIES + 1):
            try:
                await self._send(job, outcome)
            except (Unavailable, Overloaded) as error:
                if attempt == ANSWER_TRIES:
                    return self._lost(job, error)
                delay_ms = _ANSWER_BACKOFF.delay_ms(attempt, job.operation_id)
                await asyncio.sleep(delay_ms / 1000)
            except (NotFound, InvalidState) as error:
                return self._lost(job, error)
            except PheeError as error:
                return await self._refused(job, outcome, error)
            else:
                self._counters.handled[outcome.action, job.type] += 1
                return None
        return None

    async def _send(self, job: Job, outcome: Outcome) -> None:
        match outcome:
            case Completed():
                await self._client.complete_job(job.key, outcome.variables)
            case Failed():
                await self._client.fail_job(
                    job.key,
                    retries=outcome.retries,
                    error_message=outcome.message,
                    retry_backoff_ms=outcome.backoff_ms if outcome.retries else 0,
                    variables=outcome.variables,
                )
            case Thrown():
                await self._client.throw_error(
                    job.key,
                    outcome.error_code,
                    error_message=outcome.message,
                    variables=outcome.variables,
                )

    async def _refused(self, job: Job, outcome: Outcome, error: PheeError) -> None:
        """The answer itself is wrong (too large, say): people must see that."""
        if isinstance(outcome, Failed) and outcome.retries == 0:
            self._lost(job, error)
        else:
            text = f"The worker's answer was refused: {error}"
            await self._answer(job, Failed(0, text[:1000]))

    def _lost(self, job: Job, error: PheeError) -> None:
        self._counters.handled["lost", job.type] += 1
        _log.warning("job_answer_lost", reason=error.code, **_marks(job))


def _too_late(handler: JobHandler) -> TimedOut:
    return TimedOut(
        f"The handler did not end within the job's timeout of {handler.timeout_ms} ms",
        fix="Give the outside calls shorter timeouts, or the handler a longer one",
    )


def _marks(job: Job) -> dict[str, Any]:
    """What a log line may say about a job: no variables, they may hold payment data."""
    return {
        "job_key": job.key,
        "job_type": job.type,
        "tenant_id": job.tenant_id,
        "process_instance_key": job.process_instance_key,
    }
