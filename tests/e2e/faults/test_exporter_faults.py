"""Faults of the Kafka exporter, and between it and Kafka: see the tables in fault_cases."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, TopicPartition
from engine_log import EngineLog
from failpoints import step
from fault_cases import (
    EXPORTER_KILLS,
    EXPORTER_NETWORK,
    EXPORTER_OTHER,
    Case,
    named,
    table,
)
from fault_world import PARTITIONS, ROUNDS, Exporting, Scene, rng_of
from faulty_tcp import PRODUCE, Fault, kafka_request
from fold_check import Expected, fold, wait_until
from payment_engine import TENANTS

from phee.exporter.kafka import control
from phee.exporter.kafka.selection import Selection
from phee.records import decode_block, to_json
from phee.stream.memory import MemoryLog

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(600)]
MESSAGE_BYTES_MAX = 1_000_000
SUSPENDED_S = 3
ROOM_BYTES = 20_000
"""More than what the process prints, less than its state file."""


def complete(scene: Scene, exporting: Exporting, expected: Expected | None = None) -> None:
    """Let an exporter finish undisturbed; then the topic and the stores must have it all."""
    child = exporting.start()
    exporting.wait_done()
    child.end()
    expected = expected or scene.expected
    check_topic(exporting, expected)
    scene.settle(expected)


def check_topic(exporting: Exporting, expected: Expected) -> None:
    """In every partition repetitions may be, and no gap: first appearances are in order."""
    ((epoch, _),) = expected.positions.items()
    for number in range(PARTITIONS):
        newest = 0
        seen: set[int] = set()
        for message in messages(exporting.brokers, exporting.topic, number):
            headers = dict(message.headers() or ())
            assert int(headers["epoch"]) == epoch
            position = int(headers["position"])
            if "kind" in headers:
                continue
            assert position > newest or position in seen, f"{position} came too late"
            seen.add(position)
            newest = max(newest, position)


def messages(brokers: str, topic: str, number: int) -> Iterator[Message]:
    """Every message of a partition as it is now."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "look", "log_level": 2})
    partition = TopicPartition(topic, number)
    low, high = consumer.get_watermark_offsets(partition, timeout=10)
    consumer.assign([TopicPartition(topic, number, low)])
    at = low
    while at < high:
        message = consumer.poll(10)
        assert message is not None, f"{topic}/{number} ends at {at}, not {high}"
        at = (message.offset() or 0) + 1
        yield message
    consumer.close()


@table(EXPORTER_KILLS)
def test_killed_at_a_step(scene: Scene, case: Case) -> None:
    scene.kinds = ("relational",)
    rng, exporting = rng_of(case.name), scene.exporting()
    for number in range(ROUNDS):
        skip = rng.randrange(case.skip + 1) if number else case.skip
        exporting.start(step(case.step, skip=skip)).wait_killed()
    complete(scene, exporting)


@table(EXPORTER_NETWORK)
def test_network(scene: Scene, case: Case) -> None:
    scene.kinds = ("relational",)
    kind, times = case.options
    proxy, exporting = scene.components.kafka_proxy, scene.exporting()
    proxy.arm(Fault(kind, kafka_request(PRODUCE), case.skip, times, 3 if kind == "stall" else 2))
    child = exporting.start(brokers=scene.proxied_brokers)
    exporting.wait_done()
    child.end()
    assert proxy.struck == times, "the fault did not happen as often as it should"
    check_topic(exporting, scene.expected)
    if kind == "duplicate":
        assert counts(exporting) == {1}, "Kafka took something twice"
    scene.settle()


def counts(exporting: Exporting) -> set[int]:
    """How often records are in the topic."""
    seen = Counter(
        int(headers["position"])
        for number in range(PARTITIONS)
        for message in messages(exporting.brokers, exporting.topic, number)
        if "kind" not in (headers := dict(message.headers() or ()))
    )
    return set(seen.values())


@table([case for case in EXPORTER_OTHER if "/broker-killed" in case.name])
def test_broker_killed(scene: Scene, case: Case) -> None:
    exporting, kafka = scene.exporting(), scene.components.kafka
    child = exporting.start(step(case.step, action="pause", skip=case.skip))
    child.wait_paused()
    kafka.kill()
    child.resume()
    time.sleep(rng_of(case.name).uniform(0, 1))
    kafka.start()
    exporting.wait_done()
    child.end()
    complete(scene, exporting)


def test_suspended(scene: Scene) -> None:
    case = named(EXPORTER_OTHER, "exporter/suspended")
    exporting = scene.exporting()
    child = exporting.start(step(case.step, action="pause", skip=case.skip))
    child.wait_paused()
    time.sleep(SUSPENDED_S)
    child.resume()
    exporting.wait_done()
    child.end()
    complete(scene, exporting)


