"""How a Kafka exporter runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from phee.exporter.kafka.selection import Selection
from phee.stream.kafka.address import KafkaAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSettings:
    """What topics are made with; those that exist are only checked.

    ``retention_hours`` 0 keeps records for ever.
    """

    partitions: int = 6
    replication: int = 1
    retention_hours: int = 168
    min_in_sync_replicas: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaExporterSettings:
    """How a Kafka exporter runs.

    Attributes:
        data: the hub's data directory.
        address: the cluster, the topics, and how to get in.
        name: who this exporter is to the log; two of different names run side by side.
        marks: say in every Kafka partition how far the export is, so that reads can wait for a
            position; turn off for foreign consumers that take no message without a value.
        acknowledge_s: how often the confirmed position is made durable and told to the log.
        mark_s: how often marks are written while something moves.
        buffer_kbytes: the most that waits to be sent; then reading the log waits.
        message_bytes_max: an upper limit below the topics' own; 0: theirs alone.
        http_host, http_port: where health and metrics are served (port 0: a free one).
    """

    data: Path
    address: KafkaAddress
    name: str = "kafka"
    selection: Selection = field(default_factory=Selection)
    topics: TopicSettings = field(default_factory=TopicSettings)
    marks: bool = True
    acknowledge_s: float = 0.5
    mark_s: float = 0.25
    linger_ms: int = 5
    buffer_kbytes: int = 65_536
    message_bytes_max: int = 0
    http_host: str = "127.0.0.1"
    http_port: int = 0
    lag_records_ready: int = 100_000
    log_level: str = "INFO"
