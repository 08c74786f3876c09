"""The topics of a stream: made when they are missing, checked when they are there."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource  # not re-exported for type checkers
from confluent_kafka.cimpl import NewTopic

from phee.errors import InvalidState
from phee.exporter.kafka.settings import TopicSettings
from phee.stream.kafka.address import KafkaAddress
from phee.stream.kafka.clients import ANSWER_TIMEOUT_S, LIBRARY_LOG, unreachable

_LOG = structlog.get_logger(__name__)
MESSAGE_BYTES_MAX = 1_000_000
"""Assumed where the topic does not tell; a little under Kafka's default."""
_HOUR_MS = 3_600_000


def prepare_topics(
    address: KafkaAddress, wanted: Sequence[str], settings: TopicSettings
) -> tuple[dict[str, int], int]:
    """Make sure that the topics exist; return their partition counts and the largest message.

    Raises:
        InvalidState: a topic is compacted, so that Kafka would delete records one by one.
        Unavailable: Kafka does not answer.
        Forbidden, Unauthenticated: Kafka refuses.
    """
    admin = AdminClient({**address.settings("phee-exporter-topics")}, logger=LIBRARY_LOG)
    names = [*wanted, address.dead_letter_topic]
    try:
        there = admin.list_topics(timeout=ANSWER_TIMEOUT_S).topics
        missing = [name for name in names if name not in there]
        if missing:
            _create(admin, missing, settings)
            there = _wait_for(admin, missing)
        counts = {name: len(there[name].partitions) for name in wanted}
        return counts, _check(admin, wanted, counts, settings)
    except KafkaException as error:
        raise unreachable(address, error) from error


def _create(admin: AdminClient, names: Sequence[str], settings: TopicSettings) -> None:
    retention = settings.retention_hours * _HOUR_MS if settings.retention_hours else -1
    config = {
        "retention.ms": str(retention),
        "cleanup.policy": "delete",
        "compression.type": "producer",
        "min.insync.replicas": str(settings.min_in_sync_replicas),
    }
    topics = [
        NewTopic(name, settings.partitions, settings.replication, config=config) for name in names
    ]
    for name, created in admin.create_topics(topics).items():
        try:
            _answer(created)
            _LOG.info("topic created", topic=name, partitions=settings.partitions)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def _wait_for(admin: AdminClient, names: Sequence[str]) -> Any:
    """Return the metadata once it knows the new topics (a moment after they were made)."""
    for _ in range(50):
        topics = admin.list_topics(timeout=ANSWER_TIMEOUT_S).topics
        if all(name in topics and topics[name].partitions for name in names):
            break
        admin.poll(0.1)
    return topics


def _check(
    admin: AdminClient,
    names: Sequence[str],
    counts: dict[str, int],
    settings: TopicSettings,
) -> int:
    """Compare what is there with what was wanted; return the largest message all accept."""
    resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
    largest = []
    for resource, answer in admin.describe_configs(resources).items():
        try:
            config = _answer(answer)
        except KafkaException as error:
            _LOG.warning("topic not checked", topic=resource.name, reason=error.args[0].name())
            largest.append(MESSAGE_BYTES_MAX)
            continue
        if "compact" in config["cleanup.policy"].value:
            raise InvalidState(
                "the topic is compacted: Kafka deletes all but the newest record of a key",
                where=resource.name,
                fix="Set cleanup.policy=delete on it, or use another topic",
            )
        _compare(resource.name, config, counts[resource.name], settings)
        largest.append(int(config["max.message.bytes"].value))
    return min(largest)


def _compare(name: str, config: Any, partitions: int, settings: TopicSettings) -> None:
    retention = settings.retention_hours * _HOUR_MS if settings.retention_hours else -1
    there = int(config["retention.ms"].value)
    if partitions != settings.partitions:
        _LOG.warning("topic differs", topic=name, partitions=partitions)
    if there != -1 and (retention == -1 or there < retention):
        _LOG.warning("topic keeps records for less long than asked for", topic=name, ms=there)


def _answer(future: Future[Any]) -> Any:
    return future.result(ANSWER_TIMEOUT_S)
