"""``phee status``: whether a hub is well, and where its readers are."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from phee.cli import render
from phee.cli.hub_api import HubApi
from phee.cli.settings import Settings, load_settings
from phee.cli.supervisor import health
from phee.cli.up import hub_ports

ANSWER_S_MAX = 5.0
"""A hub that is well says how it is at once."""


def run_status(*, as_json: bool, http_port: int | None) -> int:
    """Show health, positions and lag; return 0 only if every process is ready."""
    settings = load_settings(http_port=http_port)
    hub = HubApi(settings.http_port, timeout_s=ANSWER_S_MAX).get("/api/v1/status")
    processes = _processes(settings)
    ready = not any(processes.values())
    if as_json:
        render.show_json(hub | {"ready": ready, "processes": processes})
    else:
        _show(hub, processes)
    return 0 if ready else 1


def _processes(settings: Settings) -> dict[str, str | None]:
    return {name: health(port) for name, port in hub_ports(settings).items()}


def _show(hub: dict[str, Any], processes: dict[str, str | None]) -> None:
    console = Console()
    console.print(
        f"phee {hub['version']}, up {hub['uptimeS']:,.0f} s, tenants: "
        f"{', '.join(hub['tenants']) or 'none'}"
    )
    if hub["durablePosition"] is None:
        console.print(f"flows run on {hub['orchestrator']}", highlight=False)
    else:
        console.print(f"log at position {hub['durablePosition']:,}")
    if hub["intakeLimitedBy"]:
        console.print(f"new payments are slowed down: {hub['intakeLimitedBy']}", style="yellow")
    rows = [
        (name, Text("ready", "green") if reason is None else Text(reason, "red"))
        for name, reason in processes.items()
    ]
    console.print(render.table("Processes", ("process", "health"), rows))
    lag = [
        (each["name"], f"{each['acknowledgedPosition']:,}", f"{each['lagRecords']:,}")
        for each in hub["consumers"]
    ]
    columns = ("reader", ">acknowledged", ">records behind")
    console.print(render.table("Readers of the record log", columns, lag))
