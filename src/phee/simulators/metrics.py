"""What the simulators count."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from phee.simulators.config import CallbackKind


class Metrics:
    """The counters of one simulator process, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ledger = Counter(
            "simulator_ledger_transfers",
            "Transfer steps asked of the ledger, by action and outcome (done, or an error code)",
            ["action", "outcome"],
            registry=self._registry,
        )
        scheme = Counter(
            "simulator_scheme_requests",
            "Requests the scheme accepted, by resource",
            ["resource"],
            registry=self._registry,
        )
        callbacks = Counter(
            "simulator_scheme_callbacks",
            "Callbacks by kind and what became of them",
            ["kind", "outcome"],
            registry=self._registry,
        )
        self._ledger_child = cache(ledger.labels)
        self._scheme_child = cache(scheme.labels)
        self._callback_child = cache(callbacks.labels)

    def ledger_transfer(self, action: str, outcome: str) -> None:
        """Count a transfer step of the ledger."""
        self._ledger_child(action, outcome).inc()

    def scheme_request(self, resource: str) -> None:
        """Count a request the scheme accepted."""
        self._scheme_child(resource).inc()

    def callback(self, kind: CallbackKind, outcome: str) -> None:
        """Count what became of one attempt to call back."""
        self._callback_child(kind, outcome).inc()

    def watch_pending(self, pending: Callable[[], int]) -> None:
        """Show how many callbacks are not accepted yet."""
        gauge = Gauge(
            "simulator_scheme_callbacks_pending",
            "Callbacks not accepted by their participant yet",
            registry=self._registry,
        )
        gauge.set_function(pending)

    def render(self) -> bytes:
        """Everything in the text format of Prometheus."""
        return generate_latest(self._registry)
