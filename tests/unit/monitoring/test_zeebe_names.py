"""What we show under Zeebe's names has Zeebe's names, kinds and labels.

``zeebe_8_5_8_metrics.txt`` is what a real Zeebe 8.5.8 with its Kafka exporter showed under load:
name, kind, and the labels of what had values (``-``: none had).
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from phee.engine import Engine
from phee.exporter import ConsumerWatch
from phee.exporter.kafka.metrics import KafkaExporterMetrics
from phee.gateway.counters import LATENCY_BUCKETS_S, GatewayCounters
from phee.monitoring import (
    CallbackCollector,
    engine_metrics,
    engine_state_metrics,
    gateway_metrics,
    log_metrics,
    new_registry,
    render,
    rocksdb_metrics,
    worker_metrics,
)
from phee.records import RecordType, ValueType
from phee.records.types import INTENTS
from phee.workers.counters import DURATION_BUCKETS_S, WorkerCounters

SEEN = Path(__file__).with_name("zeebe_8_5_8_metrics.txt")
ELSEWHERE = {
    # what the execution metrics exporter of a Zeebe adds when it is turned on
    "zeebe_process_instance_execution_time", "zeebe_job_activation_time", "zeebe_job_life_time",
    # what Zeebe's clients show
    "zeebe_client_worker_job_activated_total", "zeebe_client_worker_job_handled_total",
    "zeebe_exporter_state",  # had no values yet
}  # fmt: skip
FEWER_LABELS = {"grpc_server_handled_total": {"grpc_method", "grpc_code"}}


def families_of(registry: CollectorRegistry) -> dict[str, tuple[str, set[str]]]:
    """Kind and labels by name, for names that are Zeebe's."""
    found = {}
    for family in text_string_to_metric_families(render(registry).decode()):
        is_ours = family.name.startswith(("phee_", "process_", "python_"))
        if not is_ours and not family.name.endswith("_created"):
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            found[name] = (family.type, labels)
    return found


@pytest.fixture
def registry(tmp_path: Path) -> CollectorRegistry:
    """Every metric of a hub and of an exporter, each with a value."""
    engine, registry = Engine.open(tmp_path), new_registry()
    stats, gateway, workers = engine.stats, GatewayCounters(), WorkerCounters()
    stats.elements["activated", "SERVICE_TASK", "UNSPECIFIED"] += 1
    stats.jobs["created", "work"] += 1
    created = INTENTS[ValueType.JOB]["CREATED"]
    stats.records[RecordType.EVENT, ValueType.JOB, created] += 1
    gateway.call_ended("Topology", "OK", 0.1)
    gateway.call_ended("Topology", "UNAVAILABLE", 0.1)
    engine.log.acknowledge("kafka", 0)
    for read in (
        engine_metrics(stats),
        engine_state_metrics(engine),
        rocksdb_metrics(engine.store_statistics),
        log_metrics(engine.log),
        gateway_metrics(gateway, LATENCY_BUCKETS_S),
        worker_metrics(workers, DURATION_BUCKETS_S),
    ):
        CallbackCollector(read).register(registry)
    ConsumerWatch(engine.log, tmp_path, on_advice=lambda _: None, registry=registry)
    KafkaExporterMetrics(registry, "kafka").events("exported", 1, Counter({ValueType.JOB: 1}))
    return registry


def test_names_kinds_and_labels_are_zeebes(registry: CollectorRegistry) -> None:
    lines = SEEN.read_text().splitlines()
    zeebe = {name: (kind, set(labels.split(","))) for name, kind, labels in map(str.split, lines)}
    ours = families_of(registry)
    assert ours.keys() - zeebe.keys() <= ELSEWHERE
    for name in ours.keys() & zeebe.keys():
        kind, labels = ours[name]
        assert kind == zeebe[name][0], name
        if zeebe[name][1] != {"-"} and labels:
            assert labels == FEWER_LABELS.get(name, zeebe[name][1]), name
    assert sum(name.startswith("zeebe_rocksdb_") for name in ours) == 17
