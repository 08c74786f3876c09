#!/usr/bin/env python3
"""Install, start and stop the real components for tests and benches, without containers.

    scripts/services.py install zeebe kafka
    scripts/services.py start zeebe kafka [--free-ports] [--port zeebe.grpc=26500] [--fresh]
    scripts/services.py status
    scripts/services.py stop

Programs go into a cache outside the checkout, data and logs into ``.services/`` of the checkout.
Everything listens on loopback only. ``status --json`` prints the ports for other programs.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from real_components import process
from real_components.component import Component, Ports
from real_components.elasticsearch import Elasticsearch
from real_components.kafka import Kafka
from real_components.mariadb import MariaDb
from real_components.missing import Missing
from real_components.opensearch import OpenSearch
from real_components.operate import free_ports, start_component
from real_components.zeebe import Zeebe

COMPONENTS: dict[str, Component] = {
    component.name: component
    for component in (Kafka(), Zeebe(), MariaDb(), OpenSearch(), Elasticsearch())
}
STATE = Path(__file__).parent.parent / ".services"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.run(_in_order(options.component), options)
    except Missing as missing:
        print(f"services: {missing}", file=sys.stderr)
        return 1
    return 0


def running() -> dict[str, process.Running]:
    """Return the components of this checkout that run, by name."""
    found = {name: process.recall(STATE / name) for name in COMPONENTS}
    return {name: one for name, one in found.items() if one}


def install(components: Sequence[Component], _options: argparse.Namespace) -> None:
    for component in components:
        component.install()
        print(f"{component.name} {component.version} installed")


def start(components: Sequence[Component], options: argparse.Namespace) -> None:
    given = dict(options.port)
    for component in components:
        _start_one(component, given, options)


def stop(components: Sequence[Component], _options: argparse.Namespace) -> None:
    alive = running()
    for component in reversed(components):
        if component.name in alive:
            process.stop(alive[component.name])
            print(f"{component.name} stopped")


def status(components: Sequence[Component], options: argparse.Namespace) -> None:
    alive = running()
    if options.json:
        print(json.dumps({name: {"pid": one.pid, **one.ports} for name, one in alive.items()}))
        return
    for component in components:
        one = alive.get(component.name)
        print(
            f"{component.name:<8} {f'pid {one.pid}, {_shown(one.ports)}' if one else 'not running'}"
        )


def _start_one(component: Component, given: Mapping[str, int], options: argparse.Namespace) -> None:
    alive = running()
    if component.name in alive:
        print(f"{component.name} runs already: {_shown(alive[component.name].ports)}")
        return
    folder = STATE / component.name
    if options.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    ports = _choose_ports(component, given, free=options.free_ports)
    start_component(component, folder, ports, {name: one.ports for name, one in alive.items()})
    print(f"{component.name} {component.version} ready: {_shown(ports)}")


def _choose_ports(component: Component, given: Mapping[str, int], *, free: bool) -> Ports:
    ports = free_ports(component) if free else component.ports
    return {name: given.get(f"{component.name}.{name}", port) for name, port in ports.items()}


def _shown(ports: Ports) -> str:
    return ", ".join(f"{name} {port}" for name, port in ports.items())


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
    for command in (install, start, stop, status):
        one = commands.add_parser(command.__name__)
        one.add_argument("component", nargs="*", choices=[*COMPONENTS, []], default=[])
        one.set_defaults(run=command)
        if command is start:
            one.add_argument("--free-ports", action="store_true", help="not the usual ports")
            one.add_argument("--port", action="append", type=_port, default=[], metavar="NAME=PORT")
            one.add_argument("--fresh", action="store_true", help="throw the old data away first")
        if command is status:
            one.add_argument("--json", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
