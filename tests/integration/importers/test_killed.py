"""kill -9 of an importer process at random moments under load: the stores equal the log's fold.

The seed is printed; PHEE_TEST_SEED repeats a run, PHEE_TEST_KILLS sets the number of kills.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from importing import fold_of, prepare, stores_of
from record_stream import Record, RecordWriter, payment
from stream_runtimes import ServedLog

from phee.importers.process import KINDS, Kind
from phee.stream import stream_path
from phee.stream.memory import MemoryLog

TENANTS = ("gorilla", "rhino")
KILLS = int(os.environ.get("PHEE_TEST_KILLS", "5"))
DEADLINE_S = 90.0


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


def start(kind: Kind, data: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "phee.importers", kind, "--data", str(data)]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def wait_for(condition: str, log: MemoryLog, consumer: str, position: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while log.acknowledged().get(consumer, -1) < position:
        assert time.monotonic() < deadline, f"{condition}: {log.acknowledged()} of {position}"
        time.sleep(0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_kills_lose_nothing_and_double_nothing(kind: Kind, tmp_path: Path) -> None:
    seed = int(os.environ.get("PHEE_TEST_SEED", time.time_ns() % 1_000_000))
    print(f"PHEE_TEST_SEED={seed}")
    rng = random.Random(seed)
    data, log = tmp_path / "hub", MemoryLog()
    data.mkdir()
    prepare(data, *TENANTS)
    served = ServedLog(log, stream_path(data))
    served.start()
    load = Load(log, random.Random(seed))
    moved = 0
    for _ in range(KILLS):
        before = log.acknowledged().get(kind, -1)
        process = start(kind, data)
        wait_for("the importer works", log, kind, max(before, 0))
        time.sleep(rng.uniform(0.0, 1.2) if rng.random() < 0.8 else rng.uniform(0.0, 0.05))
        process.kill()
        process.communicate()
        moved += log.acknowledged().get(kind, -1) > before
    load.finish()
    process = start(kind, data)
    wait_for("everything is imported", log, kind, log.durable_position)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors.decode()
    served.close()
    assert moved, "no kill found the importer at work"
    assert log.durable_position > 500
    assert stores_of(kind, data, *TENANTS) == fold_of(kind, tmp_path / "fold", log, *TENANTS)
