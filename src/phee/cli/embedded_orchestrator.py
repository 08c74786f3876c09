"""The orchestrator in the hub's own process: engine, record log, and the gateway before them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry

from phee.cli.orchestrator import LogPlace, ReadMetrics, Running
from phee.cli.settings import Settings
from phee.engine import Engine
from phee.exporter import ConsumerWatch, IntakeAdvice, WatchLimits
from phee.exporter.watch import ConsumerLag
from phee.gateway.client import OrchestratorClient
from phee.gateway.counters import LATENCY_BUCKETS_S
from phee.gateway.embedded import EmbeddedClient
from phee.gateway.server import GatewayServer
from phee.monitoring import (
    engine_metrics,
    engine_state_metrics,
    gateway_metrics,
    log_metrics,
    rocksdb_metrics,
)
from phee.records import DEFAULT_TENANT
from phee.stream import LogServer, stream_path
from phee.tenants import TenantRegistry

INTAKE_FACTOR_MIN = 0.5
"""Below this share of the usual intake, new payments are refused for a while."""
IMPORTERS = ("relational", "search")
EXPORTER = "kafka"


class EmbeddedOrchestrator:
    """Implements :class:`phee.cli.orchestrator.Orchestrator` on an engine of this process."""

    def __init__(self, settings: Settings, tenants: TenantRegistry) -> None:
        self._settings = settings
        self._tenants = tenants
        self._engine = Engine.open(settings.data, keep_log=settings.keep_log)
        self._gateway = GatewayServer(
            self._engine,
            host=settings.listen_host,
            port=settings.grpc_port,
            tenant_known=self._tenant_known,
        )
        self._watch: ConsumerWatch | None = None
        self.address = settings.grpc_target
        self.client: OrchestratorClient = EmbeddedClient(self._engine)
        self.epoch = self._engine.log.epoch
        self.intake_limited_by: str | None = None

    async def start(self, running: AsyncExitStack, registry: CollectorRegistry) -> None:
        """See Orchestrator."""
        await self._engine.start()
        running.push_async_callback(self._engine.close)
        self._let_go_of_readers_switched_off()
        server = LogServer(self._engine.log, stream_path(self._settings.data))
        await server.start()
        running.push_async_callback(server.stop)
        self._watch = self._new_watch(registry)
        watching = asyncio.create_task(self._watch.run(), name="watch consumers")
        running.callback(watching.cancel)
        await self._gateway.start()
        running.push_async_callback(self._gateway.stop)

    def metrics(self) -> Sequence[ReadMetrics]:
        """See Orchestrator."""
        return (
            engine_metrics(self._engine.stats),
            engine_state_metrics(self._engine),
            rocksdb_metrics(self._engine.store_statistics),
            log_metrics(self._engine.log),
            gateway_metrics(self._gateway.counters, LATENCY_BUCKETS_S),
        )

    def serves(self, job_type: str) -> bool:
        """See Orchestrator; here everyone who asks over gRPC is known."""
        counters = self._gateway.counters
        return (
            counters.open_streams.get(job_type, 0) > 0 or counters.queued_polls.get(job_type, 0) > 0
        )

    def trouble(self) -> str | None:
        """See Orchestrator."""
        return self._engine.trouble

    def log_place(self) -> LogPlace:
        """See Orchestrator; readers are as of this moment, their age as of the last look."""
        log = self._engine.log
        durable = log.durable_position
        seen = {lag.name: lag for lag in self._watch.lags} if self._watch is not None else {}
        places = {lag.name: lag.position for lag in seen.values()} | log.acknowledged()
        readers = [
            ConsumerLag(
                name,
                position,
                durable - position,
                seen[name].lag_seconds if name in seen else 0.0,
                name in seen and seen[name].paused,
            )
            for name, position in sorted(places.items())
        ]
        return LogPlace(log.partition_id, durable, readers)

    async def running_instances(self) -> Running:
        """See Orchestrator."""
        position, groups = await self._engine.running_instances()
        return Running(self._engine.log.partition_id, position, groups)

    def _new_watch(self, registry: CollectorRegistry) -> ConsumerWatch:
        limits = WatchLimits(
            lag_records_max=self._settings.lag_records_max,
            disk_free_bytes_min=self._settings.disk_free_bytes_min,
        )
        return ConsumerWatch(
            self._engine.log,
            self._settings.data,
            on_advice=self._take_advice,
            limits=limits,
            registry=registry,
        )

    def _take_advice(self, advice: IntakeAdvice) -> None:
        self.intake_limited_by = advice.reason if advice.factor < INTAKE_FACTOR_MIN else None
        self._engine.set_intake_limit(self.intake_limited_by)

    def _let_go_of_readers_switched_off(self) -> None:
        """Readers of the other kind of stream ran here once; nothing waits for them any more."""
        gone = IMPORTERS if self._settings.exports else (EXPORTER,)
        for name in gone:
            self._engine.log.forget(name)

    def _tenant_known(self, tenant_id: str) -> bool:
        return tenant_id == DEFAULT_TENANT or self._tenants.find(tenant_id) is not None
