"""The embedded orchestrator's counters and its record log as metrics under Zeebe's names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from prometheus_client.metrics_core import Metric

from phee.monitoring.collectors import Values, counter, gauge, histogram
from phee.records.types import INTENTS, RecordType, ValueType
from phee.stream.port import RecordLog

_MS = 1000


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
    recovery_s: float

    @property
    def elements(self) -> Mapping[tuple[str, str, str], int]:
        """Events of elements, by action, element type and event type."""

    @property
    def jobs(self) -> Mapping[tuple[str, str], int]:
        """Events of jobs, by action and job type."""

    @property
    def records(self) -> Mapping[tuple[int, int, int], int]:
        """Records written, by record type, value type and intent."""

    @property
    def wait_ms(self) -> CountsInMs:
        """How long the oldest command of a group waited for being processed."""

    @property
    def commit_ms(self) -> CountsInMs:
        """From the first record of a group to its durability."""

    @property
    def flush_ms(self) -> CountsInMs:
        """Making a group durable."""

    @property
    def group_ms(self) -> CountsInMs:
        """Processing a group."""

    @property
    def group_commands(self) -> CountsInMs:
        """Commands in a group (a number, not a time)."""

    @property
    def instance_ms(self) -> CountsInMs:
        """From the start of a process instance to its completion."""

    @property
    def job_wait_ms(self) -> CountsInMs:
        """From the creation of a job to each of its activations."""

    @property
    def job_life_ms(self) -> CountsInMs:
        """From the creation of a job to its completion."""


def engine_metrics(counts: EngineCounts, *, partition: int = 1) -> Callable[[], Iterator[Metric]]:
    """Return the engine's metrics as a function for :class:`CallbackCollector`."""
    number = str(partition)

    def read() -> Iterator[Metric]:
        yield from _elements_and_jobs(counts, number)
        yield from _instances(counts, number)
        yield from _records(counts, number)
        yield from _requests(counts, number)
        yield from _times(counts, number)
        name = "zeebe_stream_processor_startup_recovery_time"
        opened = [((number,), counts.recovery_s)]
        yield gauge(name, "Seconds that opening took.", ["partition"], opened)

    return read


def _elements_and_jobs(counts: EngineCounts, number: str) -> Iterator[Metric]:
    elements = [
        ((action, element_type, number, event_type), count)
        for (action, element_type, event_type), count in list(counts.elements.items())
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


def _times(counts: EngineCounts, number: str) -> Iterator[Metric]:
    batch = "zeebe_stream_processor_batch_processing"
    for name, text, times, unit in (
        ("zeebe_stream_processor_latency", "From arrival to processing, the oldest of a group.",
         counts.wait_ms, _MS),
        ("zeebe_log_appender_commit_latency", "From first record to durable.",
         counts.commit_ms, _MS),
        ("zeebe_log_appender_append_latency", "Making a group durable.", counts.flush_ms, _MS),
        (f"{batch}_duration", "Processing a group.", counts.group_ms, _MS),
        (f"{batch}_commands", "Commands in a group.", counts.group_commands, 1),
        ("zeebe_process_instance_execution_time", "From start to completion.",
         counts.instance_ms, _MS),
        ("zeebe_job_activation_time", "From creation to activation.", counts.job_wait_ms, _MS),
        ("zeebe_job_life_time", "From creation to completion.", counts.job_life_ms, _MS),
    ):  # fmt: skip
        bounds = [bound / unit for bound in times.bounds]
        yield histogram(name, text, ["partition"], bounds, [((number,), _Scaled(times, unit))])


class _Scaled:
    """Counts in the unit of the metric: seconds for what was counted in ms."""

    def __init__(self, counts: CountsInMs, unit: int) -> None:
        self.buckets = list(counts.counts)
        self.sum_s = counts.total / unit


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
