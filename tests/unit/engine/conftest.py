"""An engine on a fresh directory, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from phee.engine import Engine


class Clock:
    """Time in ms since 1970 that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def engine(tmp_path: Path, clock: Clock) -> AsyncIterator[Engine]:
    engine = Engine.open(tmp_path, clock=clock)
    await engine.start()
    yield engine
    await engine.close()
