"""A real Zeebe for tests: the one that PHEE_TEST_ZEEBE names, else one started for the run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from real_components import process
from real_components.operate import free_ports, start_component
from real_components.zeebe import Zeebe
from started_component import started

SWITCH = "PHEE_TEST_ZEEBE"
"""``host:port`` of a gateway, or 0 to leave out what needs one."""


class Broker:
    """A broker that may be killed and started again with its data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = dict(free_ports(Zeebe()))
        self._running: process.Running | None = None

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self._ports['grpc']}"

    def start(self) -> None:
        """Start it, and return once it serves; raises ``Missing``."""
        self._running = start_component(Zeebe(), self._folder, self._ports, {})

    def kill(self) -> None:
        assert self._running is not None
        process.kill(self._running)

    def stop(self) -> None:
        if self._running is not None:
            process.stop(self._running)


@contextmanager
def zeebe_broker(folder: Path) -> Iterator[Broker | str]:
    """A broker of our own, or host:port of another's; skips, saying so, without any."""
    named = os.environ.get(SWITCH, "")
    if ":" in named:
        yield named
        return
    if named == "0":
        pytest.skip(f"{SWITCH}=0 leaves out what needs a real Zeebe")
    broker = Broker(folder)
    with started(broker, broker.stop, "Zeebe cannot be had"):
        yield broker
