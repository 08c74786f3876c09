"""Stand-ins behind the HTTP APIs: an orchestrator that remembers requests, and a data side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phee import channel
from phee.channel import Initiator, Recovery, StatusReader, TransferView
from phee.commands import CreatedProcessInstance, Deployed, PublishedMessage, RequestId, Resource
from phee.errors import AlreadyExists, NotFound, PheeError
from phee.tenants import Tenant, TenantRegistry
from phee.web import HubApp, Position, TenantResolver, create_app

EPOCH = 1_700_000_000_000
PARTITION = 1 << 51


@dataclass
class FakeOrchestrator:
    """Does what the client port promises, in memory."""

    deployed: set[str] = field(default_factory=lambda: {"PayerFundTransfer-rhino"})
    fails_with: PheeError | None = None
    instances: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    messages: list[tuple[str, str, dict[str, Any], str]] = field(default_factory=list)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    _requests: dict[tuple[str, str], tuple[str, CreatedProcessInstance]] = field(
        default_factory=dict
    )
    _message_ids: set[tuple[str, str, str, str]] = field(default_factory=set)

    async def create_instance(
        self,
        bpmn_process_id: str,
        variables: Mapping[str, Any],
        *,
        version: int = -1,
        tenant_id: str,
        request: RequestId | None = None,
    ) -> CreatedProcessInstance:
        if self.fails_with:
            raise self.fails_with
        if bpmn_process_id not in self.deployed:
            raise NotFound("no such process")
        assert request is not None
        known = self._requests.get((tenant_id, request.id))
        if known is not None:
            digest, created = known
            if digest != request.digest:
                raise AlreadyExists("another request")
            return CreatedProcessInstance(
                created.process_instance_key, 1, bpmn_process_id, 1, tenant_id, created.position,
                repeated=True,
            )  # fmt: skip
        self.instances.append((bpmn_process_id, dict(variables), tenant_id))
        number = len(self.instances)
        created = CreatedProcessInstance(
            PARTITION + number, 1, bpmn_process_id, 1, tenant_id, number * 10
        )
        self._requests[tenant_id, request.id] = (request.digest, created)
        return created

    async def publish_message(
        self,
        name: str,
        correlation_key: str,
        variables: Mapping[str, Any],
        *,
        time_to_live_ms: int,
        message_id: str = "",
        tenant_id: str,
    ) -> PublishedMessage:
        identity = (tenant_id, name, correlation_key, message_id)
        if message_id and identity in self._message_ids:
            raise AlreadyExists("buffered")
        self._message_ids.add(identity)
        self.messages.append((name, correlation_key, dict(variables), tenant_id))
        return PublishedMessage(PARTITION + 500, tenant_id, 77)

    async def deploy(self, resources: Sequence[Resource], *, tenant_id: str) -> Deployed:
        self.calls.append(("deploy", tuple(r.name for r in resources), tenant_id))
        return Deployed(1, (), tenant_id)

    async def set_variables(self, key: int, variables: Mapping[str, Any]) -> None:
        self.calls.append(("set_variables", key, dict(variables)))

    async def update_job_retries(self, key: int, retries: int) -> None:
        self.calls.append(("update_job_retries", key, retries))

    async def resolve_incident(self, key: int) -> None:
        self.calls.append(("resolve_incident", key))

    async def cancel_instance(self, key: int) -> None:
        self.calls.append(("cancel_instance", key))


@dataclass
class FakeLookup:
    """A data side that knows ``views`` and has applied everything up to ``reached``."""

    views: dict[tuple[str, str], TransferView] = field(default_factory=dict)
    reached: int = 10**9
    waited_for: list[Position] = field(default_factory=list)

    async def by_transaction_id(self, tenant_id: str, transaction_id: str) -> TransferView | None:
        return self.views.get((tenant_id, transaction_id))

    async def by_correlation_id(self, tenant_id: str, correlation_id: str) -> TransferView | None:
        return self.views.get((tenant_id, correlation_id))

    async def wait_until(self, tenant_id: str, position: Position, *, timeout_s: float) -> bool:
        self.waited_for.append(position)
        return position.position <= self.reached


@dataclass
class FakeOwnership:
    """Tenant rhino owns instance 100, and incident 7 on element 8 and job 9."""

    async def owns_instance(self, tenant_id: str, process_instance_key: int) -> bool:
        return (tenant_id, process_instance_key) == ("rhino", 100)

    async def owns_incident(
        self, tenant_id: str, incident_key: int, *, element_instance_key: int, job_key: int | None
    ) -> bool:
        return (tenant_id, incident_key, element_instance_key) == ("rhino", 7, 8) and (
            job_key in (None, 9)
        )


def two_tenants(directory: Path) -> TenantRegistry:
    registry = TenantRegistry(directory)
    registry.add(Tenant(id="rhino", name="Rhino Bank"))
    registry.add(Tenant(id="gorilla", fsp_id="gorilla-bank", currencies=("USD", "JPY", "BHD")))
    return registry


def channel_routes(registry: TenantRegistry, client: Any, lookup: Any, ownership: Any) -> Any:
    return channel.routes(
        TenantResolver(registry),
        Initiator(client, epoch=EPOCH, now=lambda: 1_750_000_000.5),
        StatusReader(lookup, wait_s=0.2),
        Recovery(client, ownership, epoch=EPOCH),
    )


def channel_app(registry: TenantRegistry, client: Any, lookup: Any) -> HubApp:
    return create_app([channel_routes(registry, client, lookup, FakeOwnership())])


def transfer_body(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "payer": {"partyIdInfo": {"partyIdType": "MSISDN", "partyIdentifier": "27710101999"}},
        "payee": {"partyIdInfo": {"partyIdType": "MSISDN", "partyIdentifier": "27713803912"}},
        "amount": {"amount": "12.50", "currency": "USD"},
    }
    return body | changes
