"""The client port on an engine in this process: no network, no serialisation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from phee import commands
from phee.commands import (
    ActivatedJob,
    CreatedProcessInstance,
    Deployed,
    PublishedMessage,
    RequestId,
    Resource,
    Variables,
)
from phee.gateway.engine_port import EngineJobStream, EnginePort
from phee.gateway.variables import plain_variables
from phee.records import DEFAULT_TENANT

_log = structlog.get_logger(__name__)

Handler = Callable[[ActivatedJob], Awaitable[None]]


class EmbeddedClient:
    """Implements :class:`phee.gateway.client.OrchestratorClient` on ``engine``."""

    def __init__(self, engine: EnginePort) -> None:
        self._engine = engine
        self._submit = engine.submit

    async def deploy(
        self, resources: Sequence[Resource], *, tenant_id: str = DEFAULT_TENANT
    ) -> Deployed:
        """Deploy all or none of ``resources``."""
        deployed: Deployed = await self._submit(commands.DeployResources(resources, tenant_id))
        return deployed

    async def create_instance(
        self,
        bpmn_process_id: str,
        variables: Variables,
        *,
        version: int = -1,
        tenant_id: str = DEFAULT_TENANT,
        request: RequestId | None = None,
    ) -> CreatedProcessInstance:
        """Start a process; with ``request`` at most once ever."""
        created: CreatedProcessInstance = await self._submit(
            commands.CreateProcessInstance(
                bpmn_process_id=bpmn_process_id,
                version=version,
                variables=plain_variables(variables),
                tenant_id=tenant_id,
                request=request,
            )
        )
        return created

    async def cancel_instance(self, process_instance_key: int) -> None:
        """Terminate a root instance and everything in it."""
        await self._submit(commands.CancelProcessInstance(process_instance_key))

    async def publish_message(
        self,
        name: str,
        correlation_key: str,
        variables: Variables,
        *,
        time_to_live_ms: int,
        message_id: str = "",
        tenant_id: str = DEFAULT_TENANT,
    ) -> PublishedMessage:
        """Publish a message, buffered for ``time_to_live_ms``."""
        published: PublishedMessage = await self._submit(
            commands.PublishMessage(
                name=name,
                correlation_key=correlation_key,
                time_to_live_ms=time_to_live_ms,
                message_id=message_id,
                variables=plain_variables(variables),
                tenant_id=tenant_id,
            )
        )
        return published

    async def subscribe_jobs(
        self,
        job_type: str,
        handler: Handler,
        *,
        worker: str,
        timeout_ms: int,
        max_active: int,
        fetch_variables: Sequence[str] = (),
        tenant_ids: Sequence[str] = (DEFAULT_TENANT,),
    ) -> EmbeddedSubscription:
        """Call ``handler`` for each job of ``job_type``, at most ``max_active`` at once."""
        subscription = EmbeddedSubscription(handler)
        subscription.stream = self._engine.open_job_stream(
            type=job_type,
            worker=worker,
            timeout_ms=timeout_ms,
            tenant_ids=tuple(tenant_ids),
            fetch_variables=tuple(fetch_variables),
            max_active=max_active,
            deliver=subscription.deliver,
        )
        return subscription

    async def complete_job(self, job_key: int, variables: Variables) -> None:
        """Complete a job; ``variables`` go into the flow."""
        await self._submit(commands.CompleteJob(job_key, plain_variables(variables)))

    async def fail_job(
        self,
        job_key: int,
        *,
        retries: int,
        error_message: str = "",
        retry_backoff_ms: int = 0,
        variables: Variables | None = None,
    ) -> None:
        """Give a job back with ``retries`` left (absolute; 0 raises an incident)."""
        await self._submit(
            commands.FailJob(
                job_key=job_key,
                retries=retries,
                error_message=error_message,
                retry_backoff_ms=retry_backoff_ms,
                variables=plain_variables(variables or {}),
            )
        )

    async def throw_error(
        self,
        job_key: int,
        error_code: str,
        *,
        error_message: str = "",
        variables: Variables | None = None,
    ) -> None:
        """End a job with a BPMN error for the flow to catch."""
        await self._submit(
            commands.ThrowError(
                job_key, error_code, error_message, plain_variables(variables or {})
            )
        )

    async def update_job_retries(self, job_key: int, retries: int) -> None:
        """Set the retries of a job (at least 1)."""
        await self._submit(commands.UpdateJobRetries(job_key, retries))

    async def set_variables(
        self, element_instance_key: int, variables: Variables, *, local: bool = False
    ) -> None:
        """Merge ``variables`` from that scope upwards, or set them right there."""
        await self._submit(
            commands.SetVariables(element_instance_key, plain_variables(variables), local)
        )

    async def resolve_incident(self, incident_key: int) -> None:
        """Try again what an incident stopped."""
        await self._submit(commands.ResolveIncident(incident_key))


class EmbeddedSubscription:
    """Jobs pushed by the engine, each handled in a task of its own."""

    stream: EngineJobStream

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._running: set[asyncio.Task[Any]] = set()

    def deliver(self, jobs: list[ActivatedJob]) -> None:
        """Called by the engine, in the event loop, for jobs that are ours now."""
        for job in jobs:
            task = asyncio.ensure_future(self._handler(job))
            self._running.add(task)
            task.add_done_callback(self._finished)

    async def close(self) -> None:
        """Stop receiving jobs; those handed out are finished by their tasks."""
        self.stream.close()

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        self.stream.done(1)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("job_handler_raised", error=type(error).__name__)
