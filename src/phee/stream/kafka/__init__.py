"""Apache Kafka as the event stream: addresses, the form of messages, and the consumer's side.

Needs the package ``confluent-kafka`` (``pip install phee[kafka]``) where :class:`KafkaStream` or
the exporter run; addresses and messages can be read without it.
"""

from phee.stream.kafka.address import KafkaAddress, parse_kafka_address

__all__ = ["KafkaAddress", "KafkaStream", "parse_kafka_address"]


def __getattr__(name: str) -> object:
    if name == "KafkaStream":
        from phee.stream.kafka.stream import KafkaStream

        return KafkaStream
    raise AttributeError(name)
