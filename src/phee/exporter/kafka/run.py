"""The life of one producer: reading on from a place, sending, and confirming."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

import msgspec

from phee.errors import InvalidState
from phee.exporter.kafka.keys import MessageKeys
from phee.exporter.kafka.metrics import KafkaExporterMetrics
from phee.exporter.kafka.outgoing import Outgoing
from phee.exporter.kafka.sender import Flight, Sender
from phee.exporter.kafka.settings import KafkaExporterSettings
from phee.exporter.kafka.state import Place, State
from phee.records import Block, StoredRecord, ValueType, decode_block
from phee.stream.port import Chunk, EventStream, Lane, Unreadable

FETCH_BYTES = 1 << 20
FLIGHT_RECORDS = 200
IDLE_WAIT_S = 0.2
BUSY_WAIT_S = 0.02


class RecordsGone(InvalidState):
    """The log has forgotten records that were not exported."""

    code = "records-gone"


@dataclass(slots=True)
class Progress:
    """How an exporter is doing; read by its health check from another thread."""

    log_connected: bool = False
    kafka_connected: bool = False
    position: int = 0
    lag_records: int = 0
    unconfirmed_records: int = 0
    paused: bool = False
    trouble: str = ""


class Run:
    """Exports from a place on, until its producer fails or it is told to end."""

    def __init__(
        self,
        stream: EventStream,
        state: State,
        settings: KafkaExporterSettings,
        progress: Progress,
        *,
        keys: MessageKeys,
        metrics: KafkaExporterMetrics,
        sender: Sender,
        outgoing: Outgoing,
        lane: Lane,
        place: Place,
    ) -> None:
        self._stream = stream
        self._state = state
        self._settings = settings
        self._progress = progress
        self._keys = keys
        self._metrics = metrics
        self._sender = sender
        self._outgoing = outgoing
        self._lane = lane
        self._place = place
        self._read = self._landed = self._end = place.position
        self._marked = 0  # whether the marks of what was confirmed before are there is not known
        self._confirmed_at = self._marked_at = time.monotonic()

    def step(self) -> None:
        """Send what the log has next, and confirm what Kafka has answered.

        Raises:
            Unavailable: the log does not answer, or the producer has failed.
            RecordsGone: the log no longer has what comes next.
        """
        wait_s = BUSY_WAIT_S if self._read > self._landed else IDLE_WAIT_S
        chunks = self._stream.fetch(
            {self._lane: self._read}, max_bytes=FETCH_BYTES, timeout_s=wait_s
        )
        for chunk in chunks:
            self._take(chunk)
        self._sender.poll()
        self.confirm()
        self._mark()
        self._show()

    def confirm(self, *, force: bool = False) -> None:
        """Make the confirmed place durable, and tell the log, when it is time."""
        landed = self._sender.landed()
        if landed is not None:
            self._landed = max(landed, self._landed)
            self._progress.trouble = ""
        due = force or time.monotonic() - self._confirmed_at >= self._settings.acknowledge_s
        if not due or self._landed <= self._place.position:
            return
        self._confirmed_at = time.monotonic()
        place = msgspec.structs.replace(self._place, position=self._landed)
        fresh, gone = self._keys.changes(self._landed)
        self._state.move(place, fresh, gone)
        self._keys.saved(fresh, gone)
        self._place = place
        self._progress.position = self._landed
        self._stream.acknowledge({self._lane: self._landed})

    def _take(self, chunk: Chunk) -> None:
        self._end = chunk.last_position
        if self._read < chunk.first_position - 1:
            raise RecordsGone(
                f"the log begins at {chunk.first_position}, exported is up to {self._read}",
                where=str(chunk.lane),
                fix=f"Give them up by skipping to {chunk.first_position - 1}, or restore the log",
            )
        for last_position, block in chunk.blocks:
            if last_position > self._read:
                self._block(_records(block))
                self._read = last_position
                self._sender.poll()

    def _block(self, records: list[StoredRecord]) -> None:
        """Send a block in flights, each confirmed as a whole."""
        for start in range(0, len(records), FLIGHT_RECORDS):
            part = records[start : start + FLIGHT_RECORDS]
            flight = self._sender.new_flight()
            sent: Counter[int] = Counter()
            skipped: Counter[int] = Counter()
            for record in part:
                if record.position > self._read:
                    (sent if self._record(flight, record) else skipped)[record.value_type] += 1
            flight.last_position = part[-1].position
            flight.is_sealed = True
            self._metrics.records.inc(flight.records)
            self._metrics.bytes.inc(flight.bytes)
            self._metrics.left_out.inc(len(part) - flight.records)
            self._metrics.events("exported", self._lane.partition_id, sent)
            self._metrics.events("skipped", self._lane.partition_id, skipped)

    def _record(self, flight: Flight, record: StoredRecord) -> bool:
        """Send a record if it is selected; return whether it is."""
        if self._settings.selection.wants(record.record_type, record.value_type, record.intent):
            self._outgoing.record(flight, record)
            return True
        if record.value_type == ValueType.PROCESS_INSTANCE:
            self._keys.key(record.decoded())  # it may say whose child an instance is
        return False

    def _mark(self) -> None:
        if not self._settings.marks or self._landed <= self._marked:
            return
        if time.monotonic() - self._marked_at >= self._settings.mark_s:
            self._marked_at, self._marked = time.monotonic(), self._landed
            flight = self._sender.new_flight()
            self._outgoing.marks(flight, self._landed)
            flight.last_position = self._read
            flight.is_sealed = True

    def _show(self) -> None:
        progress = self._progress
        progress.kafka_connected = self._sender.is_connected
        progress.lag_records = max(self._end - self._landed, 0)
        progress.unconfirmed_records = self._sender.unconfirmed_records


def _records(block: bytes | Block | Unreadable) -> list[StoredRecord]:
    assert isinstance(block, bytes), "the log holds compact blocks"
    return decode_block(block).records
