"""A consumer without a name looks on: it reads, and the log keeps nothing for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from phee.errors import Unavailable
from phee.records import Record, RecordType, ValueType
from phee.records.values import ProcessInstanceValue
from phee.stream import LogServer, LogStream
from phee.stream.memory import MemoryLog


def _log() -> MemoryLog:
    log = MemoryLog(epoch=7)
    value = ProcessInstanceValue()
    log.append([Record(1, -1, 9, 0, RecordType.EVENT, ValueType.PROCESS_INSTANCE, 2, value)])
    return log


async def test_onlooker_reads_and_pins_nothing(tmp_path: Path) -> None:
    log = _log()
    server = LogServer(log, tmp_path / "s")
    await server.start()
    stream = LogStream(tmp_path / "s")
    try:
        (lane,) = await asyncio.to_thread(stream.lanes)
        (chunk,) = await asyncio.to_thread(
            lambda: stream.fetch({lane: 0}, max_bytes=1000, timeout_s=0)
        )
        assert [position for position, _ in chunk.blocks] == [1]
        assert log.acknowledged() == {}
        with pytest.raises(Unavailable):
            await asyncio.to_thread(stream.acknowledge, {lane: 1})
        assert log.acknowledged() == {}
    finally:
        stream.close()
        await server.stop()
