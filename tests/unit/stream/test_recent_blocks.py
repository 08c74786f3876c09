"""Readers at any positions get from memory exactly what the log itself would give them."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from phee.stream import recent
from phee.stream.memory import MemoryLog
from phee.stream.recent import RecentBlocks

BLOCK = st.tuples(st.integers(1, 5), st.integers(1, 60))
READERS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 200)), min_size=1, max_size=4)


class CountedLog(MemoryLog):
    """Counts how often it is read."""

    reads = 0

    def read(self, after: int, *, max_bytes: int = 1 << 20) -> list[tuple[int, bytes]]:
        self.reads += 1
        return super().read(after, max_bytes=max_bytes)


def append(log: MemoryLog, records: int, size: int) -> None:
    log.append_block(log.durable_position + records, bytes([log.durable_position % 256]) * size)


@given(before=st.lists(BLOCK, max_size=5), rounds=st.lists(st.tuples(BLOCK, READERS), max_size=12))
async def test_every_reader_gets_what_the_log_has(
    before: list[tuple[int, int]],
    rounds: list[tuple[tuple[int, int], list[tuple[int, int]]]],
) -> None:
    log = MemoryLog()
    for records, size in before:
        append(log, records, size)
    kept_bytes_max, recent.KEPT_BYTES_MAX = recent.KEPT_BYTES_MAX, 100
    try:
        blocks = RecentBlocks(log)
        for (records, size), readers in rounds:
            append(log, records, size)
            wanted = [(max(log.durable_position - back, 0), limit) for back, limit in readers]
            answers = await asyncio.gather(*(blocks.read(at, max_bytes=n) for at, n in wanted))
            for (after, max_bytes), answer in zip(wanted, answers, strict=True):
                everything = log.read(after, max_bytes=1 << 30)
                assert answer == everything[: len(answer)]
                assert bool(answer) == bool(everything)
                assert sum(len(block) for _, block in answer[:-1]) < max(max_bytes, 1)
    finally:
        recent.KEPT_BYTES_MAX = kept_bytes_max


async def test_readers_that_keep_up_cost_one_reading_of_the_log() -> None:
    log = CountedLog()
    blocks = RecentBlocks(log)
    for round_number in range(1, 6):
        after = log.durable_position
        append(log, 3, 10)
        answers = await asyncio.gather(*(blocks.read(after, max_bytes=1 << 20) for _ in range(3)))
        assert answers[0] == answers[1] == answers[2] != []
        assert log.reads == round_number
