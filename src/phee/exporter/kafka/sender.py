"""Sending to Kafka so that nothing is lost, doubled or swapped while this producer lives.

The producer is idempotent and waits for all in-sync replicas; a message is retried until it is
confirmed. What can never be confirmed stops the whole producer before a gap can come to be
(``enable.gapless.guarantee``): then the exporter begins again from the confirmed position.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from phee.errors import Unavailable
from phee.exporter.kafka.settings import KafkaExporterSettings
from phee.stream.kafka.clients import LIBRARY_LOG, unreachable
from phee.stream.kafka.message import Headers

if TYPE_CHECKING:
    from confluent_kafka._types import HeadersType

CLOSE_TIMEOUT_S = 10.0


class Flight:
    """Some consecutive records under way; landed when Kafka has confirmed each."""

    __slots__ = ("_fail", "_outstanding", "bytes", "is_sealed", "last_position", "records")

    def __init__(self, fail: Callable[[KafkaError], None]) -> None:
        self._fail = fail
        self._outstanding = 0
        self.is_sealed = False
        self.last_position = 0
        self.records = 0
        self.bytes = 0

    @property
    def has_landed(self) -> bool:
        """Whether all of it is confirmed."""
        return self.is_sealed and not self._outstanding

    def began(self) -> None:
        """Count a message that was handed to the producer."""
        self._outstanding += 1

    def answered(self, error: KafkaError | None, message: Message) -> None:  # noqa: ARG002 - given by the client
        """Take Kafka's answer to one of the messages."""
        if error is None:
            self._outstanding -= 1
        else:
            self._fail(error)


class Sender:
    """One producer, and what it has under way."""

    def __init__(self, settings: KafkaExporterSettings, message_bytes_max: int) -> None:
        self._settings = settings
        self._flights: deque[Flight] = deque()
        self._failure: KafkaError | None = None
        self.is_connected = True
        self._producer = Producer(
            {
                **settings.address.settings(f"phee-exporter-{settings.name}"),
                "enable.idempotence": True,
                "enable.gapless.guarantee": True,
                "acks": "all",
                "message.timeout.ms": 0,
                "compression.type": "zstd",
                "linger.ms": settings.linger_ms,
                "batch.size": min(262_144, message_bytes_max),
                "message.max.bytes": max(message_bytes_max, 1_000),
                "queue.buffering.max.kbytes": settings.buffer_kbytes,
                "queue.buffering.max.messages": 200_000,
                "statistics.interval.ms": 0,
                "error_cb": self._on_error,
            },
            logger=LIBRARY_LOG,
        )

    @property
    def unconfirmed_records(self) -> int:
        """How many records are under way."""
        return sum(flight.records for flight in self._flights)

    def new_flight(self) -> Flight:
        """Begin the next consecutive records."""
        flight = Flight(self._fail)
        self._flights.append(flight)
        return flight

    def send(
        self,
        flight: Flight,
        topic: str,
        key: bytes,
        value: bytes | None,
        headers: Headers,
        partition: int = -1,
    ) -> None:
        """Hand over one message, waiting while the buffer is full.

        Raises:
            Unavailable: the producer has failed; begin again.
        """
        while True:
            try:
                self._producer.produce(
                    topic,
                    value,
                    key,
                    partition,
                    on_delivery=flight.answered,
                    headers=cast("HeadersType", headers),
                )
            except BufferError:
                self.poll(0.05)
            except KafkaException as error:
                raise unreachable(self._settings.address, error) from error
            else:
                flight.began()
                return

    def poll(self, timeout_s: float = 0) -> None:
        """Take Kafka's answers.

        Raises:
            Unavailable: a message can never be confirmed; begin again.
        """
        try:
            self._producer.poll(timeout_s)
        except KafkaException as error:  # fatal: the client raises it here
            self._fail(error.args[0])
        if self._failure is not None:
            raise Unavailable(
                f"Kafka will never take a message: {self._failure.name()}",
                where=str(self._settings.address),
                fix="The exporter begins again from the position that was confirmed last",
            )

    def landed(self) -> int | None:
        """Return the highest position with nothing before it under way; None: nothing new."""
        position = None
        while self._flights and self._flights[0].has_landed:
            position = self._flights.popleft().last_position
            self.is_connected = True
        return position

    def close(self, *, wait: bool) -> None:
        """End the producer; ``wait`` a moment for what is under way, or let go of it."""
        with suppress(KafkaException):  # fatal: nothing of it is confirmed any more
            if wait and self._failure is None:
                self._producer.flush(CLOSE_TIMEOUT_S)
            self._producer.purge()
            self._producer.poll(0)

    def _fail(self, error: KafkaError) -> None:
        if self._failure is None:
            self._failure = error

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fail(error)
        elif error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - its public name
            self.is_connected = False
