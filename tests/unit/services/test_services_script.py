"""``make services``: what it starts is there, and nothing of it is left."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_components import process
from real_components.missing import Missing
from real_components.prometheus import Target, program, write_targets

SCRIPT = Path(__file__).parents[3] / "scripts" / "services.py"
ALL = ("kafka", "zeebe", "mariadb", "opensearch", "elasticsearch", "prometheus")


class Script:
    """services.py over a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.environment = {**os.environ, "PHEE_SERVICES": str(folder)}

    def run(self, *arguments: str, timeout_s: float = 100) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(SCRIPT), *arguments],
            capture_output=True, text=True, env=self.environment, timeout=timeout_s, check=False,
        )  # fmt: skip

    def status(self) -> dict[str, dict[str, int]]:
        answer: dict[str, dict[str, int]] = json.loads(self.run("status", "--json").stdout)
        return answer


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Script]:
    one = Script(tmp_path / "services")
    yield one
    assert one.run("stop").returncode == 0


@pytest.fixture
def prometheus_program() -> str:
    try:
        return program("prometheus")
    except Missing as missing:
        pytest.skip(f"Prometheus cannot be had: {missing}")


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_component_is_started_once_shown_and_stopped(
    script: Script, prometheus_program: str
) -> None:
    started = script.run("start", "prometheus", "--free-ports")
    assert started.returncode == 0, started.stderr
    first = script.status()["prometheus"]
    assert is_open(first["http"])
    again = script.run("start", "prometheus", "--free-ports")
    assert "prometheus runs already" in again.stdout
    assert script.status()["prometheus"] == first
    assert f"http {first['http']}" in script.run("status").stdout
    assert script.run("stop", "prometheus").stdout == "prometheus stopped\n"
    assert script.status() == {}
    assert not is_open(first["http"])
    assert process.start_time(first["pid"]) is None
    assert script.run("stop").stdout == ""


def test_a_taken_port_is_named(script: Script, prometheus_program: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        started = script.run("start", "prometheus", "--port", f"prometheus.http={port}")
    assert started.returncode == 1
    assert f"port {port} is taken" in started.stderr
    assert script.status() == {}


def test_what_cannot_be_had_is_named_and_the_rest_starts(
    script: Script, prometheus_program: str, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "prometheus").symlink_to(prometheus_program)
    (tools / "promtool").symlink_to(program("promtool"))
    script.environment |= {"PATH": str(tools), "PHEE_SERVICES_CACHE": str(tmp_path / "empty")}
    started = script.run("start", "kafka", "prometheus", "--free-ports")
    assert started.returncode == 1
    assert started.stderr.startswith("kafka: ")
    assert set(script.status()) == {"prometheus"}


def test_prometheus_scrapes_what_it_is_told_while_it_runs(
    script: Script, prometheus_program: str, tmp_path: Path
) -> None:
    assert script.run("start", "prometheus", "--free-ports").returncode == 0
    port = script.status()["prometheus"]["http"]
    write_targets(tmp_path / "services" / "prometheus", [Target("itself", port)])
    query = urllib.parse.quote('up{job="itself"} == 1')
    address = f"http://127.0.0.1:{port}/api/v1/query?query={query}"

    def is_seen() -> bool:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(json.load(answer)["data"]["result"])

    folder = tmp_path / "services" / "prometheus"
    running = process.recall(folder)
    assert running is not None
    process.wait_until_ready(running, folder, is_seen, 60)


@pytest.mark.services
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_all_of_them_run_side_by_side_and_end(script: Script) -> None:
    started = script.run("start", "--free-ports", "--zeebe-records", "event", timeout_s=600)
    if started.returncode:
        pytest.skip(f"cannot be had here: {started.stderr}")
    running = script.status()
    assert set(running) == set(ALL)
    ports = [port for one in running.values() for name, port in one.items() if name != "pid"]
    assert all(is_open(port) for port in ports)
    assert script.run("stop", timeout_s=200).returncode == 0
    assert script.status() == {}
    assert [process.start_time(one["pid"]) for one in running.values()] == [None] * len(ALL)
    assert not any(is_open(port) for port in ports)
