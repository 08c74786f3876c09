"""Zeebe: broker and gateway in one process, one partition; exports to Kafka when that runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from real_components.cache import cache_folder
from real_components.component import Component, Ports
from real_components.java import find_java_home, install_java
from real_components.maven import fetch_artifact
from real_components.process import Launch

VERSION = "8.5.8"
EXPORTER_VERSION = "3.1.1"
TOPIC = "zeebe-export"
_JAVA = 21
_FOLDER = f"zeebe-{VERSION}"
_EXPORTER_FOLDER = f"zeebe-kafka-exporter-{EXPORTER_VERSION}"


@dataclass(frozen=True)
class KafkaExport:
    """What Zeebe's own exporter writes to Kafka when that runs.

    Importers need events alone; comparing engines needs commands and rejections too, which makes
    the topic half as large again.
    """

    topic: str = TOPIC
    record_types: tuple[str, ...] = ("command", "event", "rejection")


class Zeebe(Component):
    """The gateway on the port ``grpc``; readiness and metrics on ``management``."""

    name = "zeebe"
    version = VERSION
    ports: ClassVar[Ports] = {
        "grpc": 26500, "command": 26501, "internal": 26502, "management": 9600, "rest": 26503,
    }  # fmt: skip
    start_after = ("kafka",)
    ready_timeout_s = 300.0

    def __init__(
        self, export: KafkaExport = KafkaExport(), *, commands_max: int | None = None
    ) -> None:
        """Take ``commands_max`` for the commands under way, instead of what Zeebe finds out.

        It finds out by how long they take, and refuses nearly all on a machine that is busy with
        other things.
        """
        self._export = export
        self._commands_max = commands_max

    def install(self) -> None:
        install_java(_JAVA)
        archive = fetch_artifact(f"io.camunda:camunda-zeebe:{VERSION}:tar.gz", _FOLDER)
        _unpack(next(archive.glob("*.tar.gz")), _program())
        fetch_artifact(
            f"io.zeebe:zeebe-kafka-exporter:{EXPORTER_VERSION}:jar:jar-with-dependencies",
            _EXPORTER_FOLDER,
        )

    def launch(self, folder: Path, ports: Ports, peers: Mapping[str, Ports]) -> Launch:
        environment = {
            "JAVA_HOME": os.fspath(find_java_home(_JAVA)),
            "JAVA_OPTS": "-Xms1g -Xmx2g",
            "SERVER_PORT": str(ports["rest"]),
            "MANAGEMENT_SERVER_PORT": str(ports["management"]),
            "MANAGEMENT_SERVER_ADDRESS": "127.0.0.1",
            "SERVER_ADDRESS": "127.0.0.1",
            **{f"ZEEBE_BROKER_{key}": value for key, value in _broker(folder, ports).items()},
        }
        if self._commands_max is not None:
            environment |= {
                "ZEEBE_BROKER_BACKPRESSURE_ALGORITHM": "fixed",
                "ZEEBE_BROKER_BACKPRESSURE_FIXED_LIMIT": str(self._commands_max),
            }
        if "kafka" in peers:
            bootstrap = f"127.0.0.1:{peers['kafka']['kafka']}"
            jar = next((cache_folder() / _EXPORTER_FOLDER).glob("*.jar"))
            exporter = exporter_settings(bootstrap, self._export, jar).items()
            environment |= {f"ZEEBE_BROKER_EXPORTERS_KAFKA_{key}": value for key, value in exporter}
        return Launch([os.fspath(_program() / "bin" / "broker")], environment)

    def ready(self, ports: Ports) -> bool:
        """True when the broker says it is ready and its gateway knows who leads the partition.

        The second comes up to a second later; commands before that are refused.
        """
        return _broker_ready(ports["management"]) and _gateway_knows_leader(ports["grpc"])


def _broker_ready(port: int) -> bool:
    try:
        address = f"http://127.0.0.1:{port}/actuator/health/readiness"
        with urllib.request.urlopen(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _gateway_knows_leader(port: int) -> bool:
    command = [os.fspath(_program() / "bin" / "zbctl"), "status", "--insecure"]
    status = subprocess.run(
        [*command, "--address", f"127.0.0.1:{port}"], capture_output=True, text=True, check=False
    )
    return "Leader, Healthy" in status.stdout


def _program() -> Path:
    return cache_folder() / f"{_FOLDER}-program"


def _unpack(archive: Path, target: Path) -> None:
    if target.is_dir():
        return
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(partial, filter="data")
        next(partial.iterdir()).rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _broker(folder: Path, ports: Ports) -> dict[str, str]:
    return {
        "NETWORK_HOST": "127.0.0.1",
        "NETWORK_COMMANDAPI_PORT": str(ports["command"]),
        "NETWORK_INTERNALAPI_PORT": str(ports["internal"]),
        "GATEWAY_ENABLE": "true",
        "GATEWAY_NETWORK_HOST": "127.0.0.1",
        "GATEWAY_NETWORK_PORT": str(ports["grpc"]),
        "CLUSTER_PARTITIONSCOUNT": "1",
        "EXECUTIONMETRICSEXPORTERENABLED": "true",
        "THREADS_CPUTHREADCOUNT": "2",
        "THREADS_IOTHREADCOUNT": "2",
        "DATA_DIRECTORY": str(folder / "data"),
    }


def exporter_settings(bootstrap: str, export: KafkaExport, jar: Path) -> dict[str, str]:
    """Return the Kafka exporter's settings; without the batch size in CONFIG it exports nothing.

    Its own default for ``batch.size`` is a long where Kafka wants an int; it logs that and goes on.
    """
    return {
        "CLASSNAME": "io.zeebe.exporters.kafka.KafkaExporter",
        "JARPATH": str(jar),
        "ARGS_PRODUCER_SERVERS": bootstrap,
        "ARGS_PRODUCER_CONFIG": "batch.size=524288",
        "ARGS_RECORDS_DEFAULTS_TYPE": ",".join(export.record_types),
        "ARGS_RECORDS_DEFAULTS_TOPIC": export.topic,
        "ARGS_MAXBATCHSIZE": "1000",
        "ARGS_FLUSHINTERVALMS": "200",
    }
