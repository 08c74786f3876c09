"""Elasticsearch 7.10, the last freely licensed one; one node, plain HTTP on loopback."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from real_components.cache import cache_folder
from real_components.component import Component, Ports
from real_components.java import find_java_home, install_java
from real_components.maven import fetch_libraries
from real_components.process import Launch
from real_components.search_node import PORTS, answers, runner_arguments

VERSION = "7.10.2"
_JAVA = 17
_FOLDER = f"elasticsearch-{VERSION}"


class Elasticsearch(Component):
    """The REST API on the port ``http``."""

    name = "elasticsearch"
    version = VERSION
    ports: ClassVar[Ports] = {"http": 9211}
    port_choice = PORTS
    ready_timeout_s = 120.0

    def install(self) -> None:
        install_java(_JAVA)
        fetch_libraries([f"org.codelibs:elasticsearch-cluster-runner:{VERSION}.0"], _FOLDER)

    def launch(self, folder: Path, ports: Ports, peers: Mapping[str, Ports]) -> Launch:  # noqa: ARG002
        return Launch(
            [
                os.fspath(find_java_home(_JAVA) / "bin" / "java"),
                *("-Xms512m", "-Xmx512m", "-cp", str(cache_folder() / _FOLDER / "*")),
                "org.codelibs.elasticsearch.runner.ElasticsearchClusterRunner",
                *runner_arguments(folder, ports),
            ]
        )

    def ready(self, ports: Ports) -> bool:
        """True when the node can hold shards."""
        return answers(ports["http"])
