"""The history of a Kafka stream: its partitions read one after the other, outside any group.

A partition is read from the last bookmark that the asked positions cover, so reading on costs no
more than what is new. Only what retention has deleted cannot be read: a partition that does not
begin with its first message is refused, unless only its later part is asked for.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from phee.stream.history import FETCH_TIMEOUT_S, LogIncomplete, not_there
from phee.stream.kafka.address import KafkaAddress
from phee.stream.kafka.catch_up import EVERY_POSITION
from phee.stream.kafka.clients import (
    ANSWER_TIMEOUT_S,
    consumer_settings,
    new_consumer,
    unreachable,
)
from phee.stream.kafka.offsets import Bookmark
from phee.stream.kafka.progress import Gathering, PartitionProgress, chunk_of
from phee.stream.kafka.topics_found import partitions_of
from phee.stream.port import Chunk, Lane

MESSAGES_AT_ONCE = 2_000
POLL_S = 0.2
UNPLACED = "unplaced"
Key = tuple[str, int]


class KafkaHistory:
    """A :class:`phee.stream.history.History` of the topics of ``address``."""

    def __init__(self, address: KafkaAddress) -> None:
        self._address = address
        self._settings = consumer_settings(address, "onlooker")
        self._settings["group.id"] = "phee-onlooker"  # never joined: nothing is subscribed to
        self._settings.pop("group.instance.id", None)
        self._consumer: Consumer | None = None
        self._progress: dict[tuple[Key, int | None], PartitionProgress] = {}

    def lanes(self, known: Iterable[Lane]) -> frozenset[Lane]:
        """See History. Lanes are those of the stores: what was never imported proves nothing."""
        return frozenset(
            lane for lane in known if lane.name.partition("/")[0] == self._address.topic
        )

    def read(
        self,
        after: Mapping[Lane, int],
        upto: Mapping[Lane, int],
        *,
        since_ms: int | None = None,
        wait_s: float = FETCH_TIMEOUT_S,
    ) -> Iterator[Chunk]:
        """See History."""
        partitions: dict[Key, dict[Lane, int]] = defaultdict(dict)
        for lane, position in upto.items():
            if after.get(lane, 0) < position:
                partitions[self._partition_of(lane)][lane] = position
        for key in sorted(partitions):
            wanted = partitions[key]
            at = {lane: after.get(lane, 0) for lane in wanted}
            yield from self._read(key, at, wanted, since_ms, wait_s)

    def ends(self) -> dict[Lane, int]:
        """See History: reads every partition once."""
        found: dict[Lane, int] = {}
        for topic, number in partitions_of(self._connected(), self._address):
            low, high = self._limits(topic, number)
            progress = self._begin((topic, number), Bookmark(low, {}), is_whole=low == 0)
            for _ in self._to_offset(progress, high):
                pass
            found |= progress.passed
        return found

    def close(self) -> None:
        """See History."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    # --- one partition ---

    def _read(
        self,
        key: Key,
        at: dict[Lane, int],
        upto: Mapping[Lane, int],
        since_ms: int | None,
        wait_s: float,
    ) -> Iterator[Chunk]:
        progress = self._start(key, at, since_ms)
        # A lane may have nothing since a moment; what there is ends where the partition does.
        end = self._limits(*key)[1] if since_ms is not None else EVERY_POSITION
        deadline: float | None = None
        while progress.offset < end and self._lacks(progress, upto):
            gathering = Gathering()
            if self._take(progress, at, gathering):
                deadline = None
            elif deadline is None:
                deadline = time.monotonic() + wait_s
            elif time.monotonic() > deadline:
                lane = self._lacks(progress, upto)[0]
                raise not_there(lane, at[lane])
            for lane in upto:
                if gathering.blocks(lane):
                    yield chunk_of(progress, lane, gathering, at[lane], 0)
                    at[lane] = gathering.blocks(lane)[-1][0]

    def _lacks(self, progress: PartitionProgress, upto: Mapping[Lane, int]) -> list[Lane]:
        return [lane for lane in upto if progress.passed.get(lane, 0) < upto[lane]]

    def _take(
        self, progress: PartitionProgress, after: Mapping[Lane, int], into: Gathering
    ) -> bool:
        """Take what has been fetched; return whether there was anything."""
        before = progress.offset
        for message in self._connected().consume(MESSAGES_AT_ONCE, timeout=POLL_S):
            error = message.error()
            if error is None:
                progress.skim(message, after, into)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                # Behind the last record may be the end of a transaction, which takes an offset.
                progress.offset = max(progress.offset, message.offset() or 0)
            else:
                raise unreachable(self._address, error)
        progress.remember()
        return progress.offset > before

    def _to_offset(self, progress: PartitionProgress, offset: int) -> Iterator[Gathering]:
        deadline = time.monotonic() + FETCH_TIMEOUT_S
        while progress.offset < offset:
            gathering = Gathering()
            if self._take(progress, {}, gathering):
                deadline = time.monotonic() + FETCH_TIMEOUT_S
            elif time.monotonic() > deadline:
                raise not_there(Lane(0, 0, f"{progress.topic}/{progress.number}"), progress.offset)
            yield gathering

    def _start(
        self, key: Key, after: Mapping[Lane, int], since_ms: int | None
    ) -> PartitionProgress:
        """Begin as late as nothing is missed, and forget what was read beyond that."""
        known = self._progress.get((key, since_ms))
        mark = known.bookmarks.find(after, unsaid=EVERY_POSITION) if known else None
        low, _ = self._limits(*key)
        if mark is None or mark.offset < low:
            mark = self._since(key, low, since_ms)
        elif known is not None and mark.offset == known.offset:
            return self._go_to(known)
        progress = self._begin(key, mark, is_whole=True)
        self._progress[key, since_ms] = progress
        return progress

    def _since(self, key: Key, low: int, since_ms: int | None) -> Bookmark:
        """Return where the first message since a moment is; the beginning without one.

        Raises:
            LogIncomplete: retention may have deleted what is asked for.
        """
        offset = low
        if since_ms is not None:
            asked = TopicPartition(*key, max(since_ms, 0))
            try:
                (found,) = self._connected().offsets_for_times([asked], timeout=ANSWER_TIMEOUT_S)
            except KafkaException as error:
                raise unreachable(self._address, error) from error
            # None is so young: the records that are asked for were written with older times.
            offset = found.offset if found.offset >= 0 else low
        if offset == low > 0:
            raise LogIncomplete(
                f"the topic begins at offset {low}: what was before is deleted",
                where=f"{key[0]}/{key[1]}",
                fix="Keep records longer (retention.ms), or restore the topic from a backup",
            )
        return Bookmark(offset, {})

    def _begin(self, key: Key, start: Bookmark, *, is_whole: bool) -> PartitionProgress:
        progress = PartitionProgress(self._address, *key, start, is_whole=is_whole)
        return self._go_to(progress)

    def _go_to(self, progress: PartitionProgress) -> PartitionProgress:
        place = TopicPartition(progress.topic, progress.number, progress.offset)
        try:
            self._connected().assign([place])
        except KafkaException as error:
            raise unreachable(self._address, error) from error
        return progress

    # --- the topics ---

    def _partition_of(self, lane: Lane) -> Key:
        parts = lane.name.split("/")
        if parts[-1] == UNPLACED:
            parts.pop()
        return "-".join(parts[:-1]), int(parts[-1])

    def _limits(self, topic: str, number: int) -> tuple[int, int]:
        try:
            limits = self._connected().get_watermark_offsets(
                TopicPartition(topic, number), timeout=ANSWER_TIMEOUT_S
            )
        except KafkaException as error:
            raise unreachable(self._address, error) from error
        return limits or (0, 0)

    def _connected(self) -> Consumer:
        if self._consumer is None:
            self._consumer = new_consumer(self._settings)
        return self._consumer
