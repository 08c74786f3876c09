"""Plain counters of other packages as metrics under Zeebe's names.

The engine, the gateway and the workers count in plain numbers and know nothing of Prometheus; the
protocols here say what is read of them, at scrape time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

__all__ = [
    "CallbackCollector",
    "Durations",
    "GatewayCounts",
    "WorkerCounts",
    "counter",
    "gateway_metrics",
    "gauge",
    "histogram",
    "worker_metrics",
]

Values = Iterable[tuple[Sequence[str], float]]
"""Values, each with its labels. Pass copies: the counts change while they are scraped."""


class CallbackCollector(Collector):
    """Reads metrics from a function whenever they are scraped.

    ``read`` runs in the thread that serves /metrics; it must be quick and must not change anything.
    """

    def __init__(self, read: Callable[[], Iterable[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of this instant."""
        return self._read()

    def register(self, registry: CollectorRegistry) -> None:
        """Show these metrics in ``registry``."""
        registry.register(self)


def counter(name: str, text: str, labels: Sequence[str], values: Values) -> CounterMetricFamily:
    """Return a counter (``_total`` is added to its name), one value for each set of labels."""
    family = CounterMetricFamily(name, text, labels=labels)
    for key, value in values:
        family.add_metric(key, value)
    return family


def gauge(name: str, text: str, labels: Sequence[str], values: Values) -> GaugeMetricFamily:
    """Return a gauge, one value for each set of labels."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values:
        family.add_metric(key, value)
    return family


class Durations(Protocol):
    """Counts by bucket (not cumulative; one more than there are bounds), and their sum."""

    @property
    def buckets(self) -> Sequence[int]:
        """How many fell into each bucket."""

    @property
    def sum_s(self) -> float:
        """The sum of all, in seconds."""


def histogram(
    name: str,
    text: str,
    labels: Sequence[str],
    bounds: Sequence[float],
    values: Iterable[tuple[Sequence[str], Durations]],
) -> HistogramMetricFamily:
    """Return a histogram out of counts that others keep; ``bounds`` are upper bounds in s."""
    family = HistogramMetricFamily(name, text, labels=labels)
    names = [*(str(float(bound)) for bound in bounds), "+Inf"]
    for key, durations in values:
        cumulative = accumulate(durations.buckets)
        family.add_metric(key, list(zip(names, cumulative, strict=True)), durations.sum_s)
    return family


class GatewayCounts(Protocol):
    """What is read of the gateway (:class:`phee.gateway.counters.GatewayCounters` has it)."""

    @property
    def handled(self) -> Mapping[tuple[str, str], int]:
        """Answered calls by (method, gRPC status name)."""

    @property
    def latency(self) -> Mapping[str, Durations]:
        """Time to answer by method."""

    @property
    def queued_polls(self) -> Mapping[str, int]:
        """Parked polls by job type."""

    @property
    def open_streams(self) -> Mapping[str, int]:
        """Open job streams by job type."""

    @property
    def pushed_jobs(self) -> Mapping[str, int]:
        """Jobs sent over streams by job type."""

    @property
    def returned_jobs(self) -> Mapping[str, int]:
        """Jobs given back because their client was gone, by job type."""


def gateway_metrics(
    counts: GatewayCounts, bounds_s: Sequence[float], *, partition: int = 1
) -> Callable[[], Iterator[Metric]]:
    """Return the gateway's metrics as a function for :class:`CallbackCollector`."""
    number = str(partition)

    labels = ["partition", "requestType"]

    def read() -> Iterator[Metric]:
        handled = list(counts.handled.items())
        requests: Counter[str] = Counter()
        for (method, _), count in handled:
            requests[method] += count
        failed = [((number, *key), count) for key, count in handled if key[1] != "OK"]
        total = [((number, method), count) for method, count in requests.items()]
        times = [((number, method), times) for method, times in list(counts.latency.items())]
        yield counter(
            "grpc_server_handled", "Answered calls.", ["grpc_method", "grpc_code"], handled
        )
        yield counter("zeebe_gateway_total_requests", "Answered requests.", labels, total)
        yield counter(
            "zeebe_gateway_failed_requests", "Refused requests.", [*labels, "error"], failed
        )
        yield histogram("zeebe_gateway_request_latency", "Time to answer.", labels, bounds_s, times)
        polls = _by_type(counts.queued_polls)
        yield gauge("zeebe_long_polling_queued_current", "Parked polls.", ["type"], polls)
        yield from _stream_metrics(counts)

    return read


def _stream_metrics(counts: GatewayCounts) -> Iterator[Metric]:
    streams, pushed, returned = (
        [((), float(sum(list(by_type.values()))))]
        for by_type in (counts.open_streams, counts.pushed_jobs, counts.returned_jobs)
    )
    yield gauge("zeebe_broker_open_job_stream_count", "Open job streams.", [], streams)
    yield counter("zeebe_broker_jobs_pushed_count", "Jobs sent over streams.", [], pushed)
    yield counter("zeebe_broker_jobs_push_fail_count", "Jobs whose client was gone.", [], returned)


class WorkerCounts(Protocol):
    """What is read of a worker (:class:`phee.workers.counters.WorkerCounters` has it)."""

    @property
    def activated(self) -> Mapping[str, int]:
        """Jobs received by type."""

    @property
    def handled(self) -> Mapping[tuple[str, str], int]:
        """Jobs answered by (action, type)."""

    @property
    def durations(self) -> Mapping[str, Sequence[int]]:
        """Handler runs by bucket (not cumulative), by type."""

    @property
    def duration_sum_s(self) -> Mapping[str, float]:
        """Time spent in handlers, by type."""

    @property
    def active(self) -> int:
        """Jobs in work right now."""


def worker_metrics(
    counts: WorkerCounts, bounds_s: Sequence[float]
) -> Callable[[], Iterator[Metric]]:
    """Return a worker's metrics as a function for :class:`CallbackCollector`."""

    def read() -> Iterator[Metric]:
        activated, handled = _by_type(counts.activated), list(counts.handled.items())
        yield counter("zeebe_client_worker_job_activated", "Jobs received.", ["type"], activated)
        yield counter(
            "zeebe_client_worker_job_handled", "Jobs answered.", ["action", "type"], handled
        )
        times = [
            ((job_type,), _Times(list(buckets), counts.duration_sum_s.get(job_type, 0.0)))
            for job_type, buckets in list(counts.durations.items())
        ]
        yield histogram(
            "phee_worker_job_duration_seconds", "Time in handlers.", ["type"], bounds_s, times
        )
        yield gauge("phee_worker_jobs_active", "Jobs in work.", [], [((), float(counts.active))])

    return read


class _Times:
    def __init__(self, buckets: Sequence[int], sum_s: float) -> None:
        self.buckets = buckets
        self.sum_s = sum_s


def _by_type(counts: Mapping[str, int]) -> list[tuple[tuple[str], float]]:
    return [((job_type,), float(count)) for job_type, count in list(counts.items())]
