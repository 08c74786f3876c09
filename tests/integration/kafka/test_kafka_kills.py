"""Processes that are killed, and a cluster that loses a node, under the whole pipeline."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from importing import fold_of, new_importer, prepare, stores_of
from kafka_world import (
    RealKafka,
    everywhere,
    exporting,
    import_until,
    kafka_stream,
    settings_for,
)
from real_components.kafka_cluster import KafkaCluster
from record_stream import RecordWriter, payment
from started_component import started
from stream_runtimes import ServedLog

from phee.exporter.kafka import control
from phee.exporter.kafka.settings import TopicSettings
from phee.stream import stream_path
from phee.stream.kafka import KafkaAddress
from phee.stream.memory import MemoryLog

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]
TENANT = "rhino"
PARTITIONS = 3
KILLS = 5


def add(log: MemoryLog, writer: RecordWriter, payments: int) -> None:
    for number in range(payments):
        for commit in payment(writer, writer.position + number, tenant_id=TENANT, echoes=1):
            log.append(commit)


def start(data: Path, address: KafkaAddress) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "phee.exporter", "kafka", "--data", str(data)]
    stream = f"kafka://{address.brokers}/{address.topic}"
    return subprocess.Popen(
        [*command, "--stream", stream, "--partitions", str(PARTITIONS), "--log-level", "ERROR"]
    )


def wait_for(data: Path, position: int, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while control.status(data).position < position:
        assert time.monotonic() < deadline, control.status(data)
        time.sleep(0.05)


def test_an_exporter_killed_again_and_again(real_kafka: RealKafka, tmp_path: Path) -> None:
    """kill -9 of the exporter's process: the stores still equal the fold of the log."""
    hub, data, address = tmp_path / "hub", tmp_path / "data", real_kafka.address()
    log, writer = MemoryLog(), RecordWriter()
    hub.mkdir()
    served = ServedLog(log, stream_path(hub))
    served.start()
    try:
        for kill in range(KILLS):
            add(log, writer, 2)
            exporter = start(hub, address)
            time.sleep(1.0 + 0.35 * kill)  # before, while and after it sends
            os.kill(exporter.pid, signal.SIGKILL)
            exporter.wait(10)
        exporter = start(hub, address)
        wait_for_state(hub)
        wait_for(hub, log.durable_position)
        time.sleep(1)
        exporter.send_signal(signal.SIGTERM)
        assert exporter.wait(20) == 0
    finally:
        served.close()
    prepare(data, TENANT)
    importer = new_importer("relational", data, kafka_stream(address, "kills"))
    import_until(importer, everywhere(PARTITIONS, log.durable_position), 60)
    fold = fold_of("relational", tmp_path / "fold", log, TENANT)
    assert stores_of("relational", data, TENANT) == fold


def wait_for_state(data: Path) -> None:
    for _ in count():
        try:
            control.status(data)
        except Exception:  # noqa: BLE001 - not there yet
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[KafkaCluster]:
    made = KafkaCluster(tmp_path / "cluster")
    with started(made, made.stop, "Kafka cannot be had"):
        yield made


@pytest.mark.slow
def test_one_broker_of_three_is_killed_while_records_flow(
    cluster: KafkaCluster, tmp_path: Path
) -> None:
    address, data = KafkaAddress(brokers=cluster.brokers, topic="three"), tmp_path / "data"
    topics = TopicSettings(partitions=PARTITIONS, replication=3, min_in_sync_replicas=2)
    settings = settings_for(tmp_path / "hub", address, topics=topics)
    log, writer = MemoryLog(), RecordWriter()
    prepare(data, TENANT)
    with exporting(log, settings) as running:
        for node in (1, 2, 3):
            add(log, writer, 2)
            running.wait(log.durable_position - 300, 90)
            cluster.kill_node(node)
            add(log, writer, 2)
            running.wait(log.durable_position, 90)
            cluster.start_node(node)
        time.sleep(0.5)
    importer = new_importer("relational", data, kafka_stream(address, "three"))
    import_until(importer, everywhere(PARTITIONS, log.durable_position), 90)
    fold = fold_of("relational", tmp_path / "fold", log, TENANT)
    assert stores_of("relational", data, TENANT) == fold
