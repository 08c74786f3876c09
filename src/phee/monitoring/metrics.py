"""Metrics of one process in a registry of its own, in Prometheus' text form.

Names follow Zeebe where it has one, so that dashboards made for it work; what is phee's own begins
with ``phee_``. Counters that other packages keep as plain numbers are read when they are scraped
(:mod:`phee.monitoring.collectors`), which costs their hot paths nothing.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

__all__ = ["CONTENT_TYPE_LATEST", "Freshness", "HttpMetrics", "new_registry", "render"]

FRESHNESS_BUCKETS_S = (
    0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
)  # fmt: skip
HTTP_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def new_registry() -> CollectorRegistry:
    """Return a registry with what every process shows: memory, CPU, files, garbage collection."""
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def render(registry: CollectorRegistry) -> bytes:
    """Return every metric in Prometheus' text form (content type CONTENT_TYPE_LATEST)."""
    return generate_latest(registry)


class HttpMetrics:
    """Durations of HTTP answers; :meth:`observe` fits ``phee.web.create_app(observe=...)``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._durations = Histogram(
            "phee_http_request_duration_seconds",
            "Time to answer an HTTP request.",
            ["route", "method", "status"],
            buckets=HTTP_BUCKETS_S,
            registry=registry,
        )

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer; ``route`` is a template, never a path that was asked for."""
        known = method if method in _METHODS else "other"
        self._durations.labels(route, known, str(status)).observe(seconds)


_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class Freshness:
    """How long records took from their commit to being visible, by tenant and store."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._histogram = Histogram(
            "phee_freshness_seconds",
            "Time from the commit of a record until it was visible in a store.",
            ["tenant", "store"],
            buckets=FRESHNESS_BUCKETS_S,
            registry=registry,
        )
        self._children: dict[tuple[str, str], Histogram] = {}

    def observe(self, tenant_id: str, store: str, seconds: float) -> None:
        """Count one record, or the oldest record of a batch."""
        child = self._children.get((tenant_id, store))
        if child is None:
            child = self._children[tenant_id, store] = self._histogram.labels(tenant_id, store)
        child.observe(max(seconds, 0.0))
