"""What docs/workers.md shows works as it stands there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from phee.commands import Resource
from phee.engine import Engine
from phee.gateway.server import GatewayServer

PAGE = Path(__file__).parents[3] / "docs/workers.md"


@pytest.fixture
def page(gateway: GatewayServer) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "workers_page"}
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 4
    for block in blocks:
        code = block.replace("127.0.0.1:26500", f"127.0.0.1:{gateway.port}")
        exec(compile(code, str(PAGE), "exec", dont_inherit=True), names)
    return names


async def test_its_test_passes(page: dict[str, Any]) -> None:
    await page["test_block_funds"]()


async def test_its_worker_serves(
    page: dict[str, Any], engine: Engine, draw: Callable[..., Resource], client: Any, inbox: Any
) -> None:
    await client.deploy([draw("payment", "block-funds", "seen")])
    await inbox.open("seen")
    stop = asyncio.Event()
    serving = asyncio.ensure_future(page["main"](stop))
    await client.create_instance(
        "payment", {"transactionId": "t", "account": "100", "amount": "20.00"}
    )
    variables = (await inbox.next("seen")).variables
    assert variables["transferPrepareFailed"] is False
    stop.set()
    await serving
