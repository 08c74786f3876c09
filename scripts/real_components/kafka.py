"""Apache Kafka, one node in KRaft mode (broker and controller in one process)."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from real_components.component import Component, Ports
from real_components.java import find_java_home
from real_components.maven import cache_folder, fetch_libraries
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
        find_java_home(_JAVA)
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
            _format(properties)
        return Launch(
            [*_java(), "-Xms256m", "-Xmx768m", "-cp", class_path(), "kafka.Kafka", str(properties)]
        )

    def ready(self, ports: Ports) -> bool:
        """True when the broker answers an ApiVersions request."""
        try:
            with socket.create_connection(("127.0.0.1", ports["kafka"]), timeout=1) as connection:
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


def _format(properties: Path) -> None:
    cluster = _storage_tool("random-uuid").split()[-1]
    _storage_tool("format", "-t", cluster, "-c", str(properties))


def _properties(data: Path, ports: Ports) -> str:
    kafka, controller = (f"127.0.0.1:{ports[name]}" for name in ("kafka", "controller"))
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller}",
        "listeners": f"PLAINTEXT://{kafka},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{kafka}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        "num.partitions": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
