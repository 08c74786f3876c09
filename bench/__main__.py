"""``make bench``: every figure that the project states, on this machine, as a table and as JSON.

    python -m bench [--quick] [--without-zeebe] [--output FILE]

Each bench runs as a process of its own, one after the other, so that none disturbs the next.
Absolute figures swing by a third from one machine to the next: compare within one run only.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from phee.cli.demo.rig import Rig
from phee.cli.render import table
from phee.cli.supervisor import health
from phee.cli.up import environment_of

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "bench/results/latest.local.json"
HUB_START_S_MAX = 60.0


def run(module: str, *arguments: str) -> dict[str, Any]:
    """Run a bench module; return the JSON it prints."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        timeout=900,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def through_grpc(*, seconds: float, rounds: int, with_zeebe: bool) -> dict[str, Any]:
    """One-task instances through the gateway of a running hub, beside a real Zeebe."""
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig.on_free_ports(Path(folder) / "hub")
        settings = rig.settings
        environment = environment_of(settings)
        hub = subprocess.Popen([sys.executable, "-m", "phee.cli.main", "up"], env=environment)
        try:
            _wait_ready(settings.http_port)
            arguments = [f"phee={settings.grpc_target}", "--seconds", str(seconds)]
            arguments += ["--rounds", str(rounds)]
            if with_zeebe:
                arguments.append("--start-zeebe")
            return run("bench.zeebe_peer", *arguments)
        finally:
            hub.terminate()
            hub.wait()


def _wait_ready(port: int) -> None:
    deadline = time.monotonic() + HUB_START_S_MAX
    while (reason := health(port)) is not None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the hub is not ready: {reason}")
        time.sleep(0.1)


def machine() -> dict[str, Any]:
    """Return what this was measured on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def rows_of(results: dict[str, Any]) -> list[tuple[str, Any, str]]:
    """Return (what, how much, aim) rows for the table."""
    payments, engine = results["payments"], results["engine"]
    visible = payments["accepted_to_visible_ms"]
    rows: list[tuple[str, Any, str]] = [
        ("completed payments/s, everything on", payments["payments_per_s"], ">= 150"),
        ("payment p50 / p99", _pair(payments["payment_ms"]), ""),
        ("accepted to visible in SQL, p50 / p99", _pair(visible["relational"]), "p99 < 1,000 ms"),
        ("accepted to visible in search, p50 / p99", _pair(visible["search"]), "p99 < 1,000 ms"),
        ("peak memory, hub and importers", f"{payments['peak_mb_hub_and_importers']} MB", "< 400"),
        *(
            (f"  peak memory, {name}", f"{value} MB", "")
            for name, value in payments["peak_mb"].items()
        ),
        *(
            (f"  CPU a payment, {name}", f"{value} ms", "")
            for name, value in payments["cpu_ms_per_payment"].items()
        ),
        ("records a payment", payments["records_per_payment"], ""),
        ("one-task instances/s, in process", engine["instances_per_s"], ">= 1,500"),
    ]
    for line, figures in results["search"].items():
        fresh = f"{figures['freshness_p50_ms']} / {figures['freshness_p99_ms']} ms"
        rows.append((f"documents/s into search, {line}", figures["documents_per_s"], ">= 10,000"))
        rows.append((f"  written to found at 100/s, p50 / p99, {line}", fresh, "p99 < 250 ms"))
    for name, figures in results["grpc"]["gateways"].items():
        latency = f"{figures['create_to_job_p50_ms']} / {figures['create_to_job_p99_ms']} ms"
        rows.append((f"one-task instances/s over gRPC, {name}", figures["per_second"], ""))
        rows.append((f"  create to job p50 / p99, {name}", latency, ""))
    for name, ratios in results["grpc"]["ratio"].items():
        rows.append((f"  ratio {name}, by round", ", ".join(map(str, ratios)), ""))
    return rows


def _pair(figures: dict[str, Any]) -> str:
    return f"{figures['p50']} / {figures['p99']} ms"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run every bench, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter runs, rougher figures")
    parser.add_argument("--without-zeebe", action="store_true", help="start no real Zeebe")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    seconds = 8 if options.quick else 30
    console = Console()
    results: dict[str, Any] = {"machine": machine()}
    with console.status("payments on a whole hub"):
        results["payments"] = run("bench.payments", "--seconds", str(seconds))
    with console.status("one-task instances in process"):
        results["engine"] = run("bench.engine", "--seconds", str(seconds / 2))
    with console.status("documents into search stores (SQLite, and servers that run)"):
        count = "5000" if options.quick else "20000"
        results["search"] = run("bench.search", "--documents", count, "--runs", "3")
    with console.status("one-task instances over gRPC, in turn with a real Zeebe"):
        results["grpc"] = _grpc(console, seconds=seconds / 3, with_zeebe=not options.without_zeebe)
    console.print(table("phee on this machine", ("what", ">measured", ">aim"), rows_of(results)))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(results, indent=2) + "\n")
    console.print(f"written to {options.output}", highlight=False)


def _grpc(console: Console, *, seconds: float, with_zeebe: bool) -> dict[str, Any]:
    rounds = 3
    if with_zeebe:
        try:
            return through_grpc(seconds=seconds, rounds=rounds, with_zeebe=True)
        except subprocess.CalledProcessError:
            console.print("SKIPPED: no real Zeebe can be had here; see the text above", style="red")
    return through_grpc(seconds=seconds, rounds=rounds, with_zeebe=False)


if __name__ == "__main__":
    main()
