"""``phee demo``: it pays, proves that all is well, and leaves a hub to play with until Ctrl-C."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import psutil
from running_hub import Command, Http, UpHub

PAYMENTS = 12


def test_the_demo_pays_and_leaves_the_hub_running(tmp_path: Path) -> None:
    ports = UpHub(tmp_path / "demo")
    process = ports.command.start("demo", "--payments", str(PAYMENTS), "--seed", "7")
    assert process.stdout is not None
    lines = []
    while not lines or "Ctrl-C ends it" not in lines[-1]:
        line = process.stdout.readline()
        assert line, (lines, process.communicate())
        lines.append(line)
    text = "".join(lines)
    assert f"All {PAYMENTS} payments ended as they must, in both stores" in text
    for title in ("Payments", "Transfers by tenant and status", "Ledgers", "Freshness"):
        assert title in text
    assert f"http://127.0.0.1:{ports.http_port}/schema" in text
    listed = json.loads(ports.command.good("transfers", "-t", "rhino", "--json"))
    elsewhere = Http(ports.http_port, "gorilla").read("/api/v1/transfers")
    assert listed["totalElements"] == elsewhere["totalElements"] == PAYMENTS
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) == 4
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert not any(child.is_running() for child in children)


def test_the_demo_ends_by_itself_and_never_reuses_data(tmp_path: Path) -> None:
    ports = UpHub(tmp_path / "demo")
    text = ports.command.good("demo", "--exit", "--payments", "3")
    assert "All 3 payments ended as they must" in text
    assert "Ctrl-C" not in text
    complaint = ports.command.bad("demo", "--exit", "--payments", "3")
    assert "fresh data directory" in complaint
    assert str(ports.data) in complaint


def test_the_demo_says_which_port_is_taken(tmp_path: Path) -> None:
    ports = UpHub(tmp_path / "demo")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = ports.command.settings | {"PHEE_HTTP_PORT": str(port)}
        assert f"port {port} is taken" in Command(settings).bad("demo", "--exit")
