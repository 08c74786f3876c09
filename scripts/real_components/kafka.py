"""Apache Kafka, one node in KRaft mode (broker and controller in one process)."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from real_components.cache import cache_folder
from real_components.component import Component, Ports
from real_components.java import find_java_home, install_java
from real_components.maven import fetch_libraries
from real_components.missing import Missing
from real_components.process import Launch

VERSION = "4.1.1"
_JAVA = 17
_FOLDER = f"kafka-{VERSION}"
_API_VERSIONS = struct.pack(">hhih", 18, 0, 7, -1)  # ApiVersions v0, correlation id 7, no client id


class Kafka(Component):
    """The broker on the port ``kafka``; ``controller`` is its own affair."""

    name = "kafka"
    version = VERSION
    ports: ClassVar[Ports] = {"kafka": 9092, "controller": 9093}

    def install(self) -> None:
        install_java(_JAVA)
        fetch_libraries(
            [
                f"org.apache.kafka:kafka_2.13:{VERSION}",
                f"org.apache.kafka:kafka-tools:{VERSION}",
                "org.slf4j:slf4j-simple:1.7.36",
            ],
            _FOLDER,
        )

    def launch(self, folder: Path, ports: Ports, peers: Mapping[str, Ports]) -> Launch:  # noqa: ARG002
        properties = folder / "server.properties"
        properties.write_text(_properties(folder / "data", ports), encoding="utf-8")
        if not (folder / "data" / "meta.properties").exists():
            format_storage(properties, new_cluster_id())
        return broker_launch(properties)

    def ready(self, ports: Ports) -> bool:
        """True when the broker answers an ApiVersions request."""
        return broker_answers(ports["kafka"])


def broker_launch(properties: Path, heap_mb: int = 768) -> Launch:
    """Return what to run for the node of ``properties``."""
    heap = [f"-Xms{heap_mb // 3}m", f"-Xmx{heap_mb}m"]
    return Launch([*_java(), *heap, "-cp", class_path(), "kafka.Kafka", str(properties)])


def broker_answers(port: int) -> bool:
    """Whether a broker on this port answers an ApiVersions request."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(struct.pack(">i", len(_API_VERSIONS)) + _API_VERSIONS)
            answer = connection.recv(10)
    except OSError:
        return False
    return len(answer) == 10 and struct.unpack(">iih", answer)[1:] == (7, 0)


def class_path() -> str:
    """Return the class path of Kafka's programs (server and tools)."""
    return str(cache_folder() / _FOLDER / "*")


def consumer_command(bootstrap: str, topic: str) -> list[str]:
    """Return the command that prints a topic from its beginning, one value a line, for ever."""
    return [
        *_java(), "-Xmx128m", "-cp", class_path(),
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
        "--bootstrap-server", bootstrap, "--topic", topic, "--from-beginning",
        "--isolation-level", "read_committed",
    ]  # fmt: skip


def _java() -> list[str]:
    return [os.fspath(find_java_home(_JAVA) / "bin" / "java")]


def _storage_tool(*arguments: str) -> str:
    command = [*_java(), "-cp", class_path(), "kafka.tools.StorageTool", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise Missing(f"Kafka could not prepare its data folder:\n{run.stdout}{run.stderr}")
    return run.stdout


def new_cluster_id() -> str:
    """Return an id that the nodes of one cluster share."""
    return _storage_tool("random-uuid").split()[-1]


def format_storage(properties: Path, cluster: str) -> None:
    """Make the data folder of a node that is to be of ``cluster``."""
    _storage_tool("format", "-t", cluster, "-c", str(properties))


def _properties(data: Path, ports: Ports) -> str:
    return node_properties(data, 1, ports, {1: ports["controller"]})


def node_properties(data: Path, node: int, ports: Ports, controllers: Mapping[int, int]) -> str:
    """Return the settings of one node; ``controllers`` are the controller ports by node."""
    kafka, controller = (f"127.0.0.1:{ports[name]}" for name in ("kafka", "controller"))
    copies = str(min(len(controllers), 3))
    in_sync = str(max(len(controllers) // 2 + 1, 1) if len(controllers) > 1 else 1)
    voters = ",".join(f"{number}@127.0.0.1:{port}" for number, port in controllers.items())
    settings = {
        "process.roles": "broker,controller",
        "node.id": str(node),
        "controller.quorum.voters": voters,
        "listeners": f"PLAINTEXT://{kafka},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{kafka}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        "num.partitions": "1",
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
