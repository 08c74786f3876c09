"""Ledgers and schemes to test, in this event loop and in processes of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from phee.simulators import SimulatorConfig, Simulators


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def simulators(tmp_path: Path) -> AsyncIterator[Simulators]:
    async with Simulators(SimulatorConfig(data=tmp_path, late_ms=300)) as running:
        yield running
