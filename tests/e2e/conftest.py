"""One hub with two banks and a scheme around it, for every test of this folder that wants it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator

import pytest
from running_world import TENANT_SETTINGS, World, world_of

from phee.cli.demo.rig import Rig


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    data = tmp_path_factory.mktemp("world") / "hub"
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PHEE_")]:
            patch.delenv(name)
        rig = Rig.on_free_ports(data)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="supervisor of the world")
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(rig.start(), loop).result(timeout=60)
        asyncio.run_coroutine_threadsafe(rig.make_world(TENANT_SETTINGS), loop).result(timeout=60)
        yield world_of(rig)
        assert not any(rig.supervisor.restarts().values()), "a process of the hub died"
    finally:
        asyncio.run_coroutine_threadsafe(rig.stop(), loop).result(timeout=60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
