"""What OpenSearch and Elasticsearch have in common: one small node, plain HTTP on loopback."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from real_components.cache import cache_folder
from real_components.component import Component, Ports
from real_components.java import find_java_home, install_java
from real_components.maven import fetch_libraries
from real_components.process import Launch

PORTS = range(9201, 9300)
"""The only ports the runner takes."""


class SearchComponent(Component):
    """The REST API on the port ``http``; a subclass says which runner starts it."""

    java: ClassVar[int]
    runner_library: ClassVar[str]
    runner_class: ClassVar[str]
    port_choice = PORTS
    ready_timeout_s = 120.0

    @property
    def _folder(self) -> str:
        return f"{self.name}-{self.version}"

    def install(self) -> None:
        install_java(self.java)
        fetch_libraries([self.runner_library], self._folder)

    def launch(self, folder: Path, ports: Ports, peers: Mapping[str, Ports]) -> Launch:  # noqa: ARG002
        return Launch(
            [
                os.fspath(find_java_home(self.java) / "bin" / "java"),
                *("-Xms512m", "-Xmx512m", "-cp", str(cache_folder() / self._folder / "*")),
                self.runner_class,
                *("-basePath", str(folder / "data"), "-numOfNode", "1", "-useLogger"),
                *("-clusterName", f"phee-{ports['http']}"),
                # the runner adds the number of the node (1) to its base port
                *("-baseHttpPort", str(ports["http"] - 1)),
            ]
        )

    def ready(self, ports: Ports) -> bool:
        """True when the node has a master and can hold shards."""
        port = ports["http"]
        address = f"http://127.0.0.1:{port}/_cluster/health?wait_for_status=yellow&timeout=1s"
        try:
            with urllib.request.urlopen(address, timeout=3) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
