"""An OpenSearch node for tests, that may be killed and started again with its data."""

from __future__ import annotations

from pathlib import Path

from real_components import process
from real_components.opensearch import OpenSearch
from real_components.operate import start_component
from real_components.search_node import PORTS


class SearchNode:
    """One node in a folder of its own, always on the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {"http": process.free_port(PORTS)}
        self._running: process.Running | None = None

    @property
    def port(self) -> int:
        return self._ports["http"]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_running(self) -> bool:
        return self._running is not None and self._running.alive

    def start(self) -> None:
        self._running = start_component(OpenSearch(), self._folder, self._ports, {})

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        assert self._running is not None
        process.kill(self._running)

    def close(self) -> None:
        if self._running is not None:
            process.kill(self._running)
