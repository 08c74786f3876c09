"""Which runtime of the event stream a consumer reads: one setting, ``PHEE_STREAM``."""

from __future__ import annotations

from pathlib import Path

from phee.errors import InvalidInput
from phee.extras import require_extra
from phee.stream.address import stream_path
from phee.stream.client import LogStream
from phee.stream.kafka.address import SCHEME, parse_kafka_address
from phee.stream.port import EventStream

STREAM_VARIABLE = "PHEE_STREAM"
EMBEDDED = "log"


def open_stream(address: str, data: Path, consumer: str) -> EventStream:
    """Return the stream that ``address`` names, for ``consumer``; connects when first used.

    Args:
        address: ``kafka://...``, or ``log`` or nothing for the record log of the hub on ``data``.
        data: the hub's data directory.
        consumer: who reads.

    Raises:
        InvalidInput: the address names no stream, or a part of it is wrong.
        NotSupported: the Kafka client is not installed.
    """
    scheme = address.partition("://")[0]
    if scheme in ("", EMBEDDED):
        return LogStream(stream_path(data), consumer)
    if scheme != SCHEME:
        raise InvalidInput(
            f"{scheme[:40]!r} is no event stream",
            where=STREAM_VARIABLE,
            fix="Use log, or kafka://host:port/topic",
        )
    kafka = parse_kafka_address(address)
    require_extra("kafka", where=STREAM_VARIABLE)
    from phee.stream.kafka.stream import KafkaStream

    return KafkaStream(kafka, consumer)
