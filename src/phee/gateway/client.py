"""The client port: what every other part of phee asks of an orchestrator.

Two runtimes implement it: :class:`phee.gateway.embedded.EmbeddedClient` (the engine in this
process, no serialisation) and :class:`phee.gateway.grpc_client.GrpcClient` (any Zeebe gateway).
Every call answers only when its effect is durable, and raises the errors of :mod:`phee.errors`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from phee.commands import (
    ActivatedJob,
    CreatedProcessInstance,
    Deployed,
    PublishedMessage,
    RequestId,
    Resource,
    Variables,
)
from phee.records import DEFAULT_TENANT

__all__ = [
    "ActivatedJob",
    "CreatedProcessInstance",
    "Deployed",
    "JobSubscription",
    "OrchestratorClient",
    "PublishedMessage",
    "RequestId",
    "Resource",
    "Variables",
]


class JobSubscription(Protocol):
    """A standing wish for jobs; closing it stops new ones (those handed out stay valid)."""

    async def close(self) -> None:
        """Stop receiving jobs."""


class OrchestratorClient(Protocol):
    """Commands to an orchestrator, and jobs from it."""

    async def deploy(
        self, resources: Sequence[Resource], *, tenant_id: str = DEFAULT_TENANT
    ) -> Deployed:
        """Deploy all or none of ``resources``."""

    async def create_instance(
        self,
        bpmn_process_id: str,
        variables: Variables,
        *,
        version: int = -1,
        tenant_id: str = DEFAULT_TENANT,
        request: RequestId | None = None,
    ) -> CreatedProcessInstance:
        """Start a process; with ``request`` at most once ever (see :class:`RequestId`)."""

    async def cancel_instance(self, process_instance_key: int) -> None:
        """Terminate a root instance and everything in it."""

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
        """Publish a message, buffered for ``time_to_live_ms``.

        Raises:
            phee.errors.AlreadyExists: the same name, correlation key and message id is buffered.
        """

    async def subscribe_jobs(
        self,
        job_type: str,
        handler: Callable[[ActivatedJob], Awaitable[None]],
        *,
        worker: str,
        timeout_ms: int,
        max_active: int,
        fetch_variables: Sequence[str] = (),
        tenant_ids: Sequence[str] = (DEFAULT_TENANT,),
    ) -> JobSubscription:
        """Call ``handler`` for each job of ``job_type``, at most ``max_active`` at once.

        ``handler`` must answer the job itself (complete, fail or throw); it must not raise.
        """

    async def complete_job(self, job_key: int, variables: Variables) -> None:
        """Complete a job; ``variables`` go into the flow."""

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

    async def throw_error(
        self,
        job_key: int,
        error_code: str,
        *,
        error_message: str = "",
        variables: Variables | None = None,
    ) -> None:
        """End a job with a BPMN error for the flow to catch."""

    async def update_job_retries(self, job_key: int, retries: int) -> None:
        """Set the retries of a job (at least 1)."""

    async def set_variables(
        self, element_instance_key: int, variables: Variables, *, local: bool = False
    ) -> None:
        """Merge ``variables`` from that scope upwards, or set them right there."""

    async def resolve_incident(self, incident_key: int) -> None:
        """Try again what an incident stopped."""
