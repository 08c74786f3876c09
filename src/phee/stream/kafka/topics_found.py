"""Which partitions a stream has in Kafka now."""

from __future__ import annotations

import re
import time

from confluent_kafka import Consumer, KafkaException

from phee.stream.kafka.address import KafkaAddress
from phee.stream.kafka.clients import ANSWER_TIMEOUT_S, unreachable

LOOK_S = 0.5
"""How often topics are looked for that do not exist yet."""


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


class TopicWatch:
    """Makes a consumer notice soon that its topics were made.

    By itself it looks as often as it refreshes what it knows of the cluster, every ten seconds. A
    listing of all topics refreshes that too: the client compares it with what is subscribed to.
    """

    def __init__(self, address: KafkaAddress) -> None:
        self._address = address
        self._are_there = False
        self._next_look = 0.0

    def look(self, consumer: Consumer) -> None:
        """Look whether there is a topic, if none was seen and it is time.

        Raises:
            Unavailable: Kafka does not answer.
        """
        now = time.monotonic()
        if not self._are_there and now >= self._next_look:
            self._next_look = now + LOOK_S
            self._are_there = bool(partitions_of(consumer, self._address))

    def miss(self) -> None:
        """Look again from now on: a topic is not there, or no more."""
        self._are_there = False
