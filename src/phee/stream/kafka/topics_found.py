"""Which partitions a stream has in Kafka now."""

from __future__ import annotations

import re

from confluent_kafka import Consumer, KafkaException

from phee.stream.kafka.address import KafkaAddress
from phee.stream.kafka.clients import ANSWER_TIMEOUT_S, unreachable


def partitions_of(consumer: Consumer, address: KafkaAddress) -> list[tuple[str, int]]:
    """Return (topic, number) of every partition of a stream, in order.

    Raises:
        Unavailable: Kafka does not answer.
    """
    try:
        topics = consumer.list_topics(timeout=ANSWER_TIMEOUT_S).topics
    except KafkaException as error:
        raise unreachable(address, error) from error
    pattern = re.compile(address.subscription)
    return [
        (name, number)
        for name in sorted(topics)
        if name == address.subscription or (address.layout != "one" and pattern.fullmatch(name))
        for number in sorted(topics[name].partitions)
    ]