def test_started_twice(scene: Scene) -> None:
    exporting = scene.exporting()
    first = exporting.start(step("after send", action="pause", skip=1_000))
    first.wait_paused()
    second = exporting.start()
    assert second.wait("ended") == 1
    assert "this exporter runs already" in second.said()
    first.resume()
    exporting.wait_done()
    first.end()
    complete(scene, exporting)


def test_told_to_send_everything_again(scene: Scene) -> None:
    exporting = scene.exporting()
    child = exporting.start()
    exporting.wait_done()
    control.reset(scene.components.engine.data, 0, exporting.name)
    wait_until(lambda: exporting.position == 0, "it begins again", exporting.said)
    exporting.wait_done()
    child.end()
    assert counts(exporting) == {2}
    complete(scene, exporting)


def test_disk_full_for_its_position(scene: Scene) -> None:
    case = named(EXPORTER_OTHER, "exporter/disk-full-for-its-position")
    exporting = scene.exporting()
    child = exporting.start(step(case.step, action="pause", skip=case.skip))
    child.wait_paused()
    child.limit_files(ROOM_BYTES)
    child.resume()
    wait_until(lambda: child.has_said("export interrupted", 3), "it notices", child.said)
    # A few positions may still fit into the part of the file that is used again.
    assert exporting.position < scene.components.engine.position
    child.limit_files(None)
    exporting.wait_done()
    child.end()
    complete(scene, exporting)


# --- records that are too large ---


@pytest.fixture
def huge_engine(tmp_path: Path) -> Iterator[EngineLog]:
    engine = EngineLog(tmp_path / "hub")
    engine.start()
    engine.pay(6)
    engine.pay_huge()
    engine.pay(6)
    yield engine
    engine.close()


def too_large(log: MemoryLog) -> dict[int, int]:
    """The records that Kafka does not take: position -> bytes of their JSON."""
    wants, found = Selection().wants, {}
    for _, block in log.read(0, max_bytes=1 << 40):
        for record in decode_block(block).records:
            if wants(record.record_type, record.value_type, record.intent):
                size = len(to_json(record.decoded(), partition_id=log.partition_id))
                if size > MESSAGE_BYTES_MAX:
                    found[record.position] = size
    return found


def check_parts(exporting: Exporting, sizes: dict[int, int]) -> None:
    """Each large record is in the topic for dead letters: the last attempt at least whole."""
    parts: dict[int, list[dict[str, Any]]] = {position: [] for position in sizes}
    for number in range(PARTITIONS):
        for message in messages(exporting.brokers, f"{exporting.topic}.dead-letters", number):
            headers = dict(message.headers() or ())
            assert headers["reason"] == b"record-too-large"
            position = int(headers["position"])
            parts[position].append({"number": int(headers["part"]), "of": int(headers["parts"]),
                                    "size": len(message.value() or b"")})  # fmt: skip
    for position, size in sizes.items():
        count = parts[position][0]["of"]
        last = parts[position][-count:]
        assert [part["number"] for part in last] == list(range(1, count + 1))
        assert sum(part["size"] for part in last) == size


def test_records_too_large(scene: Scene, huge_engine: EngineLog) -> None:
    finish_huge(scene, huge_engine, scene.exporting(huge_engine))


def test_killed_between_the_parts_of_a_large_record(scene: Scene, huge_engine: EngineLog) -> None:
    rng_of("exporter/killed-between-the-parts-of-a-large-record")
    exporting = scene.exporting(huge_engine)
    log = huge_engine.copy()
    first = min(too_large(log))
    wants = Selection().wants
    before = sum(
        wants(one.record_type, one.value_type, one.intent) and one.position < first
        for _, block in log.read(0, max_bytes=1 << 40)
        for one in decode_block(block).records
    )
    # Without marks the sends are the records before, then the parts: the third is not sent.
    quiet = {
        "phee.exporter.kafka.settings:KafkaExporterSettings.__init__.__kwdefaults__.mark_s": 600
    }
    exporting.start(step("before send", skip=before + 2), constants=quiet).wait_killed()
    finish_huge(scene, huge_engine, exporting)


def finish_huge(scene: Scene, engine: EngineLog, exporting: Exporting) -> None:
    log = engine.copy()
    sizes = too_large(log)
    assert max(sizes.values()) > 5_000_000
    complete(scene, exporting, fold(log, TENANTS, without=sizes))
    check_parts(exporting, sizes)


# --- the disk under Kafka ---


def test_disk_full_under_kafka(scene: Scene) -> None:
    case = named(EXPORTER_OTHER, "exporter/disk-full-under-kafka")
    rng_of(case.name)
    exporting, kafka = scene.exporting(), scene.components.kafka
    child = exporting.start(step("after send", action="pause", skip=600))
    child.wait_paused()
    confirmed = exporting.position
    kafka.limit_files(2_000)
    try:
        child.resume()
        wait_until(lambda: not kafka.is_running, "Kafka ends for lack of disk")
    finally:
        kafka.kill()
        kafka.start()
    assert exporting.position >= confirmed
    exporting.wait_done()
    child.end()
    complete(scene, exporting)
