"""The runtimes of the event stream, as consumers in another process see them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from kafka_world import Form, RealKafka, write

from phee.stream import EventStream, LogServer, LogStream
from phee.stream.kafka.stream import KafkaStream
from phee.stream.local import LocalStream
from phee.stream.memory import MemoryLog
from phee.stream.port import RecordLog


class ServedLog:
    """Serves a log from its own event loop; may be stopped and started again like a hub."""

    def __init__(self, log: RecordLog, path: Path) -> None:
        self._log = log
        self._path = path
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: LogServer | None = None

    def start(self) -> None:
        self._server = LogServer(self._log, self._path)
        self._run(self._server.start())

    def stop(self) -> None:
        if self._server is not None:
            self._run(self._server.stop())
            self._server = None

    def close(self) -> None:
        self.stop()
        self._run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


class LogRuntime:
    """The embedded stream: the log itself, in this process or over its socket."""

    def __init__(self, log: MemoryLog, socket: Path | None) -> None:
        self._log = log
        self._path = socket
        self._served = ServedLog(log, socket) if socket is not None else None
        if self._served is not None:
            self._served.start()

    def open(self, consumer: str) -> EventStream:
        if self._path is None:
            return LocalStream(self._log, consumer)
        return LogStream(self._path, consumer)

    def publish(self) -> None:
        """What is committed can be read at once."""

    def close(self) -> None:
        if self._served is not None:
            self._served.close()


class KafkaRuntime:
    """A topic of a real Kafka, written in one of the known forms."""

    def __init__(self, kafka: RealKafka, log: MemoryLog, form: Form) -> None:
        self._log = log
        self._form = form
        self._address = kafka.address(epoch=log.epoch)
        self._published = 0
        kafka.make_topic(self._address.topic, partitions=3)

    def open(self, consumer: str) -> EventStream:
        return KafkaStream(self._address, consumer)

    def publish(self) -> None:
        """Send what was committed since the last time."""
        write(self._address, self._log, self._form, after=self._published)
        self._published = self._log.durable_position

    def close(self) -> None: ...
