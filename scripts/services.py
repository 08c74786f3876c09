#!/usr/bin/env python3
"""Install, start and stop the real components for tests and benches, without containers.

    scripts/services.py install zeebe kafka
    scripts/services.py start zeebe kafka [--free-ports] [--port zeebe.grpc=26500] [--fresh]
    scripts/services.py status
    scripts/services.py stop

No name means all of them. Programs go into a cache outside the checkout, data and logs into
``.services/`` of the checkout (``PHEE_SERVICES`` names another folder). Everything listens on
loopback only. ``status --json`` prints the ports for other programs. What cannot be had is named,
the others start all the same, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from real_components import operate, process
from real_components.component import Component, Ports
from real_components.elasticsearch import Elasticsearch
from real_components.kafka import Kafka
from real_components.mariadb import MariaDb
from real_components.missing import Missing
from real_components.opensearch import OpenSearch
from real_components.prometheus import Prometheus
from real_components.zeebe import KafkaExport, Zeebe

COMPONENTS: dict[str, Component] = {
    component.name: component
    for component in (
        Kafka(),
        Zeebe(),
        MariaDb(),
        OpenSearch(),
        Elasticsearch(),
        Prometheus(),
    )
}
STATE = Path(os.environ.get("PHEE_SERVICES", Path(__file__).parent.parent / ".services")).absolute()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    options = _parser().parse_args(arguments)
    missing = False
    for component in options.order(_in_order(options.component)):
        try:
            options.run(component, options)
        except Missing as reason:
            missing = True
            print(f"{component.name}: {reason}", file=sys.stderr, flush=True)
    if options.show:
        status(options.component or list(COMPONENTS), as_json=options.json)
    return int(missing)


def running() -> dict[str, process.Running]:
    """Return the components of this checkout that run, by name."""
    found = {name: process.recall(STATE / name) for name in COMPONENTS}
    return {name: one for name, one in found.items() if one}


def install(component: Component, _options: argparse.Namespace) -> None:
    operate.install(component)
    print(f"{component.name} {component.version} installed", flush=True)


def start(component: Component, options: argparse.Namespace) -> None:
    """Start a component unless it runs; raises ``Missing``."""
    alive = running()
    if component.name in alive:
        print(f"{component.name} runs already", flush=True)
        return
    if component.name == Zeebe.name:
        component = Zeebe(KafkaExport(options.zeebe_topic, tuple(options.zeebe_records.split(","))))
    folder = STATE / component.name
    if options.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    ports = _choose_ports(component, dict(options.port), free=options.free_ports)
    _require_free(component, ports)
    peers = {name: one.ports for name, one in alive.items()}
    operate.start_component(component, folder, ports, peers)
    print(f"{component.name} ready", flush=True)


def stop(component: Component, _options: argparse.Namespace) -> None:
    """End a component by its process id, if it runs."""
    one = running().get(component.name)
    if one is not None:
        process.stop(one)
        print(f"{component.name} stopped", flush=True)


def status(names: Sequence[str], *, as_json: bool) -> None:
    """Print what runs where, for people or (everything that runs) for programs."""
    alive = running()
    if as_json:
        print(json.dumps({name: {"pid": one.pid, **one.ports} for name, one in alive.items()}))
        return
    print(_row("component", "version", "pid", "on 127.0.0.1", "folder"))
    for name in names:
        one = alive.get(name)
        where = ", ".join(f"{key} {port}" for key, port in one.ports.items()) if one else "-"
        pid = str(one.pid) if one else "-"
        print(_row(name, COMPONENTS[name].version, pid, where, str(STATE / name) if one else "-"))


def _row(*cells: str) -> str:
    widths = (15, 16, 8, 78)
    padded = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=False))
    return "".join(padded) + cells[-1]


def _require_free(component: Component, ports: Ports) -> None:
    """Somebody else's server would look as if ours were ready."""
    for name, port in ports.items():
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                raise Missing(
                    f"port {port} is taken by another program; stop it, or choose others with"
                    f" --port {component.name}.{name}=NUMBER or --free-ports"
                )


def _choose_ports(component: Component, given: Mapping[str, int], *, free: bool) -> Ports:
    ports = operate.free_ports(component) if free else component.ports
    return {name: given.get(f"{component.name}.{name}", port) for name, port in ports.items()}


def _in_order(names: Sequence[str]) -> list[Component]:
    """Return the named components (all when none is named), each after those it builds on."""
    chosen = {name: COMPONENTS[name] for name in names or COMPONENTS}
    ordered: dict[str, Component] = {}

    def add(component: Component) -> None:
        for earlier in component.start_after:
            if earlier in chosen:
                add(chosen[earlier])
        ordered[component.name] = component

    for component in chosen.values():
        add(component)
    return list(ordered.values())


def _port(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    known = {f"{one.name}.{port}" for one in COMPONENTS.values() for port in one.ports}
    if name not in known or not number.isdigit():
        raise argparse.ArgumentTypeError(
            f"expected NAME=NUMBER, NAME of {', '.join(sorted(known))}"
        )
    return name, int(number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="install|start|stop|status")
    for name, run in (("install", install), ("start", start), ("stop", stop), ("status", None)):
        one = commands.add_parser(name)
        one.add_argument("component", nargs="*", choices=[*COMPONENTS, []], default=[])
        one.set_defaults(
            run=run,
            order=reversed if run is stop else list if run else _none,
            show=run in (start, None),
            json=False,
        )
        if run is start:
            _add_start_options(one)
        if run is None:
            one.add_argument("--json", action="store_true", help="pid and ports, for programs")
    return parser


def _none(_components: Sequence[Component]) -> Sequence[Component]:
    return ()


def _add_start_options(parser: argparse.ArgumentParser) -> None:
    usual = KafkaExport()
    parser.add_argument("--free-ports", action="store_true", help="not the usual ports")
    parser.add_argument("--port", action="append", type=_port, default=[], metavar="NAME=PORT")
    parser.add_argument("--fresh", action="store_true", help="throw the old data away first")
    parser.add_argument("--zeebe-topic", default=usual.topic, help="where Zeebe exports to")
    parser.add_argument(
        "--zeebe-records",
        default=",".join(usual.record_types),
        help="what it exports; importers need event alone (default: %(default)s)",
    )


if __name__ == "__main__":
    sys.exit(main())
