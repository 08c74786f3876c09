"""The client port on a Zeebe cluster that knows neither tenants nor requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from phee.commands import (
    CreatedProcessInstance,
    Deployed,
    PublishedMessage,
    RequestId,
    Resource,
    Variables,
)
from phee.gateway.grpc_client import GrpcClient
from phee.gateway.zeebe.address import ZeebeAddress
from phee.gateway.zeebe.drawing import walled_drawing
from phee.gateway.zeebe.job_feed import FeedWish, Handler, JobFeed, TenantSubscription
from phee.gateway.zeebe.registry import KEEP_DAYS, RequestRegistry
from phee.gateway.zeebe.request_mark import require_no_mark
from phee.gateway.zeebe.requests import Requests
from phee.gateway.zeebe.tenancy import NamedTenants
from phee.records import DEFAULT_TENANT

OVERLOAD_PATIENCE_MS = 10_000
"""A Zeebe refuses commands while it has many under way; only new payments are refused at once."""


class ZeebeClient:
    """Implements :class:`phee.gateway.client.OrchestratorClient` on the cluster at ``address``.

    Everything goes to the cluster's default tenant. Tenants live in process ids
    (``{flow}-{tenant}``), their messages in names (``{name}@{tenant}``). Jobs of a request are
    done for one instance only, whatever happened at its creation.

    Args:
        address: of the gateway.
        data: the folder with the registry of requests; one client at a time uses it.
        tenant_known: says whether there is a tenant of this id.
        call_timeout_ms: how long a call may take.
        poll_every_ms: how often to look for jobs that no stream pushed.
        keep_requests_days: how long a request is remembered.

    Raises:
        InvalidInput: a file of the address cannot be read.
        InvalidState: another process uses the folder.
    """

    def __init__(
        self,
        address: ZeebeAddress,
        data: Path,
        *,
        tenant_known: Callable[[str], bool],
        call_timeout_ms: int = 15_000,
        poll_every_ms: int = 10_000,
        keep_requests_days: int = KEEP_DAYS,
    ) -> None:
        credentials = address.credentials()
        self._registry = RequestRegistry(data, keep_days=keep_requests_days)
        self._grpc = GrpcClient(
            address.target,
            credentials=credentials,
            call_timeout_ms=call_timeout_ms,
            poll_every_ms=poll_every_ms,
            overload_patience_ms=OVERLOAD_PATIENCE_MS,
        )
        self._tenants = NamedTenants(tenant_known)
        self._requests = Requests(self._registry, self._grpc.cancel_instance)
        self._feeds: dict[str, JobFeed] = {}
        # The calls that a cluster without tenants answers as any other does.
        self.trouble = self._grpc.trouble
        self.cancel_instance = self._grpc.cancel_instance
        self.update_job_retries = self._grpc.update_job_retries
        self.resolve_incident = self._grpc.resolve_incident

    async def close(self) -> None:
        """End every subscription, the connection and the registry."""
        await asyncio.gather(*(feed.close() for feed in self._feeds.values()))
        await self._grpc.close()
        self._registry.close()

    def open_job_types(self) -> frozenset[str]:
        """Return the job types that are taken through this client.

        Workers that others connect to the cluster cannot be seen from here.
        """
        return frozenset(job_type for job_type, feed in self._feeds.items() if feed.is_open)

    async def deploy(
        self, resources: Sequence[Resource], *, tenant_id: str = DEFAULT_TENANT
    ) -> Deployed:
        """Deploy all or none of ``resources``; whether one was there before is not told.

        Raises:
            InvalidInput: a process in them would not be the tenant's; nothing was deployed.
        """
        walled = [walled_drawing(resource, tenant_id, self._tenants) for resource in resources]
        deployed = await self._grpc.deploy(walled)
        processes = [replace(process, tenant_id=tenant_id) for process in deployed.processes]
        return replace(deployed, processes=processes, tenant_id=tenant_id)

    async def create_instance(
        self,
        bpmn_process_id: str,
        variables: Variables,
        *,
        version: int = -1,
        tenant_id: str = DEFAULT_TENANT,
        request: RequestId | None = None,
    ) -> CreatedProcessInstance:
        """Start a process; with ``request`` at most one instance of it ever does its jobs.

        Raises:
            NotFound: the tenant has no such process.
        """
        require_no_mark(variables)
        self._tenants.check_startable(bpmn_process_id, tenant_id)
        create = partial(self._grpc.create_instance, bpmn_process_id, version=version)
        if request is None:
            created = await create(variables)
        else:
            created = await self._requests.create(
                bpmn_process_id, variables, tenant_id, request, create
            )
        return replace(created, tenant_id=tenant_id)

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
        """Publish a message that only instances of the tenant hear."""
        published = await self._grpc.publish_message(
            self._tenants.message_name(name, tenant_id),
            correlation_key,
            require_no_mark(variables),
            time_to_live_ms=time_to_live_ms,
            message_id=message_id,
        )
        return replace(published, tenant_id=tenant_id)

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
    ) -> TenantSubscription:
        """Call ``handler`` for each job of ``job_type`` of these tenants."""
        feed = self._feeds.get(job_type)
        if feed is None:
            feed = JobFeed(self._grpc, job_type, self._tenants, self._requests)
            self._feeds[job_type] = feed
        self._tenants.serve(tenant_ids)
        wish = FeedWish(worker, timeout_ms, tuple(fetch_variables))
        subscription = TenantSubscription(feed, handler, wish, max_active, tenant_ids)
        await feed.add(subscription)
        return subscription

    async def complete_job(self, job_key: int, variables: Variables) -> None:
        """Complete a job; ``variables`` go into the flow."""
        await self._grpc.complete_job(job_key, require_no_mark(variables))

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
        await self._grpc.fail_job(
            job_key,
            retries=retries,
            error_message=error_message,
            retry_backoff_ms=retry_backoff_ms,
            variables=require_no_mark(variables or {}),
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
        await self._grpc.throw_error(
            job_key,
            error_code,
            error_message=error_message,
            variables=require_no_mark(variables or {}),
        )

    async def set_variables(
        self, element_instance_key: int, variables: Variables, *, local: bool = False
    ) -> None:
        """Merge ``variables`` from that scope upwards, or set them right there."""
        await self._grpc.set_variables(
            element_instance_key, require_no_mark(variables), local=local
        )
