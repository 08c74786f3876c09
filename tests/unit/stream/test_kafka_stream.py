"""The Kafka stream against the broker inside the client library: no installation needed.

The contract tests say what a stream promises; here is what only Kafka's own side can show. The
mock lets a group wait three seconds before it begins, so few tests share it.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from kafka_world import MockKafka, read_all, records_of, write
from record_stream import Instance, RecordWriter

from phee.errors import Unavailable
from phee.records import Block, Record
from phee.stream.kafka.message import mark_headers
from phee.stream.kafka.stream import KafkaStream
from phee.stream.memory import MemoryLog
from phee.stream.port import Lane, Unreadable


@pytest.fixture(scope="module")
def kafka() -> MockKafka:
    return MockKafka()


def filled(commits: int = 12) -> MemoryLog:
    log, writer = MemoryLog(epoch=8), RecordWriter()
    instances = [Instance(writer) for _ in range(4)]
    for number in range(commits):
        log.append(instances[number % 4].node(f"Gateway_{number}"))
    return log


def everything(stream: KafkaStream, count: int, after: dict[Lane, int]) -> list[Record]:
    found = read_all(stream, after, until=lambda found: len(found) >= count)
    return sorted(found, key=lambda record: record.position)


def test_repetitions_marks_and_poison_in_one_topic(kafka: MockKafka) -> None:
    """An exporter that began again twice, then a mark everywhere, then something unreadable."""
    log, address = filled(), kafka.address()
    for after in (0, 5, 0):
        write(address, log, after=after)
    producer = Producer({"bootstrap.servers": kafka.brokers, "log_level": 2})
    last = log.durable_position + 40
    for number in range(4):
        headers = mark_headers(log.epoch, log.partition_id, last)
        producer.produce(address.topic, None, b"mark", number, headers=headers)
    producer.produce(address.topic, b"poison", partition=1)
    assert producer.flush(10) == 0
    stream = KafkaStream(address, "all")
    at: dict[Lane, int] = {}
    positions: list[int] = []
    poison: list[Unreadable] = []
    while not poison or len(at) < 5 or any(at[lane] < last for lane in at if lane.epoch == 8):
        at = {lane: at.get(lane, 0) for lane in stream.lanes()}
        for chunk in stream.fetch(at, max_bytes=1 << 20, timeout_s=0.2):
            for position, block in chunk.blocks:
                if isinstance(block, Block):
                    positions += [record.position for record in block.records]
                elif isinstance(block, Unreadable):
                    poison.append(block)
                at[chunk.lane] = position
    stream.close()
    assert sorted(positions) == [record.position for record in records_of(log)]
    assert [one.content for one in poison] == [b"poison"]


def test_the_hint_saves_time_and_never_decides(kafka: MockKafka) -> None:
    log, address = filled(), kafka.address()
    write(address, log)
    written = records_of(log)
    first = KafkaStream(address, "hint")
    everything(first, len(written), {})
    done = dict.fromkeys(first.lanes(), log.durable_position)
    first.acknowledge(done)
    first.close()

    second = KafkaStream(address, "hint")
    while not second.lanes():
        second.fetch({}, max_bytes=1 << 20, timeout_s=0.2)
    assert second.lanes() <= done.keys(), "known without reading a message"
    assert all(one.offset > 0 for one in second._partitions.values() if one.passed)
    middle = written[20].position
    behind = dict.fromkeys(done, middle)
    assert everything(second, len(written) - 21, behind) == written[21:]
    second.close()


def test_a_fetch_for_one_lane_leaves_the_others_where_they_are(kafka: MockKafka) -> None:
    log, address = filled(40), kafka.address()
    write(address, log)
    written = records_of(log)
    stream = KafkaStream(address, "one")
    everything(stream, len(written), {})
    lane = min(stream.lanes())
    (chunk,) = [
        chunk for chunk in stream.fetch({lane: 0}, max_bytes=1 << 20, timeout_s=0) if chunk.blocks
    ]
    assert chunk.lane == lane
    at = dict.fromkeys(stream.lanes(), log.durable_position)
    assert not any(c.blocks for c in stream.fetch(at, max_bytes=1 << 20, timeout_s=0))
    stream.close()


class Interfering:
    """A consumer whose messages come with an error among them, once."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self.has_interfered = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)

    def consume(self, count: int, timeout: float) -> list[Any]:
        messages: list[Any] = self._consumer.consume(count, timeout)
        if not self.has_interfered and len(messages) > 4:
            self.has_interfered = True
            messages.insert(2, ErrorAmidMessages())
        return messages


class ErrorAmidMessages:
    def error(self) -> KafkaError:
        return KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)

    def topic(self) -> str:
        return ""

    def partition(self) -> int:
        return 0


def test_an_error_amid_messages_leaves_no_gap(kafka: MockKafka) -> None:
    log, address = filled(40), kafka.address()
    write(address, log)
    stream = KafkaStream(address, "interfered")
    stream.lanes()
    assert stream._consumer is not None
    stream._consumer = interfering = Interfering(stream._consumer)  # type: ignore[assignment]
    at: dict[Lane, int] = {}
    positions: set[int] = set()
    wanted = {record.position for record in records_of(log)}
    deadline = time.monotonic() + 60
    while not positions >= wanted and time.monotonic() < deadline:
        at = {lane: at.get(lane, 0) for lane in stream.lanes()}
        try:
            chunks = stream.fetch(at, max_bytes=1 << 20, timeout_s=0.2)
        except Unavailable:
            continue
        for chunk in chunks:
            for position, block in chunk.blocks:
                assert isinstance(block, Block)
                positions |= {record.position for record in block.records}
                at[chunk.lane] = position
    stream.close()
    assert interfering.has_interfered
    assert positions == wanted


def test_a_partition_that_cannot_be_begun_is_taken_later(
    kafka: MockKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new topic may have no leader yet. The client would go on reading it, past our ears."""
    log, address = filled(), kafka.address()
    write(address, log)
    begin, failures = KafkaStream._begin, iter([KafkaError.NOT_LEADER_FOR_PARTITION])

    def fail_first(self: KafkaStream, *given: Any) -> Any:
        for code in failures:
            raise KafkaException(KafkaError(code))
        return begin(self, *given)

    monkeypatch.setattr(KafkaStream, "_begin", fail_first)
    stream = KafkaStream(address, "early")
    with pytest.raises(Unavailable):
        everything(stream, 1, {})
    assert everything(stream, log.durable_position, {}) == records_of(log)
    stream.close()
