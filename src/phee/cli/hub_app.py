"""The HTTP side of the hub: every route of every package, its metrics and its health."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from phee import __version__, channel, operations
from phee.cli.hub_desk import Desk
from phee.cli.upkeep_place import runtimes_of
from phee.connectors.mojaloop.inbound import Recipient, SwitchInbound, mount
from phee.flows import resources as flow_resources
from phee.gateway.counters import LATENCY_BUCKETS_S
from phee.monitoring import (
    CallbackCollector,
    HealthChecks,
    HttpMetrics,
    engine_metrics,
    engine_state_metrics,
    gateway_metrics,
    log_metrics,
    new_registry,
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


def hub_registry(hub: Hub) -> CollectorRegistry:
    """Return the metrics of the hub process."""
    registry = new_registry()
    for read in (
        engine_metrics(hub.engine.stats),
        engine_state_metrics(hub.engine),
        log_metrics(hub.engine.log),
        gateway_metrics(hub.gateway.counters, LATENCY_BUCKETS_S),
        worker_metrics(hub.worker_counters, DURATION_BUCKETS_S),
    ):
        CallbackCollector(read).register(registry)
    return registry


def hub_app(hub: Hub) -> HubApp:
    """Return the application that serves channel, operations, scheme callbacks, health, metrics."""
    tenants = TenantResolver(hub.registry)
    epoch = hub.engine.log.epoch
    relational = operations.relational_waiter(hub.stores)
    search = operations.SearchWaiter(hub.stores)
    lookup = operations.StoreTransferLookup(hub.stores, relational)
    ownership = operations.StoreOwnershipLookup(hub.stores)
    desk = Desk(runtimes_of(hub.settings))
    return create_app(
        [
            channel.routes(
                tenants,
                channel.Initiator(hub.client, epoch=epoch),
                channel.StatusReader(lookup),
                channel.Recovery(hub.client, ownership, epoch=epoch),
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
            mount(SwitchInbound(hub.client, lambda fsp_id: _recipient(hub, fsp_id))),
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
        log = hub.engine.log
        now = Position(log.epoch, log.partition_id, log.durable_position)
        await asyncio.gather(
            *(waiter.wait(tenant.id, now, timeout_s=STORES_WAIT_S) for waiter in waiters)
        )

    return Administration(
        hub.registry,
        hub.client,
        flows=flow_resources,
        is_served=hub.is_served,
        onboarded=onboarded,
        status=lambda: hub_status(hub),
        running=lambda: _running(hub),
    )


async def _running(hub: Hub) -> RunningAnswer:
    position, running = await hub.engine.running_instances()
    log = hub.engine.log
    return RunningAnswer(
        epoch=str(log.epoch),
        partition_id=log.partition_id,
        position=position,
        groups=[
            RunningGroup(tenant=tenant, bpmn_process_id=name, process_instance_keys=keys)
            for (tenant, name), keys in sorted(running.items())
        ],
    )


def hub_status(hub: Hub) -> HubStatus:
    """Return positions and lag as they are now."""
    log = hub.engine.log
    durable = log.durable_position
    seen = {lag.name: lag for lag in hub.watch.lags} if hub.watch is not None else {}
    readers = {lag.name: lag.position for lag in seen.values()} | log.acknowledged()
    return HubStatus(
        version=__version__,
        uptime_s=round(time.monotonic() - hub.started_at, 1),
        epoch=str(log.epoch),
        partition_id=log.partition_id,
        durable_position=durable,
        tenants=list(hub.registry.ids()),
        consumers=[
            ConsumerStatus(
                name=name,
                acknowledged_position=position,
                lag_records=durable - position,
                lag_seconds=round(seen[name].lag_seconds, 3) if name in seen else 0.0,
                paused=name in seen and seen[name].paused,
            )
            for name, position in sorted(readers.items())
        ],
        intake_limited_by=hub.intake_limited_by,
        data_directory=str(hub.settings.data.absolute()),
    )


def _checks(hub: Hub) -> HealthChecks:
    async def engine() -> str | None:
        return hub.engine.trouble

    async def intake() -> str | None:
        return hub.intake_limited_by

    return HealthChecks({"engine": engine, "intake": intake})
