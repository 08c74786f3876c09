"""``phee lag``: how far the readers of the log are behind, and how fresh the stores are."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import msgspec
from rich.console import Console, Group
from rich.live import Live

from phee.cli import render
from phee.cli.demo.freshness import read_freshness
from phee.cli.settings import Settings, load_settings
from phee.cli.up import IMPORTERS
from phee.cli.upkeep_place import status_of_hub
from phee.errors import Unavailable
from phee.stream.kafka import parse_kafka_address

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
    on_kafka = settings.stream.startswith("kafka://")
    status = _status(settings, may_be_away=on_kafka)
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
        "durablePosition": status.get("durablePosition"),
        "readers": status.get("consumers", []),
        "kafka": _kafka_lags(settings.stream) if on_kafka else [],
        "freshness": sorted(freshness, key=lambda each: (each["tenant"], each["store"])),
        "unreachable": unreachable,
    }


def _status(settings: Settings, *, may_be_away: bool) -> dict[str, Any]:
    """Ask the hub; on Kafka the importers' lag is known without it."""
    try:
        return status_of_hub(settings)
    except Unavailable:
        if may_be_away:
            return {}
        raise


def _kafka_lags(stream: str) -> list[dict[str, Any]]:
    from phee.stream.kafka.lag import importer_lags

    address = parse_kafka_address(stream)
    return [msgspec.to_builtins(lag) for kind in IMPORTERS for lag in importer_lags(address, kind)]


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
    parts: list[Any] = []
    if found["durablePosition"] is not None:
        title = f"Log at position {found['durablePosition']:,}"
        parts.append(render.table(title, columns, readers))
    if found["kafka"]:
        parts.append(_kafka_table(found["kafka"]))
    parts.append(
        render.table("Commit to visible", ("tenant", "store", ">p50", ">p95", ">p99"), fresh)
    )
    parts += [f"the {kind} importer does not answer" for kind in found["unreachable"]]
    return Group(*parts)


def _kafka_table(lags: list[dict[str, Any]]) -> Any:
    rows = [
        (
            lag["consumer"],
            f"{lag['topic']}/{lag['partition']}",
            f"{lag['committed']:,}",
            f"{lag['records']:,}",
            "" if lag["seconds"] is None else f"{lag['seconds']:.1f}",
        )
        for lag in lags
    ]
    columns = ("importer", "partition", ">committed", ">messages behind", ">seconds behind")
    return render.table("Importers on Kafka", columns, rows)
