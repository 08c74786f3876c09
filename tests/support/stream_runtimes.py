"""The hub's side of the stream in a thread of its own, as importers in another process see it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from phee.stream import LogServer
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
