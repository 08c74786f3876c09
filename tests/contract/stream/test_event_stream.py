"""What every runtime of the event stream promises to a consumer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from record_stream import Instance, RecordWriter
from stream_runtimes import ServedLog

from phee.records import decode_block
from phee.stream import EventStream, LogStream, stream_path
from phee.stream.local import LocalStream
from phee.stream.memory import MemoryLog
from phee.stream.port import Chunk, Lane

LANE = Lane(5, 1)
Open = Callable[[str], EventStream]


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(epoch=LANE.epoch, partition_id=LANE.partition_id)


@pytest.fixture(params=["in process", "socket"])
def open_stream(request: pytest.FixtureRequest, log: MemoryLog, tmp_path: Path) -> Iterator[Open]:
    opened: list[EventStream] = []
    served = None
    if request.param == "socket":
        served = ServedLog(log, stream_path(tmp_path))
        served.start()

    def open_one(consumer: str) -> EventStream:
        stream: EventStream
        if served is not None:
            stream = LogStream(stream_path(tmp_path), consumer)
        else:
            stream = LocalStream(log, consumer)
        opened.append(stream)
        return stream

    yield open_one
    for stream in opened:
        stream.close()
    if served is not None:
        served.close()


def fill(log: MemoryLog, commits: int) -> list[bytes]:
    writer = RecordWriter(first_position=log.durable_position + 1)
    instance = Instance(writer)
    for number in range(commits):
        log.append(instance.node(f"Gateway_{number}"))
    return [block for _, block in log.read(0, max_bytes=1 << 30)]


def fetch(stream: EventStream, after: int, *, max_bytes: int = 1 << 20) -> Chunk:
    (chunk,) = stream.fetch({LANE: after}, max_bytes=max_bytes, timeout_s=0.05)
    return chunk


def test_the_lane_carries_epoch_and_partition(open_stream: Open) -> None:
    assert open_stream("relational").lanes() == {LANE}


def test_blocks_come_as_they_were_written(open_stream: Open, log: MemoryLog) -> None:
    written = fill(log, 5)
    chunk = fetch(open_stream("relational"), 0)
    assert [block for _, block in chunk.blocks] == written
    assert chunk.lane == LANE
    assert chunk.last_position == log.durable_position
    assert chunk.first_position == 1


def test_reading_goes_on_after_a_position(open_stream: Open, log: MemoryLog) -> None:
    fill(log, 20)
    stream = open_stream("relational")
    after, positions = 0, []
    while (chunk := fetch(stream, after, max_bytes=2_000)).blocks:
        for last, block in chunk.blocks:
            positions += [record.position for record in decode_block(block).records]
            after = last
    assert positions == list(range(1, log.durable_position + 1))


def test_a_block_larger_than_asked_for_still_comes(open_stream: Open, log: MemoryLog) -> None:
    written = fill(log, 1)
    assert [b for _, b in fetch(open_stream("relational"), 0, max_bytes=1).blocks] == written


def test_a_position_inside_a_block_brings_that_block(open_stream: Open, log: MemoryLog) -> None:
    written = fill(log, 2)
    assert fetch(open_stream("relational"), 3).blocks[0][1] == written[0]


def test_nothing_new_is_an_empty_chunk_after_the_wait(open_stream: Open, log: MemoryLog) -> None:
    fill(log, 1)
    assert fetch(open_stream("relational"), log.durable_position).blocks == []


def test_waiting_ends_when_something_comes(open_stream: Open, log: MemoryLog) -> None:
    stream = open_stream("relational")
    stream.lanes()
    later = threading.Timer(0.1, fill, (log, 1))
    later.start()
    (chunk,) = stream.fetch({LANE: 0}, max_bytes=1 << 20, timeout_s=20)
    later.join()
    assert len(chunk.blocks) == 1


def test_reading_marks_nothing_as_done(open_stream: Open, log: MemoryLog) -> None:
    fill(log, 3)
    fetch(open_stream("relational"), 0)
    assert log.acknowledged() == {"relational": 0}


def test_acknowledgements_are_per_consumer(open_stream: Open, log: MemoryLog) -> None:
    fill(log, 3)
    one, other = open_stream("relational"), open_stream("search")
    fetch(one, 0)
    fetch(other, 0)
    one.acknowledge({LANE: 6})
    assert log.acknowledged() == {"relational": 6, "search": 0}


def test_what_the_log_forgot_is_visible(open_stream: Open, log: MemoryLog) -> None:
    fill(log, 10)
    log.drop_before(12)
    assert fetch(open_stream("relational"), 0).first_position == 12
