"""Metrics under the names dashboards know, and health that tells the truth."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

import pytest
from litestar.testing import TestClient
from prometheus_client.parser import text_string_to_metric_families

from phee.engine.stats import Stats
from phee.errors import Unavailable
from phee.gateway.counters import LATENCY_BUCKETS_S, GatewayCounters
from phee.monitoring import (
    CallbackCollector,
    Freshness,
    HealthChecks,
    HttpMetrics,
    MonitoringServer,
    engine_metrics,
    gateway_metrics,
    health,
    log_metrics,
    new_registry,
    render,
    worker_metrics,
)
from phee.monitoring.routes import routes
from phee.records.types import INTENTS, RecordType, ValueType
from phee.web import HubApp, create_app
from phee.workers.counters import DURATION_BUCKETS_S, WorkerCounters


def samples(registry: Any) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(render(registry).decode())
        for sample in family.samples
    }


def test_engine_counters_have_zeebes_names() -> None:
    stats, registry = Stats(), new_registry()
    CallbackCollector(engine_metrics(stats)).register(registry)
    stats.elements["activated", "SERVICE_TASK", "UNSPECIFIED"] += 3
    stats.jobs["created", "block-funds"] += 2
    stats.instances_created = 4
    created = INTENTS[ValueType.JOB]["CREATED"]
    stats.records[RecordType.EVENT, ValueType.JOB, created] += 2
    stats.records[RecordType.COMMAND, 250, 99] += 1
    stats.commit_ms.add(3)
    stats.commit_ms.add(7000)
    seen = samples(registry)
    key = ("activated", "SERVICE_TASK", "1", "UNSPECIFIED")
    assert seen["zeebe_element_instance_events_total", tuple(sorted(key))] == 3
    assert seen["zeebe_job_events_total", ("1", "block-funds", "created")] == 2
    appended = ("1", "CREATED", "EVENT", "JOB")
    assert seen["zeebe_log_appender_record_appended_total", appended] == 2
    assert seen["zeebe_stream_processor_records_total", ("1", "processed")] == 1
    assert seen["zeebe_stream_processor_records_total", ("1", "written")] == 3
    assert seen["zeebe_log_appender_commit_latency_bucket", ("0.005", "1")] == 1
    assert seen["zeebe_log_appender_commit_latency_bucket", ("+Inf", "1")] == 2
    assert seen["zeebe_log_appender_commit_latency_sum", ("1",)] == pytest.approx(7.003)


def test_gateway_and_worker_counters_have_zeebes_names() -> None:
    registry, gateway, worker = new_registry(), GatewayCounters(), WorkerCounters()
    CallbackCollector(gateway_metrics(gateway, LATENCY_BUCKETS_S)).register(registry)
    CallbackCollector(worker_metrics(worker, DURATION_BUCKETS_S)).register(registry)
    gateway.call_ended("CompleteJob", "OK", 0.002)
    gateway.call_ended("CompleteJob", "NOT_FOUND", 20.0)
    gateway.open_streams.update({"a": 1, "b": 2})
    worker.activated["x"] += 1
    worker.handled["completed", "x"] += 1
    worker.ran("x", 0.2)
    seen = samples(registry)
    assert seen["zeebe_gateway_total_requests_total", ("1", "CompleteJob")] == 2
    assert seen["zeebe_gateway_failed_requests_total", ("1", "CompleteJob", "NOT_FOUND")] == 1
    latency = "zeebe_gateway_request_latency_bucket"
    assert seen[latency, ("0.0025", "1", "CompleteJob")] == 1
    assert seen[latency, ("+Inf", "1", "CompleteJob")] == 2
    assert seen["zeebe_broker_open_job_stream_count", ()] == 3
    assert seen["zeebe_client_worker_job_activated_total", ("x",)] == 1
    assert seen["zeebe_client_worker_job_handled_total", ("completed", "x")] == 1
    assert seen["phee_worker_job_duration_seconds_count", ("x",)] == 1


@dataclass
class Log:
    partition_id: int = 1
    durable_position: int = 100
    consumers: Counter[str] = field(default_factory=lambda: Counter({"relational": 90}))

    def acknowledged(self) -> dict[str, int]:
        return dict(self.consumers)


def test_lag_is_what_is_not_acknowledged() -> None:
    registry = new_registry()
    CallbackCollector(log_metrics(Log())).register(registry)  # type: ignore[arg-type]
    seen = samples(registry)
    assert seen["phee_exporter_lag_records", ("1", "relational")] == 10
    assert seen["zeebe_log_appender_last_committed_position", ("1",)] == 100


def test_freshness_and_http_histograms() -> None:
    registry = new_registry()
    freshness, http = Freshness(registry), HttpMetrics(registry)
    freshness.observe("rhino", "search", 0.02)
    freshness.observe("rhino", "search", -0.5)
    http.observe("/x/{id}", "GET", 200, 0.003)
    http.observe("unmatched", "BREW", 405, 0.003)
    seen = samples(registry)
    assert seen["phee_freshness_seconds_count", ("rhino", "search")] == 2
    assert seen["phee_freshness_seconds_sum", ("rhino", "search")] == pytest.approx(0.02)
    assert seen["phee_http_request_duration_seconds_count", ("/x/{id}", "200", "GET")] == 1
    assert seen["phee_http_request_duration_seconds_count", ("405", "other", "unmatched")] == 1


async def fine() -> None:
    return None


async def says_why() -> str:
    return "the disk is full"


async def raises() -> None:
    raise Unavailable("no broker", where="kafka:9092")


async def breaks() -> None:
    raise ValueError("secret")


async def hangs() -> None:
    await asyncio.Event().wait()


async def test_health_names_what_fails_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_TIMEOUT_S", 0.05)
    checks = HealthChecks({"fine": fine, "disk": says_why, "stream": raises})
    checks.add("broken", breaks)
    checks.add("slow", hangs)
    outcome = await checks.run()
    assert not outcome.ready
    assert {name: check.reason for name, check in outcome.checks.items()} == {
        "fine": "",
        "disk": "the disk is full",
        "stream": "no broker (kafka:9092)",
        "broken": "the check failed: ValueError",
        "slow": "no answer within 0.05 s",
    }
    assert (await HealthChecks({"fine": fine}).run()).ready
    assert (await HealthChecks().run()).ready


@pytest.fixture
def checks() -> HealthChecks:
    return HealthChecks({"fine": fine})


@pytest.fixture
def client(checks: HealthChecks) -> Iterator[TestClient[HubApp]]:
    with TestClient(create_app([routes(new_registry(), checks)])) as client:
        yield client


def test_the_pages_of_an_http_process(client: TestClient[HubApp], checks: HealthChecks) -> None:
    metrics = client.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=")
    assert "process_resident_memory_bytes" in metrics.text
    assert client.get("/health/live").json() == {"live": True}
    assert client.get("/health/ready").json() == {"ready": True, "checks": {"fine": {"ok": True}}}
    checks.add("disk", says_why)
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["checks"]["disk"] == {"ok": False, "reason": "the disk is full"}


def _get(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


async def test_the_pages_of_any_other_process(checks: HealthChecks) -> None:
    server = MonitoringServer(new_registry(), checks)
    port = await server.start()
    try:
        assert await asyncio.to_thread(_get, port, "/health/live") == (200, b'{"live":true}')
        status, body = await asyncio.to_thread(_get, port, "/metrics?x=1")
        assert (status, b"process_cpu_seconds_total" in body) == (200, True)
        assert (await asyncio.to_thread(_get, port, "/health/ready"))[0] == 200
        checks.add("disk", says_why)
        status, body = await asyncio.to_thread(_get, port, "/health/ready")
        assert (status, b"the disk is full" in body) == (503, True)
        assert (await asyncio.to_thread(_get, port, "/x"))[0] == 404
        assert (await asyncio.to_thread(_get, port, "/metrics", "POST"))[0] == 405
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x" * 100_000)
        assert await reader.read() == b""
        writer.close()
        assert await asyncio.to_thread(_get, port, "/health/live") == (200, b'{"live":true}')
    finally:
        await server.stop()
