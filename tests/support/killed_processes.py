"""Importer processes that are killed under load, and the log whose load it is."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from record_stream import Record, RecordWriter, payment
from stream_runtimes import ServedLog

from phee.importers.process import Kind
from phee.stream import stream_path
from phee.stream.memory import MemoryLog

TENANTS = ("gorilla", "rhino")
DEADLINE_S = 100.0


class Load:
    """Appends commits of payments to a log until told to stop; then lets the running ones end."""

    def __init__(self, log: MemoryLog, rng: random.Random) -> None:
        self._log = log
        self._rng = rng
        self._writer = RecordWriter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def finish(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        running: list[Iterator[list[Record]]] = []
        number = 0
        while running or not self._stop.is_set():
            if not self._stop.is_set() and len(running) < 8:
                tenant = TENANTS[number % 2]
                running.append(payment(self._writer, number, tenant_id=tenant, rng=self._rng))
                number += 1
            flow = self._rng.choice(running)
            commit = next(flow, None)
            if commit is None:
                running.remove(flow)
            else:
                self._log.append(commit)
                time.sleep(0.003)


class LoadedImporter:
    """A log under load and its importer process; what may be killed is told by the test.

    The seed is printed; PHEE_TEST_SEED repeats a run.
    """

    def __init__(self, kind: Kind, data: Path, *arguments: str) -> None:
        seed = int(os.environ.get("PHEE_TEST_SEED", time.time_ns() % 1_000_000))
        print(f"PHEE_TEST_SEED={seed}")
        self.rng = random.Random(seed)
        self.log = MemoryLog()
        self._kind = kind
        self._command: Sequence[str] = (
            sys.executable, "-m", "phee.importers", kind, "--data", str(data), *arguments,
        )  # fmt: skip
        self._served = ServedLog(self.log, stream_path(data))
        self._served.start()
        self._load = Load(self.log, random.Random(seed))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def acknowledged(self) -> int:
        return self.log.acknowledged().get(self._kind, -1)

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.communicate()

    def pause(self) -> None:
        """Wait for a random moment, often one at which something has just begun."""
        longest = 1.2 if self.rng.random() < 0.8 else 0.05
        time.sleep(self.rng.uniform(0.0, longest))

    def wait_for_progress(self) -> None:
        """Return once more has been acknowledged than now."""
        before = self.acknowledged
        self._wait(lambda: self.acknowledged > before)

    def finish(self) -> None:
        """End the load, let the importer end its work and itself."""
        self._load.finish()
        self._wait(lambda: self.acknowledged >= self.log.durable_position)
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        _, errors = self._process.communicate(timeout=20)
        assert self._process.returncode == 0, errors.decode()
        self._served.close()
        assert self.log.durable_position > 500

    def _wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, f"{self.acknowledged}"
            time.sleep(0.01)
