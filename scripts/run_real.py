#!/usr/bin/env python3
"""Run the demo on the real engines: install them, start them, post payments, show what came out.

    scripts/run_real.py [--mix zeebe|engine|both] [--payments 200] [--search opensearch] [--stay]

``zeebe``: a Zeebe broker runs the flows and its own exporter writes to Kafka. ``engine``: phee's
engine runs them and phee's exporter writes to Kafka. In both, importers stream into MariaDB and a
search server, and Prometheus scrapes every process. Everything listens on free ports of loopback,
starts with nothing in it, and is ended by process id. The exit status is 0 only if every payment
ended as it must in every mix, and Prometheus saw every process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from real_components import mariadb, process, zeebe
from real_components.component import Component, Ports
from real_components.elasticsearch import Elasticsearch
from real_components.kafka import Kafka
from real_components.mariadb import MariaDb
from real_components.missing import Missing
from real_components.opensearch import OpenSearch
from real_components.operate import free_ports, start_component
from real_components.prometheus import Prometheus, Target, zeebe_target
from real_components.zeebe import Zeebe
from rich.console import Console

from phee.cli import render
from phee.cli.demo.rig import Rig
from phee.cli.demo.run import Demo
from phee.cli.demo.traffic import make_payments
from phee.cli.demo.world import Pace
from phee.cli.up import hub_ports

ROOT = Path(__file__).parent.parent
STATE = ROOT / ".services" / "real"
MIXES = {
    "zeebe": "Zeebe ─► its Kafka exporter ─► Kafka ─► MariaDB and {search}",
    "engine": "phee's engine ─► phee's exporter ─► Kafka ─► MariaDB and {search}",
}
SEARCH: Mapping[str, type[Component]] = {"opensearch": OpenSearch, "elasticsearch": Elasticsearch}
PACES = {"zeebe": Pace(patience=5, payments_per_s=4), "engine": Pace()}
"""A Zeebe that shares a small machine with all the others needs seconds for a payment."""
ZEEBE_COMMANDS_MAX = 200
TOPICS = {"zeebe": f"{zeebe.TOPIC}?epoch=1", "engine": "zeebe-export"}
SCRAPED_WITHIN_S = 30.0
SHOWN = {
    "rows written": 'sum(phee_importer_changes_total{store="relational"})',
    "records imported": "sum(phee_importer_records_total)",
    "commit to visible, p99 (s)": (
        "max(histogram_quantile(0.99, sum by (le, store) (phee_freshness_seconds_bucket)))"
    ),
    "memory of all processes (MB)": "sum(process_resident_memory_bytes) / 1e6",
}

console = Console()


class Engines:
    """The started components and their ports, by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports: dict[str, Ports] = {}
        self._running: list[process.Running] = []

    def start(self, component: Component) -> None:
        """Start ``component`` on free ports; raises ``Missing``."""
        ports = free_ports(component)
        started = time.monotonic()
        with console.status(f"starting {component.name} {component.version}"):
            running = start_component(component, self.folder / component.name, ports, self.ports)
        self._running.append(running)
        self.ports[component.name] = ports
        shown = ", ".join(f"{name} {port}" for name, port in ports.items())
        seconds = time.monotonic() - started
        console.print(f"{component.name} {component.version} ready in {seconds:.1f} s: {shown}")

    def stop(self) -> None:
        """End what was started, the last first."""
        for running in reversed(self._running):
            process.stop(running)


@contextmanager
def engines(mix: str, search: str) -> Iterator[Engines]:
    """Start what the mix needs, with nothing in it; end it afterwards."""
    folder = STATE / mix
    shutil.rmtree(folder, ignore_errors=True)
    found = Engines(folder)
    try:
        found.start(Kafka())
        if mix == "zeebe":
            found.start(Zeebe(commands_max=ZEEBE_COMMANDS_MAX))
        found.start(MariaDb())
        found.start(SEARCH[search]())
        yield found
    finally:
        found.stop()


