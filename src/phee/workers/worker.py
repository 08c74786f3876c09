"""The worker: serves handlers to an orchestrator, through the client port."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from phee.errors import InvalidInput
from phee.gateway.client import JobSubscription, OrchestratorClient
from phee.records import DEFAULT_TENANT
from phee.workers.counters import WorkerCounters
from phee.workers.execution import JobExecution, Serve
from phee.workers.handler import JobHandler


class Worker:
    """Serves ``handlers`` for ``tenant_ids`` through ``client``.

    Each handler gets the jobs of its type in all these tenants and, in each tenant, the jobs of
    the type ``{type}-{tenant}``, which drawings made for one tenant use.

    Args:
        client: to the orchestrator, in process or over gRPC.
        handlers: what ``@job`` made; one per type.
        tenant_ids: whose jobs to do.
        name: shown in the records of the jobs.
        operation_scope: goes before the job key in ``job.operation_id``. Job keys are unique in
            one orchestrator only; give each orchestrator that talks to the same outside system
            its own scope.
        threads_max: how many handlers that are not coroutines run at once.
        counters: where to count; several workers of one process may share them.

    Attributes:
        counters: what happened so far, for monitoring.
    """

    def __init__(
        self,
        client: OrchestratorClient,
        handlers: Iterable[JobHandler],
        *,
        tenant_ids: Sequence[str] = (DEFAULT_TENANT,),
        name: str = "phee",
        operation_scope: str = "job",
        threads_max: int = 16,
        counters: WorkerCounters | None = None,
    ) -> None:
        self.counters = counters or WorkerCounters()
        self.name = name
        self._client = client
        self._handlers = _one_per_type(handlers)
        self._tenant_ids = tuple(tenant_ids)
        self._execution = JobExecution(
            client,
            self.counters,
            operation_scope=operation_scope,
            threads_max=threads_max,
        )
        self._subscriptions: list[JobSubscription] = []
        self._closed = False

    async def start(self) -> None:
        """Begin to take jobs."""
        for handler in self._handlers:
            serve = self._execution.serving(handler)
            await self._subscribe(handler, serve, handler.type, self._tenant_ids)
            for tenant_id in self._tenant_ids:
                if tenant_id != DEFAULT_TENANT:
                    job_type = f"{handler.type}-{tenant_id}"
                    await self._subscribe(handler, serve, job_type, (tenant_id,))

    async def close(self, grace_ms: int = 10_000) -> None:
        """Take no more jobs, and let those in work end within ``grace_ms``.

        What is still running then is cancelled; another worker gets it when its time is over.
        """
        if self._closed:
            return
        self._closed = True
        for subscription in self._subscriptions:
            await subscription.close()
        await asyncio.sleep(0)  # A job handed out just now gets to register.
        await self._execution.finish(grace_ms)

    async def _subscribe(
        self, handler: JobHandler, serve: Serve, job_type: str, tenant_ids: Sequence[str]
    ) -> None:
        subscription = await self._client.subscribe_jobs(
            job_type,
            serve,
            worker=self.name,
            timeout_ms=handler.timeout_ms,
            max_active=handler.max_active,
            fetch_variables=handler.fetch_variables,
            tenant_ids=tenant_ids,
        )
        self._subscriptions.append(subscription)


def _one_per_type(handlers: Iterable[JobHandler]) -> tuple[JobHandler, ...]:
    found: dict[str, JobHandler] = {}
    for handler in handlers:
        if found.setdefault(handler.type, handler) is not handler:
            raise InvalidInput(
                f"Two handlers for job type {handler.type!r} in one worker",
                fix="Keep one of them, or give them different types",
            )
    return tuple(found.values())
