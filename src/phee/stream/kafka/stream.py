"""Apache Kafka as an event stream: the scale-out runtime of the port.

A lane is the records of one engine's partition in one Kafka partition: (epoch, partition,
``topic/number``; with a topic per value type, ``topic/value-type/number``). Lanes are met while
reading, and come and go as the consumers of a group share the Kafka partitions out among
themselves. Where to read is decided by the positions the caller asks for, that is by the
watermarks of its stores; the group's committed offset only saves time
(:mod:`phee.stream.kafka.offsets`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from phee.errors import Unavailable
from phee.stream.kafka.address import KafkaAddress
from phee.stream.kafka.catch_up import CatchUp
from phee.stream.kafka.clients import (
    ANSWER_TIMEOUT_S,
    consumer_settings,
    name_taken,
    new_consumer,
    unreachable,
)
from phee.stream.kafka.offsets import Bookmark, from_metadata, to_metadata
from phee.stream.kafka.progress import Gathering, PartitionProgress, chunk_of
from phee.stream.kafka.topics_found import TopicWatch
from phee.stream.port import Chunk, Lane

_LOG = structlog.get_logger(__name__)
CONNECT_TIMEOUT_S = 3.0
COMMIT_WAIT_S = 1.0
RECORD_BYTES = 256
"""About what a record takes in compact form: callers count in that, whatever JSON takes."""
Key = tuple[str, int]


class KafkaStream:
    """An :class:`phee.stream.port.EventStream` over the topics of ``address``.

    Consumers of the same name share the partitions. Not reachable means
    :class:`phee.errors.Unavailable`; refused by Kafka, Forbidden or Unauthenticated.
    """

    def __init__(self, address: KafkaAddress, consumer: str) -> None:
        self._address = address
        self._settings = consumer_settings(address, consumer)
        self._consumer: Consumer | None = None
        self._partitions: dict[Key, PartitionProgress] = {}
        self._catch_up = CatchUp(address, self._settings)
        self._topics = TopicWatch(address)
        self._is_down = False
        self._commits_under_way = 0
        self._lanes: frozenset[Lane] = frozenset()
        self._not_begun: Exception | None = None

    def lanes(self) -> frozenset[Lane]:
        """See EventStream."""
        self._connected()
        return self._lanes

    def fetch(
        self, after: Mapping[Lane, int], *, max_bytes: int, timeout_s: float
    ) -> Sequence[Chunk]:
        """See EventStream.

        Raises:
            InvalidState: another process has this one's name in the group.
        """
        try:
            return self._fetch(self._connected(), after, max_bytes, timeout_s)
        except KafkaException as error:
            # Of no use any more (fatal), or it did not get what it needs to take a partition.
            _LOG.warning("consumer given up", reason=error.args[0].name())
            self._abandon()
            raise unreachable(self._address, error) from error

    def _fetch(
        self, consumer: Consumer, after: Mapping[Lane, int], max_bytes: int, timeout_s: float
    ) -> Sequence[Chunk]:
        deadline = time.monotonic() + timeout_s
        self._topics.look(consumer)
        behind = self._go_back(consumer, after)
        limit = max(max_bytes // RECORD_BYTES, 1)
        if behind:
            return self._read_behind(behind, after, limit, timeout_s)
        gathering = Gathering()
        for progress in self._partitions.values():
            if progress.is_asked_for(after):
                progress.take_held(after, gathering)
        before = self._lanes
        while not gathering and self._lanes is before:
            left_s = max(deadline - time.monotonic(), 0.0)
            self._read(consumer, after, gathering, limit, left_s)
            self._see_lanes()
            if not left_s:
                break
        for progress in self._partitions.values():
            progress.remember()
        if not gathering and self._is_down:
            self._check_connection(consumer)
        return self._chunks(consumer, after, gathering)

    def acknowledge(self, positions: Mapping[Lane, int]) -> None:
        """See EventStream. What Kafka is told is a hint; failing to tell it loses nothing."""
        consumer = self._connected()
        offsets = []
        for progress in self._partitions.values():
            mark = progress.bookmarks.find(positions, unsaid=-1)
            if mark is not None and mark.offset > progress.committed:
                progress.committed = mark.offset
                metadata = to_metadata(mark.passed)
                offsets.append(
                    TopicPartition(progress.topic, progress.number, mark.offset, metadata)
                )
        if offsets:
            try:
                consumer.commit(offsets=offsets, asynchronous=True)
                self._commits_under_way += 1
            except KafkaException as error:
                _LOG.info("offsets not committed", reason=error.args[0].name())

    def close(self) -> None:
        """See EventStream."""
        self._catch_up.close()
        if self._consumer is not None:
            self._finish_commits(self._consumer)
            self._partitions.clear()
            self._consumer.close()
            self._consumer = None

    def _abandon(self) -> None:
        """Let go of the consumer and of all that was read ahead; the next call makes another."""
        self._catch_up.close()
        consumer, self._consumer = self._consumer, None
        self._partitions.clear()
        self._commits_under_way = 0
        self._see_lanes()
        if consumer is not None:
            consumer.close()

    def _finish_commits(self, consumer: Consumer) -> None:
        """Wait a moment for the answers, so that the next reader gets the newest hint."""
        deadline = time.monotonic() + COMMIT_WAIT_S
        while self._commits_under_way > 0 and time.monotonic() < deadline:
            consumer.poll(0.02)

    def _on_commit(self, error: KafkaError | None, offsets: object) -> None:  # noqa: ARG002 - given by the client
        self._commits_under_way -= 1
        if error is not None:
            _LOG.info("offsets not committed", reason=error.name())

    # --- connecting, and which partitions are ours ---

    def _connected(self) -> Consumer:
        if self._consumer is None:
            consumer = new_consumer(
                {**self._settings, "on_commit": self._on_commit}, self._on_error
            )
            try:
                self._check_connection(consumer)
            except Exception:
                consumer.close()
                raise
            consumer.subscribe(
                [self._address.subscription],
                on_assign=self._on_assign,
                on_revoke=self._on_revoke,
                on_lost=self._on_revoke,
            )
            self._consumer = consumer
        return self._consumer

    def _check_connection(self, consumer: Consumer) -> None:
        try:
            consumer.list_topics(timeout=CONNECT_TIMEOUT_S)
        except KafkaException as error:
            raise unreachable(self._address, error) from error
        self._is_down = False

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - its public name
            self._is_down = True

    def _on_assign(self, consumer: Consumer, assigned: list[TopicPartition]) -> None:
        try:
            self._take_over(consumer, assigned)
        except KafkaException as error:
            # The client would read these partitions without us; _read lets go of it.
            self._not_begun = unreachable(self._address, error)

    def _take_over(self, consumer: Consumer, assigned: list[TopicPartition]) -> None:
        for partition, hint in zip(assigned, self._hints(consumer, assigned), strict=True):
            progress = self._begin(consumer, partition, hint)
            self._partitions[progress.topic, progress.number] = progress
            partition.offset = progress.offset
            _LOG.info("partition taken", topic=progress.topic, partition=progress.number)
        consumer.incremental_assign(assigned)
        self._see_lanes()

    def _on_revoke(self, consumer: Consumer, revoked: list[TopicPartition]) -> None:  # noqa: ARG002 - given by the client
        for partition in revoked:
            self._partitions.pop((partition.topic, partition.partition), None)
            _LOG.info("partition given up", topic=partition.topic, partition=partition.partition)
        self._see_lanes()

    def _hints(
        self, consumer: Consumer, assigned: list[TopicPartition]
    ) -> Sequence[TopicPartition]:
        try:
            return consumer.committed(assigned, timeout=ANSWER_TIMEOUT_S)
        except KafkaException as error:
            _LOG.warning("reading from the beginning", reason=error.args[0].name())
            return assigned

    def _begin(
        self, consumer: Consumer, partition: TopicPartition, hint: TopicPartition
    ) -> PartitionProgress:
        """Begin where the hint says, if it fits; else with the oldest message."""
        limits = consumer.get_watermark_offsets(partition, timeout=ANSWER_TIMEOUT_S)
        low, high = limits or (0, 0)
        passed = from_metadata(hint.metadata)
        fits = passed is not None and low <= hint.offset <= high
        start = Bookmark(hint.offset, passed) if fits and passed else Bookmark(low, {})
        return PartitionProgress(
            self._address,
            partition.topic,
            partition.partition,
            start,
            is_whole=start.offset == hint.offset or low == 0,
        )

    def _see_lanes(self) -> None:
        lanes = frozenset(lane for progress in self._partitions.values() for lane in progress.lanes)
        if lanes != self._lanes:
            self._lanes = lanes

    # --- reading ---

    def _go_back(self, consumer: Consumer, after: Mapping[Lane, int]) -> list[PartitionProgress]:
        """Return the partitions read past what is asked for; those not begun just begin earlier."""
        behind = []
        for progress in self._partitions.values():
            if any(after.get(lane, at) < at for lane, at in progress.passed.items()):
                if progress.has_begun:
                    behind.append(progress)
                else:
                    self._begin_again(consumer, progress)
        return behind

    def _begin_again(self, consumer: Consumer, progress: PartitionProgress) -> None:
        partition = TopicPartition(progress.topic, progress.number)
        limits = consumer.get_watermark_offsets(partition, timeout=ANSWER_TIMEOUT_S)
        low = limits[0] if limits else 0
        progress.restart(low, is_whole=low == 0)
        consumer.seek(TopicPartition(progress.topic, progress.number, low))
        _LOG.info("the stores are behind the hint", topic=progress.topic, partition=progress.number)

    def _read(
        self,
        consumer: Consumer,
        after: Mapping[Lane, int],
        gathering: Gathering,
        limit: int,
        timeout_s: float,
    ) -> None:
        """Wait for one message, then take what has been fetched meanwhile."""
        first = consumer.poll(timeout_s)
        if self._not_begun is not None:
            reason, self._not_begun = self._not_begun, None
            self._abandon()
            raise reason
        if first is None:
            return
        messages = [first, *consumer.consume(limit - 1, timeout=0)] if limit > 1 else [first]
        open_keys = {
            key for key, progress in self._partitions.items() if progress.is_asked_for(after)
        }
        partitions = self._partitions
        trouble: Exception | None = None
        for message in messages:
            if message.error() is not None:
                # Raised at last: whoever forgot the messages behind it would leave a gap.
                trouble = self._event(consumer, message) or trouble
                continue
            key = (message.topic() or "", message.partition() or 0)
            progress = partitions.get(key)
            if progress is None:
                continue  # given up meanwhile
            if key in open_keys:
                progress.take(message, after, gathering)
            else:
                progress.hold(message)
        if trouble is not None:
            raise trouble

    def _event(self, consumer: Consumer, message: Message) -> Exception | None:
        """Take what is no message; return what is wrong."""
        error = message.error()
        assert error is not None
        progress = self._partitions.get((message.topic() or "", message.partition() or 0))
        code = error.code()
        if code == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            if progress is not None:
                progress.end_offset = message.offset() or 0
        elif code in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):  # noqa: SLF001
            if progress is not None:
                _LOG.error("records were deleted unread", topic=progress.topic)
                self._begin_again(consumer, progress)
                progress.is_whole = False
        elif code in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):  # noqa: SLF001
            self._topics.miss()
            return Unavailable(
                "the topic does not exist yet",
                where=str(self._address),
                fix="Start the exporter, which makes it; reading goes on by itself",
            )
        elif code == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
            self._is_down = True
        elif error.fatal() or code == KafkaError._FATAL:  # noqa: SLF001
            # The consumer is dead. To one with a lasting name only this can happen.
            if self._address.instance:
                return name_taken(self._address)
            raise KafkaException(error)
        elif not error.retriable():
            return unreachable(self._address, error)
        return None

    def _read_behind(
        self,
        behind: Sequence[PartitionProgress],
        after: Mapping[Lane, int],
        limit: int,
        timeout_s: float,
    ) -> list[Chunk]:
        chunks = []
        for progress in behind:
            chunks += self._catch_up.fetch(progress, after, limit, timeout_s)
        return chunks

    def _chunks(
        self, consumer: Consumer, after: Mapping[Lane, int], gathering: Gathering
    ) -> list[Chunk]:
        chunks = []
        for progress in self._partitions.values():
            waiting = self._waiting(consumer, progress)
            for lane in progress.lanes:
                if lane in after:
                    chunks.append(chunk_of(progress, lane, gathering, after[lane], waiting))
                    waiting = 0
        return chunks

    def _waiting(self, consumer: Consumer, progress: PartitionProgress) -> int:
        """Return about how many messages of a partition are not read yet."""
        partition = TopicPartition(progress.topic, progress.number)
        limits = consumer.get_watermark_offsets(partition, cached=True)
        high = limits[1] if limits else 0
        return max(high - max(progress.offset, progress.end_offset), progress.held_count, 0)