def settings_of(mix: str, search: str, found: Engines) -> dict[str, str]:
    """Return the lines of configuration, one for each role."""
    ports = found.ports
    lines = {
        "PHEE_STREAM": f"kafka://127.0.0.1:{ports['kafka']['kafka']}/{TOPICS[mix]}",
        "PHEE_DATABASE": mariadb.address(found.folder / "mariadb", ports["mariadb"]["mysql"]),
        "PHEE_SEARCH": f"http://127.0.0.1:{ports[search]['http']}",
    }
    if mix == "zeebe":
        lines["PHEE_ORCHESTRATOR"] = f"zeebe://127.0.0.1:{ports['zeebe']['grpc']}?epoch=1"
    return lines


async def run_mix(mix: str, options: argparse.Namespace) -> int:
    """Run the demo on one mix of engines; return its exit status."""
    console.rule(f"[bold]{MIXES[mix].format(search=options.search)}")
    for name in [name for name in os.environ if name.startswith("PHEE_")]:
        del os.environ[name]
    with engines(mix, options.search) as found:
        lines = settings_of(mix, options.search, found)
        os.environ.update(lines)
        for name, value in lines.items():
            console.print(f"  {name}={value.split('?')[0]}", highlight=False)
        rig = Rig.on_free_ports(found.folder / "hub", PACES[mix])
        found.start(Prometheus(_targets(rig, found)))
        demo = Demo(rig, make_payments(options.payments, options.seed))
        prometheus = found.ports["prometheus"]["http"]
        return await demo.run(leave=not options.stay, afterwards=lambda: show_metrics(prometheus))


def _targets(rig: Rig, found: Engines) -> list[Target]:
    own = [Target(f"phee-{name}", port) for name, port in hub_ports(rig.settings).items()]
    return own + [zeebe_target(ports["management"]) for ports in _ports_of(found, "zeebe")]


def _ports_of(found: Engines, name: str) -> Sequence[Ports]:
    return [found.ports[name]] if name in found.ports else []


def show_metrics(port: int) -> list[str]:
    """Print what Prometheus saw; return what it did not see, as sentences."""
    deadline = time.monotonic() + SCRAPED_WITHIN_S
    while (unseen := _unseen(port)) and time.monotonic() < deadline:
        time.sleep(0.5)
    rows = [(what, _value(port, query)) for what, query in SHOWN.items()]
    seen = _ask(port, "query?query=up")["result"]
    rows.insert(0, ("processes scraped", f"{len(seen)}: " + ", ".join(sorted(map(_job, seen)))))
    console.print(render.table("Prometheus", ("what", "value"), rows))
    return [f"Prometheus does not reach {job}" for job in unseen]


def _unseen(port: int) -> list[str]:
    targets = _ask(port, "targets")["activeTargets"]
    if not targets:
        return ["anything"]
    return sorted(each["labels"]["job"] for each in targets if each["health"] != "up")


def _value(port: int, query: str) -> str:
    result = _ask(port, f"query?query={urllib.request.quote(query)}")["result"]
    return f"{float(result[0]['value'][1]):,.2f}" if result else "nothing yet"


def _job(sample: Mapping[str, Any]) -> str:
    return str(sample["metric"]["job"])


def _ask(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/{path}", timeout=5) as answer:
        return json.load(answer)["data"]


def main() -> int:
    """Run the chosen mixes; return 0 only if all is well in each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mix", choices=[*MIXES, "both"], default="both")
    parser.add_argument("--payments", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--search", choices=list(SEARCH), default="opensearch")
    parser.add_argument("--stay", action="store_true", help="leave the (one) mix running")
    options = parser.parse_args()
    mixes = list(MIXES) if options.mix == "both" else [options.mix]
    if options.stay and len(mixes) > 1:
        parser.error("--stay needs one mix: --mix zeebe or --mix engine")
    try:
        statuses = {mix: asyncio.run(run_mix(mix, options)) for mix in mixes}
    except Missing as missing:
        console.print(f"a real engine cannot be had here: {missing}", style="red")
        return 1
    console.rule("[bold]The mixes")
    for mix, status in statuses.items():
        console.print(f"  {mix:<8} {'all is well' if status == 0 else f'failed ({status})'}")
    return max(statuses.values())


if __name__ == "__main__":
    sys.exit(main())
