"""kill -9 of importers and of a MySQL server under load: the rows equal the log's fold.

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
from collections.abc import Callable, Iterator

import pytest
from mariadb_server import MariaDbServer
from record_stream import Record, RecordWriter, payment
from relational_runtimes import TENANTS, MysqlRuntime
from stream_runtimes import ServedLog
from two_tenants import rows_of_all, sqlite_rows

from phee.stream import stream_path
from phee.stream.memory import MemoryLog

KILLS = int(os.environ.get("PHEE_TEST_KILLS", "4"))
DEADLINE_S = 100.0
KIND = "relational"
pytestmark = [pytest.mark.services, pytest.mark.slow]


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


class Scene:
    """A log under load, its importer and its store; what may be killed is told by the test."""

    def __init__(self, runtime: MysqlRuntime) -> None:
        seed = int(os.environ.get("PHEE_TEST_SEED", time.time_ns() % 1_000_000))
        print(f"PHEE_TEST_SEED={seed}")
        self.rng = random.Random(seed)
        self.runtime = runtime
        self.log = MemoryLog()
        self._served = ServedLog(self.log, stream_path(runtime.data))
        self._served.start()
        self._load = Load(self.log, random.Random(seed))
        self._importer: subprocess.Popen[bytes] | None = None

    def start_importer(self) -> None:
        command = [
            sys.executable, "-m", "phee.importers", KIND, "--data", str(self.runtime.data),
            "--database", self.runtime.database,
        ]  # fmt: skip
        self._importer = subprocess.Popen(command, stderr=subprocess.PIPE)

    def kill_importer(self) -> None:
        assert self._importer is not None
        self._importer.kill()
        self._importer.communicate()

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
        assert self._importer is not None
        self._importer.send_signal(signal.SIGTERM)
        _, errors = self._importer.communicate(timeout=20)
        assert self._importer.returncode == 0, errors.decode()
        self._served.close()
        assert self.log.durable_position > 500
        assert rows_of_all(self.runtime) == sqlite_rows(self.log)

    @property
    def acknowledged(self) -> int:
        return self.log.acknowledged().get(KIND, -1)

    def _wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, f"{self.acknowledged}"
            time.sleep(0.01)


def test_kills_of_the_importer_lose_nothing_and_double_nothing(mysql: MysqlRuntime) -> None:
    scene = Scene(mysql)
    for _ in range(KILLS):
        scene.start_importer()
        scene.wait_for_progress()
        scene.pause()
        scene.kill_importer()
    scene.start_importer()
    scene.finish()


def test_kills_of_the_server_lose_nothing_and_double_nothing(
    mysql: MysqlRuntime, mariadb: MariaDbServer
) -> None:
    scene = Scene(mysql)
    scene.start_importer()
    for _ in range(KILLS):
        scene.wait_for_progress()
        scene.pause()
        mariadb.kill()
        scene.pause()
        mariadb.start()
    scene.wait_for_progress()
    scene.finish()


def test_kills_of_both_at_once(mysql: MysqlRuntime, mariadb: MariaDbServer) -> None:
    scene = Scene(mysql)
    for _ in range(2):
        scene.start_importer()
        scene.wait_for_progress()
        scene.pause()
        mariadb.kill()
        scene.kill_importer()
        scene.start_importer()  # it finds no server
        scene.pause()
        mariadb.start()
        scene.wait_for_progress()
        scene.kill_importer()
    scene.start_importer()
    scene.finish()
