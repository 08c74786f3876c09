"""A Kafka exporter as a process of its own: wiring, health, metrics, and a clean end."""

from __future__ import annotations

import asyncio
import signal

import structlog

from phee.collecting import collect_seldom, keep_what_is_there
from phee.exporter.kafka.exporter import KafkaExporter
from phee.exporter.kafka.metrics import KafkaExporterMetrics
from phee.exporter.kafka.settings import KafkaExporterSettings
from phee.exporter.kafka.state import State, state_path
from phee.monitoring import HealthChecks, MonitoringServer, configure_logging, new_registry
from phee.stream import LogStream, stream_path

_LOG = structlog.get_logger(__name__)


def run_exporter(settings: KafkaExporterSettings) -> None:
    """Export until SIGTERM or SIGINT; blocks.

    Raises:
        AlreadyExists: an exporter of this name runs on this data directory.
        RecordsGone: the log no longer has what comes next.
        InvalidState, Forbidden, Unauthenticated: the topics cannot be used, or the port is taken.
    """
    configure_logging(level=settings.log_level)
    registry = new_registry()
    collect_seldom()
    keep_what_is_there()
    with State(state_path(settings.data, settings.name)) as state:
        state.lock()
        stream = LogStream(stream_path(settings.data), settings.name)
        metrics = KafkaExporterMetrics(registry, settings.name)
        exporter = KafkaExporter(stream, state, settings, metrics)
        server = MonitoringServer(registry, health_checks(exporter, settings.lag_records_ready))
        asyncio.run(_run(exporter, server, settings))


async def _run(
    exporter: KafkaExporter, server: MonitoringServer, settings: KafkaExporterSettings
) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, exporter.stop)
    port = await server.start(host=settings.http_host, port=settings.http_port)
    _LOG.info("exporter started", exporter=settings.name, http_port=port)
    try:
        await asyncio.to_thread(exporter.run)
    finally:
        await server.stop()
    _LOG.info("exporter stopped", exporter=settings.name)


def health_checks(exporter: KafkaExporter, lag_records_ready: int) -> HealthChecks:
    """Return the checks that decide whether an exporter is ready."""
    progress = exporter.progress

    async def log() -> str | None:
        return None if progress.log_connected else "the hub's record stream does not answer"

    async def kafka() -> str | None:
        if progress.paused:
            return "paused"
        return None if progress.kafka_connected else (progress.trouble or "Kafka does not answer")

    async def lag() -> str | None:
        behind = progress.lag_records
        return None if behind <= lag_records_ready else f"{behind} records behind"

    return HealthChecks({"log": log, "kafka": kafka, "lag": lag})
