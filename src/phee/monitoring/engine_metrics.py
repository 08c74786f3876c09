"""The embedded orchestrator's counters and its record log as metrics under Zeebe's names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from prometheus_client.metrics_core import Metric

from phee.monitoring.collectors import Values, counter, gauge, histogram
from phee.records.types import INTENTS, RecordType, ValueType
from phee.stream.port import RecordLog


class CountsInMs(Protocol):
    """Counts up to each bound (not cumulative, the last of everything above), and their sum."""

    @property
    def bounds(self) -> Sequence[float]:
        """Upper bounds in ms."""

    @property
    def counts(self) -> Sequence[int]:
        """How many fell up to each bound."""

    @property
    def total(self) -> float:
        """The sum of all, in ms."""


class EngineCounts(Protocol):
    """What is read of the engine (:class:`phee.engine.stats.Stats` has it)."""

    instances_created: int
    instances_completed: int
    instances_terminated: int
    incidents_created: int
    incidents_resolved: int
    requests_received: int
    requests_refused: int
    faults: int

    @property
    def elements(self) -> Mapping[tuple[str, str], int]:
        """Events of elements, by action and element type."""

    @property
    def jobs(self) -> Mapping[tuple[str, str], int]:
        """Events of jobs, by action and job type."""

    @property
    def records(self) -> Mapping[tuple[int, int, int], int]:
        """Records written, by record type, value type and intent."""

    @property
    def commit_ms(self) -> CountsInMs:
        """From the first record of a group to its durability."""

    @property
    def flush_ms(self) -> CountsInMs:
        """Making a group durable."""


def engine_metrics(counts: EngineCounts, *, partition: int = 1) -> Callable[[], Iterator[Metric]]:
    """Return the engine's metrics as a function for :class:`CallbackCollector`."""
    number = str(partition)

    def read() -> Iterator[Metric]:
        yield from _elements_and_jobs(counts, number)
        yield from _instances(counts, number)
        yield from _records(counts, number)
        yield from _requests(counts, number)

    return read


def _elements_and_jobs(counts: EngineCounts, number: str) -> Iterator[Metric]:
    elements = [
        ((action, element_type, number, "null"), count)
        for (action, element_type), count in list(counts.elements.items())
    ]
    labels = ["action", "type", "partition", "eventType"]
    yield counter("zeebe_element_instance_events", "Flow nodes.", labels, elements)
    jobs = [((action, number, kind), count) for (action, kind), count in list(counts.jobs.items())]
    yield counter("zeebe_job_events", "Jobs.", ["action", "partition", "type"], jobs)


def _instances(counts: EngineCounts, number: str) -> Iterator[Metric]:
    created = [((number, "creation_at_default_start_event"), counts.instances_created)]
    labels = ["partition", "creation_mode"]
    yield counter("zeebe_process_instance_creations", "Instances created.", labels, created)
    actions = (
        ("activated", counts.instances_created),
        ("completed", counts.instances_completed),
        ("terminated", counts.instances_terminated),
    )
    executed = [
        (("null", "ROOT_PROCESS_INSTANCE", action, number), count) for action, count in actions
    ]
    labels = ["organizationId", "type", "action", "partition"]
    yield counter("zeebe_executed_instances", "Root process instances.", labels, executed)
    incidents = [
        (("created", number), counts.incidents_created),
        (("resolved", number), counts.incidents_resolved),
    ]
    yield counter("zeebe_incident_events", "Incidents.", ["action", "partition"], incidents)


def _records(counts: EngineCounts, number: str) -> Iterator[Metric]:
    records = list(counts.records.items())
    appended = [((number, *_names(*kinds)), count) for kinds, count in records]
    labels = ["partition", "recordType", "valueType", "intent"]
    yield counter("zeebe_log_appender_record_appended", "Records in the log.", labels, appended)
    commands = sum(count for (kind, _, _), count in records if kind == RecordType.COMMAND)
    processed: Values = [
        (("processed", number), commands),
        (("written", number), sum(count for _, count in records)),
    ]
    labels = ["action", "partition"]
    yield counter("zeebe_stream_processor_records", "Records handled.", labels, processed)
    for name, text, times in (
        ("zeebe_log_appender_commit_latency", "From first record to durable.", counts.commit_ms),
        ("zeebe_log_appender_append_latency", "Making a group durable.", counts.flush_ms),
    ):
        bounds_s = [bound / 1000 for bound in times.bounds]
        yield histogram(name, text, ["partition"], bounds_s, [((number,), _InSeconds(times))])


class _InSeconds:
    def __init__(self, times: CountsInMs) -> None:
        self.buckets = list(times.counts)
        self.sum_s = times.total / 1000


def _names(record_type: int, value_type: int, intent: int) -> tuple[str, str, str]:
    try:
        kind = ValueType(value_type)
        return RecordType(record_type).name, kind.name, INTENTS[kind](intent).name
    except (KeyError, ValueError):  # newer than this version knows
        return str(record_type), str(value_type), str(intent)


def _requests(counts: EngineCounts, number: str) -> Iterator[Metric]:
    for name, text, count in (
        ("zeebe_received_request_count", "Commands received.", counts.requests_received),
        ("zeebe_dropped_request_count", "Commands refused by back-pressure.",
         counts.requests_refused),
        ("phee_engine_faults", "Faults of the engine itself.", counts.faults),
    ):  # fmt: skip
        yield counter(name, text, ["partition"], [((number,), count)])


def log_metrics(log: RecordLog) -> Callable[[], Iterator[Metric]]:
    """Return what the record log shows: its end, and how far each consumer is behind it."""

    def read() -> Iterator[Metric]:
        number = str(log.partition_id)
        end = log.durable_position
        name = "zeebe_log_appender_last_committed_position"
        yield gauge(name, "The newest durable record.", ["partition"], [((number,), end)])
        acknowledged = sorted(log.acknowledged().items())
        labels = ["exporter", "partition"]
        exported = [((consumer, number), position) for consumer, position in acknowledged]
        name = "zeebe_exporter_last_exported_position"
        yield gauge(name, "The newest acknowledged record.", labels, exported)
        lag = [((consumer, number), end - position) for consumer, position in acknowledged]
        yield gauge("phee_exporter_lag_records", "Records not acknowledged yet.", labels, lag)

    return read
