"""Start a component in a folder, with the ports and the peers it is given, and wait for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from real_components import process
from real_components.cache import alone_in_cache
from real_components.component import Component, Ports


def install(component: Component) -> None:
    """Install ``component`` if need be, while nobody else does; raises ``Missing``."""
    with alone_in_cache():
        component.install()


def start_component(
    component: Component, folder: Path, ports: Ports, peers: Mapping[str, Ports]
) -> process.Running:
    """Install ``component`` if need be, start it on ``ports`` and return once it serves.

    ``folder`` holds its data, log and process record. ``peers`` are the ports of the components it
    may use. Raises ``Missing``.
    """
    install(component)
    folder.mkdir(parents=True, exist_ok=True)
    running = process.launch(component.name, folder, component.launch(folder, ports, peers), ports)
    process.wait_until_ready(
        running, folder, lambda: component.ready(ports), component.ready_timeout_s
    )
    return running


def free_ports(component: Component) -> Ports:
    """Return a free port for each port of ``component``."""
    return {name: process.free_port(component.port_choice) for name in component.ports}
