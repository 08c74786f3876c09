"""Reading once more what lies behind: for a store that is further back than the others.

Each Kafka partition that is asked for gets a consumer of its own outside the group, which keeps
its place between fetches, so that the main one never goes back and forth.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from phee.stream.kafka.address import KafkaAddress
from phee.stream.kafka.clients import ANSWER_TIMEOUT_S, new_consumer, unreachable
from phee.stream.kafka.offsets import Bookmark
from phee.stream.kafka.progress import Gathering, PartitionProgress, chunk_of
from phee.stream.port import Chunk, Lane

EVERY_POSITION = 1 << 62
FIRST_WAIT_S = 5.0
"""There is something to read, so waiting ends; a new connection takes a moment."""


class CatchUp:
    """Serves fetches of what the main consumer has passed already."""

    def __init__(
        self, address: KafkaAddress, settings: Mapping[str, str | int | float | bool]
    ) -> None:
        self._address = address
        self._settings = {
            **settings,
            "group.id": f"{settings['group.id']}-catch-up",
            "queued.max.messages.kbytes": 2_048,
            "queued.min.messages": 1_000,
        }
        self._settings.pop("group.instance.id", None)
        self._readers: dict[tuple[str, int], tuple[Consumer, PartitionProgress]] = {}

    def fetch(
        self, main: PartitionProgress, after: Mapping[Lane, int], limit: int, timeout_s: float
    ) -> list[Chunk]:
        """Return what ``main`` has passed of the asked lanes, at most ``limit`` messages."""
        wanted = {lane: after[lane] for lane in main.lanes if lane in after}
        consumer, progress = self._reader(main, wanted)
        gathering = Gathering()
        deadline = time.monotonic() + max(timeout_s, FIRST_WAIT_S)
        while not gathering and progress.offset < main.offset and time.monotonic() < deadline:
            self._read(consumer, progress, wanted, gathering, limit)
        progress.remember()
        if progress.offset >= main.offset:
            self._end(main)
        return [
            chunk_of(main, lane, gathering, after[lane], self._waiting(main, progress))
            for lane in wanted
        ]

    def close(self) -> None:
        """Close every consumer."""
        for consumer, _ in self._readers.values():
            consumer.close()
        self._readers.clear()

    def _reader(
        self, main: PartitionProgress, wanted: Mapping[Lane, int]
    ) -> tuple[Consumer, PartitionProgress]:
        found = self._readers.get((main.topic, main.number))
        if found is not None:
            progress = found[1]
            place = Bookmark(progress.offset, progress.passed)
            if place.is_covered_by(wanted, unsaid=EVERY_POSITION):
                return found
            self._end(main)
        return self._begin(main, wanted)

    def _begin(
        self, main: PartitionProgress, wanted: Mapping[Lane, int]
    ) -> tuple[Consumer, PartitionProgress]:
        consumer = new_consumer(self._settings)
        start = main.bookmarks.find(wanted, unsaid=EVERY_POSITION)
        try:
            if start is None:
                partition = TopicPartition(main.topic, main.number)
                limits = consumer.get_watermark_offsets(partition, timeout=ANSWER_TIMEOUT_S)
                start = Bookmark(limits[0] if limits else 0, {})
            consumer.assign([TopicPartition(main.topic, main.number, start.offset)])
        except KafkaException as error:
            consumer.close()
            raise unreachable(self._address, error) from error
        progress = main.beginning_at(start)
        self._readers[main.topic, main.number] = consumer, progress
        return consumer, progress

    def _end(self, main: PartitionProgress) -> None:
        consumer, _ = self._readers.pop((main.topic, main.number))
        consumer.close()

    def _read(
        self,
        consumer: Consumer,
        progress: PartitionProgress,
        wanted: Mapping[Lane, int],
        gathering: Gathering,
        limit: int,
    ) -> None:
        first = consumer.poll(0.1)
        if first is None:
            return
        rest = consumer.consume(limit - 1, timeout=0) if limit > 1 else []
        trouble = None
        for message in (first, *rest):
            error = message.error()
            if error is None:
                progress.skim(message, wanted, gathering)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                progress.offset = max(progress.offset, message.offset() or 0)
            else:
                trouble = error  # raised at last: none of the messages behind it may be forgotten
        if trouble is not None:
            raise unreachable(self._address, trouble)

    def _waiting(self, main: PartitionProgress, progress: PartitionProgress) -> int:
        return max(main.offset - progress.offset, 0)
