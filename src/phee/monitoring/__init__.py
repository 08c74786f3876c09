"""Metrics, health and logs: what every process shows of itself.

Imports the shared HTTP layer and libraries; reads the counters of other packages through
protocols, so that every process may use it.
"""

from phee.monitoring.collectors import (
    CallbackCollector,
    counter,
    gateway_metrics,
    gauge,
    histogram,
    worker_metrics,
)
from phee.monitoring.engine_metrics import engine_metrics, log_metrics
from phee.monitoring.engine_state import engine_state_metrics
from phee.monitoring.health import Check, Health, HealthChecks
from phee.monitoring.logs import configure_logging
from phee.monitoring.metrics import Freshness, HttpMetrics, new_registry, render
from phee.monitoring.payment_metrics import payment_metrics
from phee.monitoring.rocksdb_metrics import rocksdb_metrics
from phee.monitoring.server import MonitoringServer
from phee.monitoring.statements import watch_statements

__all__ = [
    "CallbackCollector",
    "Check",
    "Freshness",
    "Health",
    "HealthChecks",
    "HttpMetrics",
    "MonitoringServer",
    "configure_logging",
    "counter",
    "engine_metrics",
    "engine_state_metrics",
    "gateway_metrics",
    "gauge",
    "histogram",
    "log_metrics",
    "new_registry",
    "payment_metrics",
    "render",
    "rocksdb_metrics",
    "watch_statements",
    "worker_metrics",
]
