"""The HTTP side of the hub: every route of every package, its metrics and its health."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from phee import __version__, channel, operations
from phee.cli.hub_desk import Desk
from phee.cli.orchestrator import LogPlace
from phee.cli.upkeep_place import runtimes_of
from phee.connectors.mojaloop.inbound import Recipient, SwitchInbound, mount
from phee.exporter.watch import ConsumerLag
from phee.flows import resources as flow_resources
from phee.monitoring import (
    CallbackCollector,
    HealthChecks,
    HttpMetrics,
    new_registry,
    payment_metrics,
    watch_statements,
    worker_metrics,
)
from phee.monitoring.routes import routes as monitoring_routes
from phee.operations.administration import (
    Administration,
    ConsumerStatus,
    HubStatus,
    RunningAnswer,
    RunningGroup,
    administration_routes,
)
from phee.operations.freshness import Waiter
from phee.tenants import Tenant
from phee.web import HubApp, Position, TenantResolver, create_app
from phee.workers.counters import DURATION_BUCKETS_S

if TYPE_CHECKING:
    from phee.cli.hub import Hub

STORES_WAIT_S = 3.0
"""How long onboarding waits for the importers to make a new tenant's stores."""
FIRST_PLACE = LogPlace(partition_id=1, durable_position=1, readers=())
"""What stores must have passed when nobody says how far the log is: they are there then."""


def hub_registry(hub: Hub) -> CollectorRegistry:
    """Return the metrics of the hub process."""
    registry = new_registry()
    for read in (
        *hub.orchestrator.metrics(),
        worker_metrics(hub.worker_counters, DURATION_BUCKETS_S),
    ):
        CallbackCollector(read).register(registry)
    watch_statements(registry)
    return registry


def hub_app(hub: Hub) -> HubApp:
    """Return the application that serves channel, operations, scheme callbacks, health, metrics."""
    tenants = TenantResolver(hub.registry)
    client, epoch = hub.orchestrator.client, hub.orchestrator.epoch
    relational = operations.relational_waiter(hub.stores)
    search = operations.SearchWaiter(hub.stores)
    lookup = operations.StoreTransferLookup(hub.stores, relational)
    ownership = operations.StoreOwnershipLookup(hub.stores)
    desk = Desk(runtimes_of(hub.settings))
    initiator = channel.Initiator(client, epoch=epoch)
    CallbackCollector(payment_metrics(initiator.outcomes)).register(hub.metrics)
    return create_app(
        [
            channel.routes(
                tenants,
                initiator,
                channel.StatusReader(lookup),
                channel.Recovery(client, ownership, epoch=epoch),
            ),
            operations.routes(
                tenants,
                operations.OperationsQueries(hub.stores),
                relational=relational,
                search=search,
            ),
            operations.dead_letter_routes(tenants, operations.DeadLetters(hub.stores, desk)),
            operations.operator_letter_routes(desk),
            administration_routes(_administration(hub, (relational, search))),
            mount(SwitchInbound(client, lambda fsp_id: _recipient(hub, fsp_id))),
            monitoring_routes(hub.metrics, _checks(hub)),
        ],
        observe=HttpMetrics(hub.metrics).observe,
    )


def _recipient(hub: Hub, fsp_id: str) -> Recipient:
    tenant = hub.registry.by_fsp_id(fsp_id)
    return Recipient(tenant.id, tenant.settings.as_variables())


def _administration(hub: Hub, waiters: Sequence[Waiter]) -> Administration:
    async def onboarded(tenant: Tenant) -> None:
        """Serve the tenant; give its stores a moment to appear, so that it can be looked at."""
        await hub.serve_tenant(tenant)
        place = hub.orchestrator.log_place() or FIRST_PLACE
        now = Position(hub.orchestrator.epoch, place.partition_id, place.durable_position)
        await asyncio.gather(
            *(waiter.wait(tenant.id, now, timeout_s=STORES_WAIT_S) for waiter in waiters)
        )

    return Administration(
        hub.registry,
        hub.orchestrator.client,
        flows=flow_resources,
        is_served=hub.is_served,
        onboarded=onboarded,
        status=lambda: hub_status(hub),
        running=lambda: _running(hub),
    )


async def _running(hub: Hub) -> RunningAnswer:
    running = await hub.orchestrator.running_instances()
    return RunningAnswer(
        epoch=str(hub.orchestrator.epoch),
        partition_id=running.partition_id,
        position=running.position,
        groups=[
            RunningGroup(tenant=tenant, bpmn_process_id=name, process_instance_keys=keys)
            for (tenant, name), keys in sorted(running.groups.items())
        ],
    )


def hub_status(hub: Hub) -> HubStatus:
    """Return positions and lag as they are now."""
    orchestrator = hub.orchestrator
    place = orchestrator.log_place()
    return HubStatus(
        version=__version__,
        uptime_s=round(time.monotonic() - hub.started_at, 1),
        orchestrator=orchestrator.address,
        epoch=str(orchestrator.epoch),
        partition_id=place.partition_id if place else None,
        durable_position=place.durable_position if place else None,
        tenants=list(hub.registry.ids()),
        consumers=[_consumer(reader) for reader in place.readers] if place else [],
        intake_limited_by=orchestrator.intake_limited_by,
        data_directory=str(hub.settings.data.absolute()),
    )


def _consumer(reader: ConsumerLag) -> ConsumerStatus:
    return ConsumerStatus(
        name=reader.name,
        acknowledged_position=reader.position,
        lag_records=reader.lag_records,
        lag_seconds=round(reader.lag_seconds, 3),
        paused=reader.paused,
    )


def _checks(hub: Hub) -> HealthChecks:
    async def orchestrator() -> str | None:
        return hub.orchestrator.trouble()

    async def intake() -> str | None:
        return hub.orchestrator.intake_limited_by

    return HealthChecks({"engine": orchestrator, "intake": intake})
