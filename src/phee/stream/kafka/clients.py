"""Kafka clients as this package uses them: settings, logs, and errors in our words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException

from phee.errors import Forbidden, InvalidState, Unauthenticated, Unavailable
from phee.stream.kafka.address import KafkaAddress

LIBRARY_LOG = logging.getLogger("phee.kafka.client")
"""What librdkafka says itself; below an error it is of connections coming and going."""
LIBRARY_LOG.setLevel(logging.ERROR)

ANSWER_TIMEOUT_S = 10.0
GROUP = "phee"
PREFETCH_KBYTES = 2_048
"""Read ahead, in messages as they are; what is more waits at the broker."""
FETCH_BYTES = 512 << 10
PARTITION_FETCH_BYTES = 128 << 10
"""One answer, as it travels: packed, and records of payments unpack to fifteen times as much, all
of it in memory at once. A larger message comes through all the same, alone."""
_REFUSED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}
_STRANGER = {KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError._SSL}  # noqa: SLF001 - librdkafka's names for its own errors


def consumer_settings(address: KafkaAddress, consumer: str) -> dict[str, str | int | float | bool]:
    """Return the settings of a consumer that keeps its own place and reads what is committed."""
    settings = {
        **address.settings(f"phee-{consumer}"),
        "group.id": f"{address.group or GROUP}-{consumer}",
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": 6_000,
        "heartbeat.interval.ms": 2_000,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "allow.auto.create.topics": False,
        "queued.max.messages.kbytes": PREFETCH_KBYTES,
        "queued.min.messages": 5_000,
        "fetch.max.bytes": FETCH_BYTES,
        "fetch.message.max.bytes": PARTITION_FETCH_BYTES,
        "message.max.bytes": FETCH_BYTES,  # of what is sent; never more than fetch.max.bytes
        "fetch.queue.backoff.ms": 5,
        "fetch.wait.max.ms": 100,
        "fetch.error.backoff.ms": 100,
    }
    if address.instance:
        settings["group.instance.id"] = f"{consumer}-{address.instance}"
    return settings


def unreachable(address: KafkaAddress, error: KafkaException | KafkaError) -> Exception:
    """Return what it means for us that Kafka answered with ``error``, or not at all."""
    cause = error.args[0] if isinstance(error, KafkaException) else error
    code = cause.code()
    if code in _REFUSED:
        return Forbidden(
            f"Kafka does not allow this: {cause.name()}",
            where=str(address),
            fix="Grant the user read, write, create and describe on the stream's topics and group",
        )
    if code in _STRANGER:
        return Unauthenticated(
            f"Kafka does not let us in: {cause.name()}",
            where=str(address),
            fix="Check tls, ca, certificate, key, sasl, user and the password",
        )
    if code == KafkaError.FENCED_INSTANCE_ID:
        return name_taken(address)
    return Unavailable(
        f"Kafka does not answer: {cause.name()}",
        where=str(address),
        fix="Start Kafka or mend the address; reading goes on by itself",
    )


def name_taken(address: KafkaAddress) -> InvalidState:
    """Return the error for a consumer whose lasting name another process has now."""
    return InvalidState(
        "another process reads under the same name in its group",
        where=str(address),
        fix="Give each process an instance= of its own, or none",
    )


def new_consumer(
    settings: Mapping[str, Any],
    on_error: Callable[[KafkaError], None] = lambda _: None,
) -> Consumer:
    """Make a consumer that logs to the standard library's logging."""
    return Consumer({**settings, "error_cb": on_error}, logger=LIBRARY_LOG)
