"""The record log into Kafka: at least once, in order, and never past what is not confirmed.

Invariants: the place in the state file has everything before it confirmed by Kafka, and is on disk
before the log hears of it; a failed producer is replaced and begins from that place, so a Kafka
partition holds repetitions, but never a gap.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import msgspec
import structlog

from phee.errors import PheeError, Unavailable
from phee.exporter.kafka.keys import MessageKeys
from phee.exporter.kafka.layout import Layout
from phee.exporter.kafka.metrics import KafkaExporterMetrics
from phee.exporter.kafka.outgoing import Outgoing
from phee.exporter.kafka.run import Progress, Run
from phee.exporter.kafka.sender import Sender
from phee.exporter.kafka.settings import KafkaExporterSettings
from phee.exporter.kafka.state import Place, Report, State, Wish
from phee.exporter.kafka.topics import prepare_topics
from phee.stream.port import EventStream, Lane

_LOG = structlog.get_logger(__name__)

LOOK_S = 0.5
RETRY_S_MIN, RETRY_S_MAX = 0.2, 10.0


class _BeginAgain(Exception):
    """The place was moved by a wish."""


class KafkaExporter:
    """Exports one log. Runs in one thread."""

    def __init__(
        self,
        stream: EventStream,
        state: State,
        settings: KafkaExporterSettings,
        metrics: KafkaExporterMetrics,
    ) -> None:
        self._stream = stream
        self._state = state
        self._settings = settings
        self._metrics = metrics
        self._stop = threading.Event()
        self._keys = MessageKeys(state.roots())
        self._retry_s = RETRY_S_MIN
        self._looked_at = 0.0
        self.progress = Progress(paused=state.is_paused())

    def stop(self) -> None:
        """End :meth:`run` soon, after what is under way. Callable from any thread."""
        self._stop.set()

    def run(self) -> None:
        """Export until :meth:`stop`.

        Raises:
            RecordsGone: the log no longer has what comes next.
            InvalidState, Forbidden, Unauthenticated: the topics cannot be used.
        """
        try:
            while not self._stop.is_set():
                try:
                    self._look()
                    self._export()
                except _BeginAgain:
                    continue
                except Unavailable as error:
                    self._failed(error)
        finally:
            self._stream.close()

    def _export(self) -> None:
        """Export with one producer until it fails or the exporter is stopped or paused."""
        if self.progress.paused:
            self._stop.wait(LOOK_S)
            return
        lane, place = self._begin()
        address = self._settings.address
        topics = sorted({address.topic_of(one) for one in self._settings.selection.value_types})
        counts, limit = prepare_topics(address, topics, self._settings.topics)
        if self._settings.message_bytes_max:
            limit = min(limit, self._settings.message_bytes_max)
        sender = Sender(self._settings, limit)
        outgoing = Outgoing(
            self._settings,
            sender,
            self._keys,
            self._metrics,
            lane=lane,
            message_bytes_max=limit,
            partitions=counts,
            layouts=self._layouts(counts, lane, place),
        )
        run = Run(
            self._stream,
            self._state,
            self._settings,
            self.progress,
            keys=self._keys,
            metrics=self._metrics,
            sender=sender,
            outgoing=outgoing,
            lane=lane,
            place=place,
        )
        finished = False
        try:
            while not (self._stop.is_set() or self.progress.paused):
                run.step()
                self._look_sometimes()
            finished = True
        finally:
            sender.close(wait=finished)
            if finished:
                run.confirm(force=True)
                self._tell()

    def _begin(self) -> tuple[Lane, Place]:
        """Return the log's lane and the place to go on from."""
        (lane,) = self._stream.lanes()
        self.progress.log_connected = True
        place = self._state.place()
        if place is None or (place.epoch, place.partition_id) != (lane.epoch, lane.partition_id):
            place = Place(lane.epoch, lane.partition_id, 0)
            self._state.begin_life(place)
            self._keys = MessageKeys({})
            _LOG.info("export begins", lane=str(lane))
        self.progress.position = place.position
        return lane, place

    def _layouts(self, counts: Mapping[str, int], lane: Lane, place: Place) -> dict[str, Layout]:
        """Return which partitions are used; what is new of it is on disk before it is used."""
        found = {topic: self._state.layout(topic) for topic in counts}
        (chunk,) = self._stream.fetch({lane: place.position}, max_bytes=1, timeout_s=0)
        for topic, count in counts.items():
            grown = found[topic].grown(count, chunk.last_position)
            if grown is not found[topic]:
                self._state.keep_layout(topic, grown)
                _LOG.info(
                    "topic laid out", topic=topic, partitions=count, after=grown.steps[-1].after
                )
                found[topic] = grown
        return found

    def _failed(self, error: PheeError) -> None:
        if not self.progress.trouble:
            self._retry_s = RETRY_S_MIN
        self.progress.trouble = str(error)
        self.progress.kafka_connected = False
        self._metrics.restarts.inc()
        _LOG.warning("export interrupted", error=str(error), retry_s=self._retry_s)
        self._tell()
        self._stop.wait(self._retry_s)
        self._retry_s = min(self._retry_s * 2, RETRY_S_MAX)

    def _look_sometimes(self) -> None:
        """Do what was wished meanwhile, and say how things are, twice a second."""
        if time.monotonic() - self._looked_at >= LOOK_S:
            self._look()

    def _look(self) -> None:
        self._looked_at = time.monotonic()
        for wish in self._state.wishes():
            self._obey(wish)
        self._tell()

    def _obey(self, wish: Wish) -> None:
        _LOG.warning("exporter was told", action=wish.action, position=wish.position)
        if wish.action in ("pause", "resume"):
            self.progress.paused = wish.action == "pause"
            self._state.set_paused(self.progress.paused)
            self._state.fulfil(wish)
            return
        place = self._state.place()
        if place is not None:
            to = wish.position if wish.action == "reset" else max(wish.position, place.position)
            self._state.move(msgspec.structs.replace(place, position=to), {}, ())
        self._state.fulfil(wish)
        raise _BeginAgain

    def _tell(self) -> None:
        progress, metrics = self.progress, self._metrics
        metrics.position.set(progress.position)
        metrics.lag.set(progress.lag_records)
        metrics.unconfirmed.set(progress.unconfirmed_records)
        metrics.connected.set(int(progress.log_connected and progress.kafka_connected))
        metrics.paused.set(int(progress.paused))
        report = Report(
            at_ms=int(time.time() * 1000),
            position=progress.position,
            lag_records=progress.lag_records,
            unconfirmed_records=progress.unconfirmed_records,
            connected=progress.log_connected and progress.kafka_connected,
            trouble=progress.trouble,
        )
        try:
            self._state.tell(report)
        except Unavailable as error:  # only for people; the place is what counts
            _LOG.info("no word left of how things are", error=str(error))
