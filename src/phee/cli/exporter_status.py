"""``phee exporter status``: how far an exporter is, whether it runs or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import typer
from rich.console import Console

from phee.cli import render
from phee.exporter.kafka.control import Status
from phee.exporter.kafka.control import status as status_of


def run_status(data: Path, name: str, *, as_json: bool) -> int:
    """Print the status; return 0 if the exporter runs.

    Raises:
        phee.errors.NotFound: none of this name ever ran on this data directory.
    """
    found = status_of(data, name)
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(found)))
    else:
        Console().print(render.table(f"Exporter {name}", ("what", "value"), _rows(found)))
    return 0 if found.running else 1


def _rows(found: Status) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = [
        ("running", "yes" if found.running else "no"),
        ("paused", "yes" if found.paused else "no"),
        ("confirmed up to", f"{found.position:,}"),
        ("asked for, not done yet", ", ".join(found.waiting) or "nothing"),
    ]
    report = found.last_report
    if report is not None:
        rows += [
            ("looked at", render.moment(report.at_ms)),
            ("records behind", f"{report.lag_records:,}"),
            ("sent, not confirmed", f"{report.unconfirmed_records:,}"),
            ("connected to Kafka", "yes" if report.connected else "no"),
            ("trouble", report.trouble or "none"),
        ]
    return rows
