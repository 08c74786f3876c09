"""A component as a process of its own: start, know again, stop.

Invariant: only a process whose id *and* start time match the recorded ones is ever signalled, so a
reused process id is left alone. The record survives the starter: ``status`` and ``stop`` work from
another terminal.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from real_components.missing import Missing

_POLL_S = 0.1
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}
_GIVEN: set[int] = set()
"""Ports that were given as free, and may not be listened on yet."""


@dataclass(frozen=True)
class Launch:
    """What to run."""

    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Running:
    """A started component: its process and the ports it listens on (loopback)."""

    name: str
    pid: int
    started: str
    ports: Mapping[str, int]

    @property
    def alive(self) -> bool:
        """True while that very process runs."""
        return start_time(self.pid) == self.started


def start_time(pid: int) -> str | None:
    """Return when process ``pid`` started (in the kernel's ticks), None when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


def free_port(choice: range) -> int:
    """Return a TCP port of ``choice`` nobody uses at the moment, not the same at every call.

    Raises:
        Missing: all of them are taken.
    """
    for port in sorted(random.sample(choice, len(choice)), key=_GIVEN.__contains__):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _GIVEN.add(port)
            return port
    raise Missing(f"every port of {choice} is taken; end what uses them")


def launch(name: str, folder: Path, plan: Launch, ports: Mapping[str, int]) -> Running:
    """Start ``plan`` with its output in ``folder``/log and remember it in ``folder``."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            plan.argv,
            env={**os.environ, **plan.environment},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _CHILDREN[process.pid] = process
    running = Running(name, process.pid, start_time(process.pid) or "", dict(ports))
    (folder / "running.json").write_text(json.dumps(asdict(running)), encoding="utf-8")
    return running


def recall(folder: Path) -> Running | None:
    """Return what :func:`launch` remembered in ``folder``, if it still runs."""
    try:
        running = Running(**json.loads((folder / "running.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    return running if running.alive else None


def wait_until_ready(
    running: Running, folder: Path, ready: Callable[[], bool], timeout_s: float
) -> None:
    """Return once ``ready()`` is true.

    Raises:
        Missing: the process ended, or was not ready in time (it is stopped then).
    """
    deadline = time.monotonic() + timeout_s
    while not ready():
        if not _still_runs(running):
            raise Missing(f"{running.name} ended while starting:\n{_log_end(folder)}")
        if time.monotonic() > deadline:
            stop(running)
            raise Missing(f"{running.name} not ready after {timeout_s:g} s:\n{_log_end(folder)}")
        time.sleep(_POLL_S)


def stop(running: Running, *, timeout_s: float = 20) -> None:
    """End the process: politely first, then for good."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if not _still_runs(running):
            return
        os.kill(running.pid, sign)
        deadline = time.monotonic() + timeout_s
        while _still_runs(running) and time.monotonic() < deadline:
            time.sleep(_POLL_S)


def kill(running: Running) -> None:
    """End the process at once, as a failing machine does."""
    if _still_runs(running):
        os.kill(running.pid, signal.SIGKILL)
    while _still_runs(running):
        time.sleep(_POLL_S / 10)


def _still_runs(running: Running) -> bool:
    """Like ``alive``; also reaps the process when it is our own child."""
    child = _CHILDREN.get(running.pid)
    if child is None:
        return running.alive
    if child.poll() is None:
        return True
    del _CHILDREN[running.pid]
    return False


def _log_end(folder: Path) -> str:
    return (folder / "log").read_text(encoding="utf-8", errors="replace")[-2000:]
