"""From a stored record to messages: the record itself, or its parts among the dead letters."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import structlog

from phee.exporter.kafka.keys import MessageKeys
from phee.exporter.kafka.layout import Layout
from phee.exporter.kafka.metrics import KafkaExporterMetrics
from phee.exporter.kafka.sender import Flight, Sender
from phee.exporter.kafka.settings import KafkaExporterSettings
from phee.records import DEFAULT_TENANT, StoredRecord, to_json
from phee.stream.kafka.message import mark_headers, record_headers, substitute_headers
from phee.stream.port import Lane

_LOG = structlog.get_logger(__name__)
ROOM_BYTES = 1_024
"""Left for headers, key and framing when a message is measured against the limit."""
TOO_LARGE, UNREADABLE = "record-too-large", "unreadable-record"


class Outgoing:
    """Writes the records of one lane to one sender."""

    def __init__(
        self,
        settings: KafkaExporterSettings,
        sender: Sender,
        keys: MessageKeys,
        metrics: KafkaExporterMetrics,
        *,
        lane: Lane,
        message_bytes_max: int,
        partitions: Mapping[str, int],
        layouts: Mapping[str, Layout],
    ) -> None:
        """Prepare; ``partitions`` are those that each topic has now, ``layouts`` those in use."""
        self._settings = settings
        self._sender = sender
        self._keys = keys
        self._metrics = metrics
        self._lane = lane
        self._limit = max(message_bytes_max - ROOM_BYTES, ROOM_BYTES)
        self._partitions = partitions
        self._layouts = layouts
        self._topics: dict[int, str] = {}

    def record(self, flight: Flight, stored: StoredRecord) -> None:
        """Send one record."""
        try:
            record = stored.decoded()
            value = to_json(record, partition_id=self._lane.partition_id)
            key, tenant_id = self._keys.key(record), record.tenant_id
        except (msgspec.MsgspecError, ValueError, KeyError, RecursionError) as error:
            self._unreadable(flight, stored, error)
            return
        topic = self._topic(stored.value_type)
        if len(value) > self._limit:
            self._in_parts(flight, topic, stored, key, value, tenant_id, TOO_LARGE)
            return
        lane = self._lane
        headers = record_headers(lane.epoch, lane.partition_id, stored.position, tenant_id)
        partition = self._layouts[topic].partition(key, stored.position)
        self._sender.send(flight, topic, key, value, headers, partition)
        flight.records += 1
        flight.bytes += len(value)

    def marks(self, flight: Flight, position: int) -> None:
        """Say in every Kafka partition that everything up to ``position`` is before this."""
        headers = mark_headers(self._lane.epoch, self._lane.partition_id, position)
        for topic, count in self._partitions.items():
            for number in range(count):
                self._sender.send(flight, topic, b"mark", None, headers, number)

    def _topic(self, value_type: int) -> str:
        topic = self._topics.get(value_type)
        if topic is None:
            topic = self._topics[value_type] = self._settings.address.topic_of(value_type)
        return topic

    def _unreadable(self, flight: Flight, stored: StoredRecord, error: Exception) -> None:
        topic = next(iter(self._partitions))
        content = msgspec.msgpack.encode(stored)
        key = f"tenant:{DEFAULT_TENANT}".encode()
        _LOG.warning("record unreadable", position=stored.position, error=type(error).__name__)
        self._in_parts(flight, topic, stored, key, content, DEFAULT_TENANT, UNREADABLE)

    def _in_parts(
        self,
        flight: Flight,
        topic: str,
        stored: StoredRecord,
        key: bytes,
        value: bytes,
        tenant_id: str,
        reason: str,
    ) -> None:
        """Send a record to the dead letters in parts, and a substitute to its own place."""
        lane, limit = self._lane, self._limit
        place = (lane.epoch, lane.partition_id, stored.position, tenant_id)
        parts = [value[start : start + limit] for start in range(0, len(value), limit)]
        name = f"{lane.epoch}-{lane.partition_id}-{stored.position}".encode()
        for number, part in enumerate(parts, start=1):
            headers = [
                *record_headers(*place),
                ("reason", reason.encode()),
                ("part", b"%d" % number),
                ("parts", b"%d" % len(parts)),
                ("bytes", b"%d" % len(value)),
            ]
            self._sender.send(flight, self._settings.address.dead_letter_topic, name, part, headers)
        if self._settings.marks:
            headers = substitute_headers(*place, reason)
            partition = self._layouts[topic].partition(key, stored.position)
            self._sender.send(flight, topic, key, None, headers, partition)
        _LOG.warning("record became a dead letter", position=stored.position, reason=reason)
        self._metrics.dead_letter(reason)
