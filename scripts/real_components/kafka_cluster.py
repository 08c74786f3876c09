"""Apache Kafka with three nodes, for tests in which one of them fails."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from real_components import process
from real_components.component import Ports
from real_components.kafka import (
    Kafka,
    broker_answers,
    broker_launch,
    format_storage,
    new_cluster_id,
    node_properties,
)
from real_components.operate import free_ports, install

NODES = (1, 2, 3)
HEAP_MB = 384
READY_TIMEOUT_S = 120.0


class KafkaCluster:
    """Three brokers that are controllers too, each a process of its own on free ports.

    Nodes are named by their numbers, 1 to 3. Topics may have three copies, and writes to a topic
    with ``min.insync.replicas=2`` survive the loss of one node.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports: Mapping[int, Ports] = {node: free_ports(Kafka()) for node in NODES}
        self._running: dict[int, process.Running] = {}

    @property
    def brokers(self) -> str:
        """Every broker, as clients take them."""
        return ",".join(f"127.0.0.1:{self._ports[node]['kafka']}" for node in NODES)

    def start(self) -> None:
        """Install if need be, start every node and return once all serve; raises ``Missing``."""
        install(Kafka())
        cluster = new_cluster_id()
        for node in NODES:
            folder = self._folder / str(node)
            folder.mkdir(parents=True)
            properties = folder / "server.properties"
            controllers = {one: ports["controller"] for one, ports in self._ports.items()}
            text = node_properties(folder / "data", node, self._ports[node], controllers)
            properties.write_text(text, encoding="utf-8")
            format_storage(properties, cluster)
        for node in NODES:
            self._launch(node)
        for node in NODES:
            self._wait(node)

    def start_node(self, node: int) -> None:
        """Start one node again, with its data."""
        self._launch(node)
        self._wait(node)

    def kill_node(self, node: int) -> None:
        """End one node at once, as a failing machine does."""
        process.kill(self._running.pop(node))

    def stop(self) -> None:
        """End every node that runs."""
        for running in self._running.values():
            process.kill(running)
        self._running.clear()

    def _launch(self, node: int) -> None:
        folder = self._folder / str(node)
        launch = broker_launch(folder / "server.properties", HEAP_MB)
        ports = self._ports[node]
        self._running[node] = process.launch(f"kafka-{node}", folder, launch, ports)

    def _wait(self, node: int) -> None:
        port = self._ports[node]["kafka"]
        process.wait_until_ready(
            self._running[node],
            self._folder / str(node),
            lambda: broker_answers(port),
            READY_TIMEOUT_S,
        )
