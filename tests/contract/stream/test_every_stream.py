"""What every runtime of the event stream promises: the log, and Kafka in each known form."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka_world import read_all, records_of
from record_stream import Instance, RecordWriter
from stream_runtimes import KafkaRuntime, LogRuntime

from phee.records import Record
from phee.stream import EventStream, stream_path
from phee.stream.memory import MemoryLog
from phee.stream.port import Lane

EPOCH, PARTITION = 5, 1
Runtime = LogRuntime | KafkaRuntime
Open = Callable[[str], EventStream]
KAFKA = [
    pytest.param(form, marks=pytest.mark.services, id=f"kafka from {form}")
    for form in ("phee", "zeebe", "mifos")
]


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(epoch=EPOCH, partition_id=PARTITION)


@pytest.fixture(params=["in process", "socket", *KAFKA])
def runtime(request: pytest.FixtureRequest, log: MemoryLog, tmp_path: Path) -> Iterator[Runtime]:
    made: Runtime
    if request.param in ("in process", "socket"):
        made = LogRuntime(log, stream_path(tmp_path) if request.param == "socket" else None)
    else:
        made = KafkaRuntime(request.getfixturevalue("real_kafka"), log, request.param)
    yield made
    made.close()


@pytest.fixture
def open_stream(runtime: Runtime) -> Iterator[Open]:
    opened: list[EventStream] = []

    def open_one(consumer: str) -> EventStream:
        opened.append(runtime.open(consumer))
        return opened[-1]

    yield open_one
    for stream in opened:
        stream.close()


def commit(log: MemoryLog, runtime: Runtime, commits: int) -> list[Record]:
    """Commit records of several instances, publish them, and return all there are."""
    writer = RecordWriter(first_position=log.durable_position + 1)
    writer.next_key += log.durable_position
    instances = [Instance(writer) for _ in range(4)]
    for number in range(commits):
        log.append(instances[number % 4].node(f"Gateway_{number}"))
    runtime.publish()
    return records_of(log)


def enough(records: list[Record]) -> Callable[[list[Record]], bool]:
    return lambda found: len(found) >= len(records)


def by_position(records: list[Record]) -> list[Record]:
    return sorted(records, key=lambda record: record.position)


def places(stream: EventStream, position: int) -> dict[Lane, int]:
    return dict.fromkeys(stream.lanes(), position)


def test_every_record_comes_once(log: MemoryLog, runtime: Runtime, open_stream: Open) -> None:
    written = commit(log, runtime, 12)
    found = read_all(open_stream("relational"), until=enough(written))
    assert by_position(found) == written


def test_lanes_carry_epoch_and_partition(
    log: MemoryLog, runtime: Runtime, open_stream: Open
) -> None:
    written = commit(log, runtime, 4)
    stream = open_stream("relational")
    read_all(stream, until=enough(written))
    assert {(lane.epoch, lane.partition_id) for lane in stream.lanes()} == {(EPOCH, PARTITION)}


def test_positions_of_a_lane_only_grow(log: MemoryLog, runtime: Runtime, open_stream: Open) -> None:
    written = commit(log, runtime, 20)
    stream, at, seen = open_stream("relational"), dict[Lane, int](), 0
    while seen < len(written):
        at = {lane: at.get(lane, 0) for lane in stream.lanes()}
        for chunk in stream.fetch(at, max_bytes=2_000, timeout_s=0.2):
            positions = [position for position, _ in chunk.blocks]
            assert positions == sorted(set(positions))
            assert not positions or positions[0] > at[chunk.lane]
            assert chunk.last_position >= at[chunk.lane]
            assert chunk.first_position == 1
            at[chunk.lane] = max([at[chunk.lane], *positions])
        seen = len([r for r in written if r.position <= max(at.values(), default=0)])


def test_small_answers_bring_everything_too(
    log: MemoryLog, runtime: Runtime, open_stream: Open
) -> None:
    written = commit(log, runtime, 20)
    found = read_all(open_stream("relational"), until=enough(written), max_bytes=1)
    assert by_position(found) == written


def test_reading_goes_on_after_a_position(
    log: MemoryLog, runtime: Runtime, open_stream: Open
) -> None:
    written = commit(log, runtime, 12)
    middle = written[len(written) // 2].position
    first = open_stream("relational")
    read_all(first, until=enough(written))
    after = places(first, middle)
    first.close()
    rest = [record for record in written if record.position > middle]
    assert by_position(read_all(open_stream("relational"), after, until=enough(rest))) == rest


def test_what_was_read_can_be_read_again(
    log: MemoryLog, runtime: Runtime, open_stream: Open
) -> None:
    """A store that is further back than the others catches up while the stream goes on."""
    written = commit(log, runtime, 12)
    stream = open_stream("relational")
    read_all(stream, until=enough(written))
    assert by_position(read_all(stream, until=enough(written))) == written
    written = commit(log, runtime, 4)
    assert by_position(read_all(stream, until=enough(written))) == written


def test_nothing_new_brings_no_blocks(log: MemoryLog, runtime: Runtime, open_stream: Open) -> None:
    written = commit(log, runtime, 4)
    stream = open_stream("relational")
    read_all(stream, until=enough(written))
    at = places(stream, log.durable_position)
    stream.fetch(at, max_bytes=1 << 20, timeout_s=0.3)
    chunks = stream.fetch(at, max_bytes=1 << 20, timeout_s=0.1)
    assert [chunk.blocks for chunk in chunks if chunk.blocks] == []
    assert {chunk.last_position for chunk in chunks} == {log.durable_position}


def test_waiting_ends_when_something_comes(
    log: MemoryLog, runtime: Runtime, open_stream: Open
) -> None:
    written = commit(log, runtime, 4)
    stream = open_stream("relational")
    read_all(stream, until=enough(written))
    later = threading.Timer(0.2, commit, (log, runtime, 1))
    later.start()
    after = places(stream, log.durable_position)
    found = read_all(stream, after, until=lambda found: len(found) >= 1, timeout_s=20)
    later.join()
    assert found[0].position > written[-1].position


def test_what_is_acknowledged_stays_readable_for_who_needs_it(
    log: MemoryLog, runtime: Runtime, open_stream: Open
) -> None:
    """The caller's positions decide, not the stream's memory of them."""
    written = commit(log, runtime, 12)
    first = open_stream("relational")
    read_all(first, until=enough(written))
    first.acknowledge(places(first, log.durable_position))
    first.close()
    again = open_stream("relational")
    assert by_position(read_all(again, until=enough(written))) == written


def test_a_restart_goes_on_where_it_was(
    log: MemoryLog, runtime: Runtime, open_stream: Open
) -> None:
    written = commit(log, runtime, 12)
    first = open_stream("relational")
    read_all(first, until=enough(written))
    at = places(first, log.durable_position)
    first.acknowledge(at)
    first.close()
    more = commit(log, runtime, 6)[len(written) :]
    assert by_position(read_all(open_stream("relational"), at, until=enough(more))) == more


def test_consumers_of_other_names_read_for_themselves(
    log: MemoryLog, runtime: Runtime, open_stream: Open
) -> None:
    written = commit(log, runtime, 8)
    for consumer in ("relational", "search"):
        stream = open_stream(consumer)
        assert by_position(read_all(stream, until=enough(written))) == written
        stream.acknowledge(places(stream, log.durable_position))
