"""The importer as a process: health that tells the truth, metrics, a clean end."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from importing import prepare
from record_stream import RecordWriter, payment
from stream_runtimes import ServedLog

from phee.importers import process
from phee.importers.process import ImporterSettings, health_checks, make_importer
from phee.monitoring import new_registry
from phee.stream import LogStream, stream_path
from phee.stream.address import socket_address
from phee.stream.memory import MemoryLog

MEMORY_BYTES_MAX = 80 << 20


class Running:
    """An importer process, its port taken from its own log."""

    def __init__(self, data: Path) -> None:
        command = [sys.executable, "-m", "phee.importers", "relational", "--data", str(data)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        match = re.search(r'"http_port":(\d+)', line)
        assert match, line
        self.url = f"http://127.0.0.1:{match[1]}"

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def wait_ready(self, *, ready: bool) -> dict[str, object]:
        deadline = time.monotonic() + 20
        while True:
            status, body = self.get("/health/ready")
            if (status == 200) == ready:
                return dict(json.loads(body))
            assert time.monotonic() < deadline, body
            time.sleep(0.05)


@pytest.fixture
def log() -> MemoryLog:
    log, writer = MemoryLog(), RecordWriter()
    for number in range(30):
        for commit in payment(writer, number):
            log.append(commit)
    return log


@pytest.fixture
def served(log: MemoryLog, tmp_path: Path) -> Iterator[ServedLog]:
    prepare(tmp_path, "rhino")
    served = ServedLog(log, stream_path(tmp_path))
    yield served
    served.close()


@pytest.fixture
def running(served: ServedLog, tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    running.process.kill()
    running.process.communicate()


def test_ready_follows_the_hub(served: ServedLog, running: Running) -> None:
    assert running.get("/health/live")[0] == 200
    health = running.wait_ready(ready=False)
    assert "stream" in str(health)
    served.start()
    running.wait_ready(ready=True)
    served.stop()
    running.wait_ready(ready=False)
    served.start()
    running.wait_ready(ready=True)


async def test_stream_that_never_answers_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "SILENT_S_MAX", 0.1)
    silent = socket.socket(socket.AF_UNIX)
    silent.bind(str(socket_address(stream_path(tmp_path))))
    silent.listen()
    stream = LogStream(stream_path(tmp_path), "relational")
    settings = ImporterSettings(data=tmp_path)
    importer = make_importer("relational", settings, stream, new_registry())
    importer.progress.connected = True  # as when the hub freezes in the middle of its work
    thread = threading.Thread(target=importer.run)
    thread.start()
    try:
        await asyncio.sleep(0.3)
        health = await health_checks(importer, 1).run()
        assert not health.ready
        assert "has answered" in health.checks["progress"].reason
    finally:
        importer.stop()
        connection, _ = silent.accept()
        connection.close()
        silent.close()
        await asyncio.to_thread(thread.join)


def test_metrics_and_memory(served: ServedLog, running: Running, log: MemoryLog) -> None:
    served.start()
    deadline = time.monotonic() + 20
    while log.acknowledged().get("relational") != log.durable_position:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.wait_ready(ready=True)
    _, text = running.get("/metrics")
    for name, value in (
        ('phee_importer_records_total{store="relational"}', log.durable_position),
        ('phee_importer_lag_records{store="relational"}', 0),
        ('phee_importer_stalled_tenants{store="relational"}', 0),
        ('phee_importer_connected{store="relational"}', 1),
    ):
        assert f"{name} {float(value)}" in text
    assert 'phee_freshness_seconds_count{store="relational",tenant="rhino"}' in text
    memory = psutil.Process(running.process.pid).memory_info().rss
    assert memory < MEMORY_BYTES_MAX, f"{memory >> 20} MB"


def test_sigterm_ends_cleanly_and_logs_no_payment_data(served: ServedLog, running: Running) -> None:
    served.start()
    running.wait_ready(ready=True)
    running.process.send_signal(signal.SIGTERM)
    _, errors = running.process.communicate(timeout=20)
    assert running.process.returncode == 0, errors
    assert "importer stopped" in errors
    assert "2771" not in errors


def test_sigterm_ends_it_without_a_hub_too(running: Running) -> None:
    running.process.send_signal(signal.SIGTERM)
    running.process.communicate(timeout=20)
    assert running.process.returncode == 0


@pytest.mark.parametrize("arguments", [["nothing"], ["relational"]])
def test_wrong_arguments_say_so(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "phee.importers", *arguments], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "usage" in done.stderr


def test_a_wrong_mapping_is_an_error_at_the_start(tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.json"
    mapping.write_text('{"version": 1}')
    command = [sys.executable, "-m", "phee.importers", "search", "--data", str(tmp_path)]
    done = subprocess.run([*command, "--mapping", str(mapping)], capture_output=True, text=True)
    assert done.returncode == 1
    assert "mapping" in done.stderr
