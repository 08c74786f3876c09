"""``phee lag``: how far the readers of the log are behind, and how fresh the stores are."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from rich.console import Console, Group
from rich.live import Live

from phee.cli import render
from phee.cli.demo.freshness import read_freshness
from phee.cli.hub_api import HubApi
from phee.cli.settings import Settings, load_settings
from phee.cli.up import IMPORTERS

EVERY_S = 1.0


def run_lag(*, follow: bool, as_json: bool, http_port: int | None) -> None:
    """Show lag and freshness once, or every second until Ctrl-C.

    Raises:
        phee.errors.Unavailable: no hub runs there.
    """
    settings = load_settings(http_port=http_port)
    try:
        if as_json:
            _json_lines(settings, follow=follow)
        elif follow:
            with Live(_tables(_look(settings)), console=Console(), auto_refresh=False) as live:
                while True:
                    time.sleep(EVERY_S)
                    live.update(_tables(_look(settings)), refresh=True)
        else:
            Console().print(_tables(_look(settings)))
    except KeyboardInterrupt:
        pass


def _json_lines(settings: Settings, *, follow: bool) -> None:
    while True:
        sys.stdout.write(json.dumps(_look(settings)) + "\n")
        sys.stdout.flush()
        if not follow:
            return
        time.sleep(EVERY_S)


def _look(settings: Settings) -> dict[str, Any]:
    status = HubApi(settings.http_port).get("/api/v1/status")
    ports = [settings.port_of(kind) for kind in IMPORTERS]
    freshness, unreachable = [], []
    for kind, port in zip(IMPORTERS, ports, strict=True):
        try:
            found = read_freshness([port])
        except OSError:  # an importer that starts again; its lag says the rest
            unreachable.append(kind)
            continue
        freshness += [
            {"tenant": tenant, "store": store, "p50": p50, "p95": p95, "p99": p99}
            for tenant, store, (p50, p95, p99) in found
        ]
    return {
        "durablePosition": status["durablePosition"],
        "readers": status["consumers"],
        "freshness": sorted(freshness, key=lambda each: (each["tenant"], each["store"])),
        "unreachable": unreachable,
    }


def _tables(found: dict[str, Any]) -> Group:
    readers = [
        (
            reader["name"] + (" (paused)" if reader["paused"] else ""),
            f"{reader['acknowledgedPosition']:,}",
            f"{reader['lagRecords']:,}",
            f"{reader['lagSeconds']:.1f}",
        )
        for reader in found["readers"]
    ]
    fresh = [
        (each["tenant"], each["store"], each["p50"], each["p95"], each["p99"])
        for each in found["freshness"]
    ]
    columns = ("reader", ">acknowledged", ">records behind", ">seconds behind")
    parts: list[Any] = [
        render.table(f"Log at position {found['durablePosition']:,}", columns, readers),
        render.table("Commit to visible", ("tenant", "store", ">p50", ">p95", ">p99"), fresh),
    ]
    parts += [f"the {kind} importer does not answer" for kind in found["unreachable"]]
    return Group(*parts)
