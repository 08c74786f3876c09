"""What a Kafka exporter shows of itself."""

from __future__ import annotations

from collections import Counter as Counts

from prometheus_client import CollectorRegistry, Counter, Gauge

from phee.records import ValueType


class KafkaExporterMetrics:
    """Counts for one exporter; labels never carry anything of a payment."""

    def __init__(self, registry: CollectorRegistry, name: str) -> None:
        def counter(what: str, text: str, *labels: str) -> Counter:
            return Counter(
                f"phee_kafka_exporter_{what}", text, ["exporter", *labels], registry=registry
            )

        def gauge(what: str, text: str) -> Gauge:
            family = Gauge(f"phee_kafka_exporter_{what}", text, ["exporter"], registry=registry)
            return family.labels(name)

        self._name = name
        self._events = Counter(
            "zeebe_exporter_events",
            "Records that were exported or skipped.",
            ["action", "partition", "valueType"],
            registry=registry,
        )
        self.records = counter("records", "Records sent.").labels(name)
        self.left_out = counter("records_left_out", "Records not selected.").labels(name)
        self.bytes = counter("bytes", "Bytes of JSON sent, before compression.").labels(name)
        self.restarts = counter("restarts", "Times sending began again.").labels(name)
        self._letters = counter(
            "dead_letters", "Records that went to the topic for dead letters.", "reason"
        )
        self.position = gauge("position", "Everything up to here is confirmed by Kafka.")
        self.lag = gauge("lag_records", "Positions in the log that are not confirmed yet.")
        self.unconfirmed = gauge("unconfirmed_records", "Records under way.")
        self.connected = gauge("connected", "1 while log and Kafka answer.")
        self.paused = gauge("paused", "1 while paused.")

    def events(self, action: str, partition_id: int, value_types: Counts[int]) -> None:
        """Count records that were ``exported`` or ``skipped``, by value type."""
        for value_type, count in value_types.items():
            self._events.labels(action, str(partition_id), _name_of(value_type)).inc(count)

    def dead_letter(self, reason: str) -> None:
        """Count a record that could not be sent as it is."""
        self._letters.labels(self._name, reason).inc()


def _name_of(value_type: int) -> str:
    try:
        return ValueType(value_type).name
    except ValueError:  # newer than this version knows
        return str(value_type)
