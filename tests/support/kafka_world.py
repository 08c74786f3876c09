"""Kafka for tests: a real broker (or three), or the one inside the client library; and who writes.

The mock inside librdkafka needs nothing and knows groups and offsets, but no administration.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Literal

import psutil
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from real_components import process
from real_components.kafka import Kafka
from real_components.operate import free_ports, start_component

from phee.exporter.kafka.exporter import KafkaExporter
from phee.exporter.kafka.metrics import KafkaExporterMetrics
from phee.exporter.kafka.settings import KafkaExporterSettings, TopicSettings
from phee.exporter.kafka.state import State, state_path
from phee.monitoring import new_registry
from phee.records import Record, decode_block, to_json
from phee.stream.kafka import KafkaAddress
from phee.stream.kafka.message import record_headers
from phee.stream.kafka.stream import KafkaStream
from phee.stream.local import LocalStream
from phee.stream.memory import MemoryLog
from phee.stream.port import EventStream, Lane, Unreadable

Form = Literal["phee", "zeebe", "mifos"]
_NUMBERS = count(1)


class RealKafka:
    """A broker of one node that may be stopped, killed and started again with its data."""

    def __init__(self, folder: Path, component: Kafka | None = None) -> None:
        self._folder = folder
        self._component = component or Kafka()
        self._ports = dict(free_ports(self._component))
        self._running: process.Running | None = None

    @property
    def ports(self) -> dict[str, int]:
        return dict(self._ports)

    @property
    def pid(self) -> int:
        assert self._running is not None
        return self._running.pid

    @property
    def brokers(self) -> str:
        return f"127.0.0.1:{self._ports['kafka']}"

    @property
    def is_running(self) -> bool:
        return self._running is not None and self._running.alive

    def limit_files(self, size_bytes: int) -> None:
        """Let the broker write no file beyond this size: its disk is full."""
        limits = (size_bytes, psutil.RLIM_INFINITY)
        psutil.Process(self.pid).rlimit(psutil.RLIMIT_FSIZE, limits)

    def start(self) -> None:
        self._running = start_component(self._component, self._folder, self._ports, {})

    def stop(self) -> None:
        if self._running is not None:
            process.stop(self._running)
            self._running = None

    def kill(self) -> None:
        assert self._running is not None
        process.kill(self._running)
        self._running = None

    def address(self, topic: str = "", **fields: Any) -> KafkaAddress:
        """The address of a topic that no other test uses."""
        topic = topic or f"t{next(_NUMBERS)}-{time.time_ns() % 10**9}"
        return KafkaAddress(brokers=self.brokers, topic=topic, **fields)

    def make_topic(self, name: str, partitions: int = 3, **config: str) -> None:
        admin = AdminClient({"bootstrap.servers": self.brokers})
        topic = NewTopic(name, partitions, 1, config=config)
        admin.create_topics([topic])[name].result(20)
        while name not in admin.list_topics(timeout=10).topics:
            time.sleep(0.05)


class MockKafka:
    """The broker inside librdkafka; topics make themselves, with four partitions."""

    def __init__(self) -> None:
        self._boss = Producer({"test.mock.num.brokers": 1, "log_level": 2})
        brokers = self._boss.list_topics(timeout=10).brokers.values()
        self.brokers = ",".join(f"{one.host}:{one.port}" for one in brokers)

    def address(self, topic: str = "", **fields: Any) -> KafkaAddress:
        topic = topic or f"mock{next(_NUMBERS)}"
        return KafkaAddress(brokers=self.brokers, topic=topic, **fields)


def records_of(log: MemoryLog) -> list[Record]:
    return [
        stored.decoded()
        for _, block in log.read(0, max_bytes=1 << 40)
        for stored in decode_block(block).records
    ]


def write(address: KafkaAddress, log: MemoryLog, form: Form = "phee", after: int = 0) -> None:
    """Write a log to Kafka without an exporter, in one of the known forms."""
    producer = Producer({"bootstrap.servers": address.brokers, "acks": "all", "log_level": 2})
    for record in records_of(log):
        if record.position > after:
            topic = address.topic_of(record.value_type)
            send(producer, topic, log, record, form)
    assert producer.flush(20) == 0


def send(producer: Producer, topic: str, log: MemoryLog, record: Record, form: Form) -> None:
    partition_id, position = log.partition_id, record.position
    value = to_json(record, partition_id=partition_id)
    instance = str(getattr(record.value, "process_instance_key", -1))
    if form == "phee":
        headers = record_headers(log.epoch, partition_id, position, record.tenant_id)
        producer.produce(topic, value, instance, headers=headers)
    elif form == "zeebe":
        key = json.dumps({"partitionId": partition_id, "position": position})
        producer.produce(topic, value, key, partition=0)
    else:
        producer.produce(topic, value, f"{partition_id}-{position}")
    producer.poll(0)


def read_all(
    stream: EventStream,
    after: dict[Lane, int] | None = None,
    *,
    until: Callable[[list[Record]], bool],
    timeout_s: float = 30,
    max_bytes: int = 1 << 20,
) -> list[Record]:
    """Read from the given positions (0 for the rest) until enough has come."""
    found: list[Record] = []
    at = dict(after or {})
    deadline = time.monotonic() + timeout_s
    while not until(found):
        assert time.monotonic() < deadline, f"only {len(found)} records came"
        lanes = stream.lanes()
        at = {lane: at.get(lane, (after or {}).get(lane, 0)) for lane in lanes}
        for chunk in stream.fetch(at, max_bytes=max_bytes, timeout_s=0.2):
            for position, block in chunk.blocks:
                assert not isinstance(block, Unreadable), block
                content = decode_block(block) if isinstance(block, bytes) else block
                found += [r.decoded() for r in content.records if r.position > at[chunk.lane]]
                at[chunk.lane] = position
    return found


def settings_for(data: Path, address: KafkaAddress, **fields: Any) -> KafkaExporterSettings:
    fields.setdefault("acknowledge_s", 0.05)
    fields.setdefault("mark_s", 0.05)
    fields.setdefault("topics", TopicSettings(partitions=3))
    return KafkaExporterSettings(data=data, address=address, **fields)


class Exporting:
    """An exporter in a thread."""

    def __init__(self, log: MemoryLog, settings: KafkaExporterSettings) -> None:
        self.state = State(state_path(settings.data, settings.name))
        self.state.lock()
        self.registry = new_registry()
        metrics = KafkaExporterMetrics(self.registry, settings.name)
        stream = LocalStream(log, settings.name)
        self.exporter = KafkaExporter(stream, self.state, settings, metrics)
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def position(self) -> int:
        return self.exporter.progress.position

    def wait(self, position: int, timeout_s: float = 60) -> None:
        deadline = time.monotonic() + timeout_s
        while self.position < position:
            assert self.error is None, self.error
            assert time.monotonic() < deadline, f"exported only up to {self.position}"
            time.sleep(0.02)

    def stop(self) -> None:
        self.exporter.stop()
        self._thread.join(30)
        assert not self._thread.is_alive()
        self.state.close()

    def _run(self) -> None:
        try:
            self.exporter.run()
        except Exception as error:  # noqa: BLE001 - shown by whoever waits
            self.error = error


@contextmanager
def exporting(log: MemoryLog, settings: KafkaExporterSettings) -> Iterator[Exporting]:
    running = Exporting(log, settings)
    try:
        yield running
    finally:
        running.stop()


def export(log: MemoryLog, settings: KafkaExporterSettings) -> None:
    """Export the whole log, and its marks."""
    with exporting(log, settings) as running:
        running.wait(log.durable_position)
        time.sleep(settings.mark_s + 0.3)


def import_until(importer: Any, done: Callable[[dict[Lane, int]], bool], timeout_s: float) -> None:
    """Step an importer until its places satisfy ``done``, then end it cleanly."""
    deadline = time.monotonic() + timeout_s
    while not done(importer.positions):
        assert time.monotonic() < deadline, f"imported only up to {importer.positions}"
        importer.step()
    importer.stop()
    importer.run()


def everywhere(lanes: int, position: int) -> Callable[[dict[Lane, int]], bool]:
    """True once so many lanes (of records) have passed a position, by marks or records."""

    def done(at: dict[Lane, int]) -> bool:
        passed = [lane for lane, value in at.items() if lane.epoch >= 0 and value >= position]
        return len(passed) >= lanes

    return done


def kafka_stream(address: KafkaAddress, consumer: str) -> KafkaStream:
    return KafkaStream(address, consumer)
