"""How far the importers are behind in Kafka, as their groups' committed offsets say.

Offsets count messages: records, marks, and the ends of transactions. Importers commit about once a
second what is durable in every store, so a lag of a moment is always seen.
"""

from __future__ import annotations

import time

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition

from phee.stream.kafka.address import KafkaAddress
from phee.stream.kafka.clients import (
    ANSWER_TIMEOUT_S,
    consumer_settings,
    new_consumer,
    unreachable,
)
from phee.stream.kafka.topics_found import partitions_of

LOOK_S = 2.0


class LaneLag(msgspec.Struct, frozen=True, rename="camel"):
    """One Kafka partition, read by one importer.

    ``seconds`` is the age of the first message that it lacks, 0 when it has everything, None when
    that message could not be read in time.
    """

    consumer: str
    topic: str
    partition: int
    committed: int
    end: int
    records: int
    seconds: float | None


def importer_lags(address: KafkaAddress, consumer: str) -> list[LaneLag]:
    """Return the lag of one importer in every partition.

    Raises:
        Unavailable: Kafka does not answer.
    """
    settings = consumer_settings(address, consumer)
    settings.pop("group.instance.id", None)
    client = new_consumer(settings)
    try:
        places = [TopicPartition(topic, n) for topic, n in partitions_of(client, address)]
        committed = client.committed(places, timeout=ANSWER_TIMEOUT_S) if places else []
        return [_lag(client, consumer, place) for place in committed]
    except KafkaException as error:
        raise unreachable(address, error) from error
    finally:
        client.close()


def _lag(client: Consumer, consumer: str, place: TopicPartition) -> LaneLag:
    limits = client.get_watermark_offsets(place, timeout=ANSWER_TIMEOUT_S)
    low, high = limits or (0, 0)
    at = max(place.offset, low)
    behind = max(high - at, 0)
    seconds = _age(client, place.topic, place.partition, at) if behind else 0.0
    return LaneLag(consumer, place.topic, place.partition, at, high, behind, seconds)


def _age(client: Consumer, topic: str, partition: int, offset: int) -> float | None:
    """Return the age of the first message at or behind an offset, in seconds."""
    client.assign([TopicPartition(topic, partition, offset)])
    deadline = time.monotonic() + LOOK_S
    try:
        while time.monotonic() < deadline:
            message = client.poll(0.2)
            if message is None:
                continue
            if message.error() is not None:
                return 0.0  # the end of the partition: only ends of transactions were left
            _, written_ms = message.timestamp()
            return max(time.time() - written_ms / 1000, 0.0)
        return None
    finally:
        client.unassign()
