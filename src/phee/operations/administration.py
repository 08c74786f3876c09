"""The routes of those who run a hub: tenants, deployments, and how the hub does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

import msgspec
from litestar import Request, Router
from litestar.datastructures import State
from litestar.params import JSONBody
from msgspec import Meta

from phee.bpmn import compile_bpmn, replace_tenant
from phee.channel import require_served_jobs
from phee.commands import Resource
from phee.gateway.client import OrchestratorClient
from phee.records import DEFAULT_TENANT
from phee.tenants import TENANT_ID_PATTERN, Tenant, TenantRegistry, onboard
from phee.web import HeaderParameters, QueryParameters, TenantResolver, read_query
from phee.web.routing import COMMAND_ERRORS, Handlers, commanding, reading
from phee.web.tenant import TENANT_HEADER

AnyRequest = Request[Any, Any, State]


class _Wire(msgspec.Struct, kw_only=True, rename="camel"):
    """Base of bodies: camel-case names on the wire."""


class DeploymentResource(_Wire, forbid_unknown_fields=True):
    """A drawing: its file name and the BPMN itself, where DFSPID stands for the tenant's id."""

    name: Annotated[str, Meta(pattern=r"^[^/\\]{1,200}\.(bpmn|xml)$", examples=["flow.bpmn"])]
    content: Annotated[str, Meta(min_length=1, examples=["<bpmn:definitions/>"])]


class DeploymentRequest(_Wire, forbid_unknown_fields=True):
    """Drawings to deploy, all or none."""

    resources: Annotated[list[DeploymentResource], Meta(min_length=1, max_length=50)]


class DeploymentHeaders(HeaderParameters):
    """For whom to deploy."""

    tenant: Annotated[
        str,
        Meta(
            pattern=rf"^{DEFAULT_TENANT}$|{TENANT_ID_PATTERN}",
            description=f"whose flows these are; {DEFAULT_TENANT} for clients without tenants",
            examples=["rhino"],
        ),
    ] = msgspec.field(name=TENANT_HEADER)


class DeploymentQuery(QueryParameters):
    """How to deploy."""

    force: bool = False


class DeployedAnswer(_Wire):
    """A deployed process; ``duplicate`` when nothing had changed."""

    bpmn_process_id: str
    version: int
    process_definition_key: int
    resource_name: str
    duplicate: bool


class DeploymentAnswer(_Wire):
    """What is deployed now."""

    key: int
    processes: list[DeployedAnswer]


class ConsumerStatus(_Wire):
    """A reader of the record log and how far behind it is.

    ``lag_seconds`` is the age of its next record, 0 when it has everything.
    """

    name: str
    acknowledged_position: int
    lag_records: int
    lag_seconds: float = 0.0
    paused: bool = False


class HubStatus(_Wire):
    """How the hub does, in numbers; an orchestrator elsewhere does not tell its positions."""

    version: str
    uptime_s: float
    orchestrator: str
    epoch: str
    partition_id: int | None
    durable_position: int | None
    tenants: list[str]
    consumers: list[ConsumerStatus]
    intake_limited_by: str | None
    data_directory: str


class RunningGroup(_Wire):
    """The running instances of one process of one tenant."""

    tenant: str
    bpmn_process_id: str
    process_instance_keys: Sequence[int]


class RunningAnswer(_Wire):
    """What the orchestrator runs, as of a position of its log; for ``phee verify``."""

    epoch: str
    partition_id: int
    position: int
    groups: list[RunningGroup]


class Administration(Handlers):
    """Handlers over their explicit dependencies."""

    def __init__(
        self,
        registry: TenantRegistry,
        client: OrchestratorClient,
        *,
        flows: Callable[[str], Sequence[Resource]],
        is_served: Callable[[str], bool],
        onboarded: Callable[[Tenant], Awaitable[None]],
        status: Callable[[], HubStatus],
        running: Callable[[], Awaitable[RunningAnswer]],
    ) -> None:
        self._registry = registry
        self._tenants = TenantResolver(registry)
        self._client = client
        self._flows = flows
        self._is_served = is_served
        self._onboarded = onboarded
        self._status = status
        self._running = running

    async def hub_status(self) -> HubStatus:
        """Return the positions of the record log and of everyone who reads it."""
        return self._status()

    async def running(self) -> RunningAnswer:
        """Return the keys of every process instance that runs, and the position they are of."""
        return await self._running()

    async def tenants(self) -> list[Tenant]:
        """List the onboarded tenants."""
        return list(self._registry.list())

    async def onboard(self, data: JSONBody[Tenant]) -> Tenant:
        """Onboard a tenant: register it, deploy its flows, serve its jobs. Repeatable."""
        done = await onboard(self._registry, self._client, data, self._flows(data.id))
        await self._onboarded(done.tenant)
        return done.tenant

    async def deploy(
        self, request: AnyRequest, data: JSONBody[DeploymentRequest]
    ) -> DeploymentAnswer:
        """Deploy drawings for a tenant; refused when nobody serves one of their job types."""
        tenant_id = self._deploys_for(request)
        query = read_query(request, DeploymentQuery)
        resources = [
            Resource(each.name, _drawing_of(tenant_id, each.content)) for each in data.resources
        ]
        for resource in resources:
            processes = compile_bpmn(resource.content, resource.name)
            require_served_jobs(processes, self._is_served, force=query.force)
        deployed = await self._client.deploy(resources, tenant_id=tenant_id)
        return DeploymentAnswer(
            key=deployed.key,
            processes=[
                DeployedAnswer(
                    bpmn_process_id=each.bpmn_process_id,
                    version=each.version,
                    process_definition_key=each.process_definition_key,
                    resource_name=each.resource_name,
                    duplicate=each.duplicate,
                )
                for each in deployed.processes
            ],
        )

    def _deploys_for(self, request: AnyRequest) -> str:
        """Return a tenant's id, or that of those who know nothing of tenants."""
        if request.headers.get(TENANT_HEADER) == DEFAULT_TENANT:
            return DEFAULT_TENANT
        return self._tenants.of(request).id


def _drawing_of(tenant_id: str, content: str) -> bytes:
    drawing = content.encode()
    return drawing if tenant_id == DEFAULT_TENANT else replace_tenant(drawing, tenant_id)


def administration_routes(administration: Administration) -> Router:
    """Return the routes of those who run the hub, under /api/v1."""
    errors = [*COMMAND_ERRORS, 409]
    return Router(
        "/api/v1",
        tags=["administration"],
        route_handlers=[
            reading("/status", administration.hub_status, summary="How the hub does"),
            reading("/running-instances", administration.running, summary="What runs now"),
            reading("/tenants", administration.tenants, summary="List tenants"),
            commanding(
                "/tenants", administration.onboard, summary="Onboard a tenant", errors=errors
            ),
            commanding(
                "/deployments",
                administration.deploy,
                summary="Deploy drawings",
                reads=[DeploymentHeaders, DeploymentQuery],
                errors=errors,
            ),
        ],
    )
