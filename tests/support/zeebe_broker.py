"""A real Zeebe for tests: the one that PHEE_TEST_ZEEBE names, else one started for the run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from real_components import process
from real_components.missing import Missing
from real_components.operate import free_ports, start_component
from real_components.zeebe import Zeebe

SWITCH = "PHEE_TEST_ZEEBE"
"""``host:port`` of a gateway, or 0 to leave out what needs one."""


@contextmanager
def zeebe_gateway(folder: Path) -> Iterator[str]:
    """The gateway of a real Zeebe; skips, saying so, when there can be none."""
    named = os.environ.get(SWITCH, "")
    if ":" in named:
        yield named
        return
    if named == "0":
        pytest.skip(f"{SWITCH}=0 leaves out what needs a real Zeebe")
    try:
        running = start_component(Zeebe(), folder, free_ports(Zeebe()), {})
    except Missing as missing:
        pytest.skip(f"Zeebe cannot be had: {missing}")
    try:
        yield f"127.0.0.1:{running.ports['grpc']}"
    finally:
        process.stop(running)
