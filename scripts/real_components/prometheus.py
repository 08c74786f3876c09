"""Prometheus, with the rules of ``deploy/prometheus`` and targets that may change while it runs.

What it scrapes stands in ``targets.json`` of its folder (:func:`write_targets`), which it reads
again by itself, within seconds. Without the system's package installed, the program is unpacked
from it into the cache; then its API works, and its own web pages do not.
"""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from real_components.component import Component, Ports
from real_components.packages import find_program, unpack_package
from real_components.process import Launch

_PACKAGE = "prometheus"
_RULES = Path(__file__).parents[2] / "deploy" / "prometheus"
_TARGETS = "targets.json"


@dataclass(frozen=True)
class Target:
    """One process to scrape: the job it belongs to (as in deploy/prometheus), and where it is."""

    job: str
    port: int
    metrics_path: str = "/metrics"


HUB = (
    Target("phee-hub", 8080),
    Target("phee-importer-relational", 8081),
    Target("phee-importer-search", 8082),
    Target("phee-exporter", 8083),
)
"""The processes of a hub on its usual ports."""


class Prometheus(Component):
    """The API on the port ``http``. Scrapes ``targets``, and Zeebe when that runs."""

    name = "prometheus"
    version = "(the system's)"
    ports: ClassVar[Ports] = {"http": 9090}
    start_after = ("zeebe",)

    def __init__(self, targets: Sequence[Target] = HUB) -> None:
        self._targets = targets

    def install(self) -> None:
        """Use the system's program, or unpack its package."""
        for name in ("prometheus", "promtool"):
            program(name)

    def launch(self, folder: Path, ports: Ports, peers: Mapping[str, Ports]) -> Launch:
        write_targets(folder, [*self._targets, *_zeebe(peers)])
        config = folder / "prometheus.yml"
        config.write_text(json.dumps(_config(folder), indent=1), encoding="utf-8")
        return Launch(
            [
                program("prometheus"),
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--storage.tsdb.retention.time=1d",
                f"--web.listen-address=127.0.0.1:{ports['http']}",
            ]
        )

    def ready(self, ports: Ports) -> bool:
        """True when it says that it is."""
        try:
            address = f"http://127.0.0.1:{ports['http']}/-/ready"
            with urllib.request.urlopen(address, timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def program(name: str) -> str:
    """Return the path of ``prometheus`` or ``promtool``; raises ``Missing``."""
    found = find_program(name)
    return found or os.fspath(unpack_package(_PACKAGE) / "usr" / "bin" / name)


def write_targets(folder: Path, targets: Sequence[Target]) -> None:
    """Say what the Prometheus of ``folder`` is to scrape from now on."""
    entries = [
        {
            "targets": [f"127.0.0.1:{target.port}"],
            "labels": {"job": target.job, "__metrics_path__": target.metrics_path},
        }
        for target in targets
    ]
    partial = folder / f"{_TARGETS}.partial"
    partial.write_text(json.dumps(entries, indent=1), encoding="utf-8")
    partial.replace(folder / _TARGETS)


def zeebe_target(management_port: int) -> Target:
    """Return where a Zeebe shows its metrics."""
    return Target("zeebe", management_port, "/actuator/prometheus")


def _zeebe(peers: Mapping[str, Ports]) -> list[Target]:
    return [zeebe_target(peers["zeebe"]["management"])] if "zeebe" in peers else []


def _config(folder: Path) -> dict[str, object]:
    """The settings, in JSON (which is YAML); a second between scrapes, so short runs are seen."""
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "5s"},
        "rule_files": [os.fspath(path) for path in (_RULES / "rules.yml", _RULES / "alerts.yml")],
        "scrape_configs": [
            {
                "job_name": "phee",
                "file_sd_configs": [
                    {"files": [os.fspath(folder / _TARGETS)], "refresh_interval": "5s"}
                ],
            }
        ],
    }
