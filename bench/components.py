"""The real components that benches run against: started when first asked for, ended at the end."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[1]
for folder in ("tests/support", "scripts"):
    sys.path.insert(0, str(ROOT / folder))

from real_components import mariadb, process  # noqa: E402
from real_components.component import Component, Ports  # noqa: E402
from real_components.elasticsearch import Elasticsearch  # noqa: E402
from real_components.kafka import Kafka  # noqa: E402
from real_components.mariadb import MariaDb  # noqa: E402
from real_components.missing import Missing  # noqa: E402
from real_components.opensearch import OpenSearch  # noqa: E402
from real_components.operate import free_ports, start_component  # noqa: E402
from rich.console import Console  # noqa: E402

KINDS: Mapping[str, type[Component]] = {
    "kafka": Kafka,
    "mariadb": MariaDb,
    "opensearch": OpenSearch,
    "elasticsearch": Elasticsearch,
}


class Components:
    """Components on free ports of loopback, with nothing in them; what is missing is told once."""

    def __init__(self, console: Console, without: frozenset[str] = frozenset()) -> None:
        self._console = console
        self._folder = Path(tempfile.mkdtemp(prefix="phee-bench-"))
        self._running: dict[str, tuple[process.Running, Ports]] = {}
        self.skipped: dict[str, str] = dict.fromkeys(without, "left out by --without")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name in list(self._running):
            self.stop(name)
        shutil.rmtree(self._folder, ignore_errors=True)

    def line(self, name: str) -> str | None:
        """Return the line of configuration that leads to a component; None when it is missing."""
        ports = self._ports(name)
        if ports is None:
            return None
        if name == "kafka":
            return f"127.0.0.1:{ports['kafka']}"
        if name == "mariadb":
            return mariadb.address(self._folder / name, ports["mysql"])
        return f"http://127.0.0.1:{ports['http']}"

    def stop(self, name: str) -> None:
        """End a component by its process id, so that the next bench has the machine to itself."""
        if name in self._running:
            process.stop(self._running.pop(name)[0])

    def _ports(self, name: str) -> Ports | None:
        if name in self._running:
            return self._running[name][1]
        if name in self.skipped:
            return None
        component = KINDS[name]()
        try:
            ports = free_ports(component)
            folder = self._folder / name
            self._running[name] = start_component(component, folder, ports, {}), ports
        except Missing as missing:
            self.skipped[name] = str(missing)
            self._console.print(f"SKIPPED: no {name} can be had here: {missing}", style="red")
            return None
        return ports
