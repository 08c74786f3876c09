"""What an importer shows of itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from phee.importers.batch import Batch
from phee.monitoring import Freshness

_RECORD_BUCKETS = (1, 5, 20, 100, 500, 1_000, 2_000, 5_000, 10_000, 50_000)
_SECOND_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class ImporterMetrics:
    """Counts for one importer; labels never carry anything of a payment."""

    def __init__(self, registry: CollectorRegistry, store: str) -> None:
        self._store = store
        self._freshness = Freshness(registry)
        self._records = _counter(registry, "records", "Records passed.")
        self._changes = _counter(registry, "changes", "Rows or documents written.")
        self._letters = Counter(
            "phee_importer_dead_letters",
            "Records that could not be projected; an empty tenant is the operator.",
            ["store", "tenant", "reason"],
            registry=registry,
        )
        self._retries = Counter(
            "phee_importer_failed_transactions",
            "Transactions that failed and were or will be tried again.",
            ["store", "tenant"],
            registry=registry,
        )
        self._mismatches = _counter(
            registry,
            "tenant_mismatches",
            "Records whose process id names another tenant than they carry.",
        )
        self._repeated = _counter(
            registry, "repeated_records", "Records that were applied before, and changed nothing."
        )
        self._lag_seconds = _gauge(
            registry, "lag_seconds", "Age of the newest record applied, while more are waiting."
        )
        self._lag = _gauge(registry, "lag_records", "Records in the stream not applied yet.")
        self._connected = _gauge(registry, "connected", "1 while the stream answers.")
        self._stalled = _gauge(registry, "stalled_tenants", "Tenants whose store refuses writes.")
        self._batch_records = _histogram(
            registry, "batch_records", "Records in a batch.", _RECORD_BUCKETS
        )
        self._batch_seconds = _histogram(
            registry, "batch_seconds", "Time to apply batches of one reading.", _SECOND_BUCKETS
        )

    def applied(self, batches: Sequence[Batch[Any]], changes: int, seconds: float) -> None:
        """Count batches that have been applied together."""
        self._changes.labels(self._store).inc(changes)
        self._batch_seconds.labels(self._store).observe(seconds)
        for batch in batches:
            self._batch(batch)

    def _batch(self, batch: Batch[Any]) -> None:
        self._records.labels(self._store).inc(batch.records)
        self._batch_records.labels(self._store).observe(batch.records)
        if batch.repeated:
            self._repeated.labels(self._store).inc(batch.repeated)
        if batch.mismatches:
            self._mismatches.labels(self._store).inc(batch.mismatches)
        for (tenant_id, reason), count in batch.dead_letters().items():
            self._letters.labels(self._store, tenant_id, reason).inc(count)

    def visible(self, tenant_id: str, commit_times_ms: list[int], now_ms: float) -> None:
        """Count how long each commit of a tenant took until it was visible."""
        for committed in commit_times_ms:
            self._freshness.observe(tenant_id, self._store, (now_ms - committed) / 1000)

    def failed(self, tenant_id: str) -> None:
        """Count a transaction that failed."""
        self._retries.labels(self._store, tenant_id).inc()

    def refused(self, tenant_id: str, reason: str) -> None:
        """Count a record that the store itself refused."""
        self._letters.labels(self._store, tenant_id, reason).inc()

    def state(
        self, *, connected: bool, lag_records: int, lag_seconds: float, stalled_tenants: int
    ) -> None:
        """Show how this importer is doing now."""
        self._connected.labels(self._store).set(int(connected))
        self._lag.labels(self._store).set(lag_records)
        self._lag_seconds.labels(self._store).set(lag_seconds)
        self._stalled.labels(self._store).set(stalled_tenants)


def _counter(registry: CollectorRegistry, name: str, text: str) -> Counter:
    return Counter(f"phee_importer_{name}", text, ["store"], registry=registry)


def _gauge(registry: CollectorRegistry, name: str, text: str) -> Gauge:
    return Gauge(f"phee_importer_{name}", text, ["store"], registry=registry)


def _histogram(
    registry: CollectorRegistry, name: str, text: str, buckets: tuple[float, ...]
) -> Histogram:
    return Histogram(f"phee_importer_{name}", text, ["store"], buckets=buckets, registry=registry)
