"""``make bench-data``: the speed of the data side on this machine, as a table and as JSON.

    python -m bench.data [--records N] [--runs 5] [--only PART ...] [--without COMPONENT ...]

The parts: ``project`` (records to changes), ``store`` (rows into SQLite and MariaDB, beside one
transaction for each record), ``documents`` (FTS5, OpenSearch, Elasticsearch), ``drain`` (a backlog
of ``--records`` in Kafka into both stores), ``freshness`` (100 payments/s offered), ``hub`` (whole
payments as fast as they go). Figures are medians of ``--runs``. Real components are started and
ended; what cannot be had is named and left out. Compare within one run only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.components import KINDS as COMPONENTS
from bench.components import ROOT, Components
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from phee.cli.render import table
from phee.exporter.kafka.selection import PROJECTED
from phee.monitoring import configure_logging

OUTPUT = ROOT / "bench/results/data.local.json"
RECORDS = 250_000
PAYMENTS = 500
DOCUMENTS = 40_000
WARM_UP = 250_000
"""Documents that a server takes before its code is compiled; until then it takes half as many."""
FRESH_PER_S = 100
FRESH_S = 10.0
HUB_S = 12

Tell = Callable[[str], None]
Part = Callable[[Components, argparse.Namespace, Tell], dict[str, Any]]


def project(_: Components, options: argparse.Namespace, tell: Tell) -> dict[str, Any]:
    """Blocks of the log to folded changes, one core."""
    from bench.importers import KINDS, build_log, chunks, measure_projection

    log = build_log(PAYMENTS)
    parts, found = chunks(log), {}
    for kind in KINDS:
        runs = []
        for _run in range(options.runs):
            tell(f"projection, {kind}")
            runs.append(measure_projection(kind, parts, log.durable_position)[0])
        found[kind] = {"records_per_s": statistics.median(runs)}
    return found


def store(components: Components, options: argparse.Namespace, tell: Tell) -> dict[str, Any]:
    """Rows in batches, and the same records in a transaction each, in turn."""
    import tempfile

    from bench.importers import build_log, chunks
    from bench.record_at_a_time import measure_record_at_a_time
    from bench.relational import Target, measure_rows

    parts, found = chunks(build_log(PAYMENTS)), {}
    for name in ("sqlite", "mariadb"):
        line = name if name == "sqlite" else components.line(name)
        if line is None:
            continue
        with tempfile.TemporaryDirectory(prefix="phee-bench-") as folder:
            target = Target(name, Path(folder), line)
            rows, ours, theirs = [], [], []
            for _run in range(options.runs):
                tell(f"rows, {name}")
                target.empty()
                theirs.append(measure_record_at_a_time(target, parts))
                target.empty()
                measured = measure_rows(target, parts)
                rows.append(measured.rows_per_s)
                ours.append(measured.records_per_s)
        found[name] = {
            "rows_per_s": statistics.median(rows),
            "records_per_s": statistics.median(ours),
            "record_at_a_time_per_s": statistics.median(theirs),
            "ratio": statistics.median(a / b for a, b in zip(ours, theirs, strict=True)),
        }
    return found


def documents(components: Components, options: argparse.Namespace, tell: Tell) -> dict[str, Any]:
    """New documents, 1,000 a batch."""
    from bench.search import measure_writing

    found = {}
    for name in ("fts5", "opensearch", "elasticsearch"):
        line = "sqlite" if name == "fts5" else components.line(name)
        if line is None:
            continue
        tell(f"documents, {name}")
        if name != "fts5":
            measure_writing(line, WARM_UP)
        runs = [measure_writing(line, DOCUMENTS) for _run in range(options.runs)]
        components.stop(name)
        found[name] = {
            "documents_per_s": statistics.median(wall for wall, _ in runs),
            "client_cpu_us_per_document": 1e6 / statistics.median(cpu for _, cpu in runs),
        }
    return found


def drain(components: Components, options: argparse.Namespace, tell: Tell) -> dict[str, Any]:
    """A backlog in Kafka into both stores; beyond a million records, once."""
    brokers = components.line("kafka")
    if brokers is None:
        return {}
    from bench.drain import Drain
    from bench.importers import build_log

    log = build_log(max(options.records // 333, 1))
    runs: dict[str, list[dict[str, Any]]] = {"exported": []}
    for _run in range(options.runs if options.records < 1_000_000 else 1):
        tell("export to Kafka")
        one = Drain(brokers, log)
        runs["exported"].append(one.exported)
        for name, lines in _mixes(components).items():
            tell(f"Kafka into {name}")
            runs.setdefault(name, []).append(one.into(*lines))
    return {"records": log.durable_position, "messages": one.records} | {
        name: _medians(found) for name, found in runs.items()
    }


def freshness(components: Components, options: argparse.Namespace, tell: Tell) -> dict[str, Any]:
    """Payments offered at a fixed rate: over the log into SQLite, over Kafka into servers."""
    from bench.freshness import WARM_UP_S, measure
    from bench.recorded import record
    from bench.search import measure_writing

    rate = options.payments_per_s
    tell("recording the payments that are offered")
    recording = asyncio.run(record(int(rate * (FRESH_S + WARM_UP_S))))
    found: dict[str, Any] = {"payments_per_s": rate}
    streams = {"log": ""}
    if brokers := components.line("kafka"):
        streams["kafka"] = brokers
    for stream, brokers in streams.items():
        for name, (database, search) in _mixes(components).items():
            if (stream == "log") != (name == "sqlite"):
                continue
            tell(f"freshness, {stream} to {name}")
            warm_ups = 2 if brokers else 0  # servers' code is not compiled yet
            if brokers:
                measure_writing(search, WARM_UP)
            for _pass in range(warm_ups + 1):
                measured = measure(
                    recording,
                    payments_per_s=rate,
                    seconds=FRESH_S,
                    brokers=brokers,
                    database=database,
                    search=search,
                    exporter=("--include", PROJECTED) if options.projected else (),
                )
                found[f"{stream} to {name}"] = asyncio.run(measured)
    return found


def hub(components: Components, _: argparse.Namespace, tell: Tell) -> dict[str, Any]:
    """Whole payments as fast as they complete, on both mixes."""
    from bench.__main__ import run

    found = {}
    brokers = components.line("kafka")
    for name, (database, search) in _mixes(components).items():
        lines = {"PHEE_DATABASE": database, "PHEE_SEARCH": search}
        if name != "sqlite":
            if not brokers:
                continue
            lines["PHEE_STREAM"] = f"kafka://{brokers}/hub-bench"
        tell(f"a whole hub with {name}")
        os.environ.update(lines)
        try:
            found[name] = run("bench.payments", "--seconds", str(HUB_S))
        finally:
            for line in lines:
                del os.environ[line]
    return found


PARTS: Mapping[str, Part] = {
    "project": project,
    "store": store,
    "documents": documents,
    "drain": drain,
    "freshness": freshness,
    "hub": hub,
}


def _mixes(components: Components) -> dict[str, tuple[str, str]]:
    """Return the pairs of stores that can be had: database and search."""
    found = {"sqlite": ("sqlite", "sqlite")}
    if (database := components.line("mariadb")) and (search := components.line("opensearch")):
        found["servers"] = (database, search)
    return found


def _medians(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the median of every figure; of memory, the largest."""
    found: dict[str, Any] = {}
    for name, first in runs[0].items():
        values = [run[name] for run in runs]
        if isinstance(first, Mapping):
            found[name] = _medians(values)
        else:
            found[name] = max(values) if name == "peak_mb" else statistics.median(values)
    return found


def rows_of(results: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return (what, how much, aim) rows for the table."""
    rows: list[tuple[str, str, str]] = []
    for kind, one in results.get("project", {}).items():
        rows.append((f"records/s projected, {kind}", f"{one['records_per_s']:,.0f}", "> 40,000"))
    for name, one in results.get("store", {}).items():
        aim = "> 20,000" if name == "mariadb" else ""
        rows.append((f"rows/s into {name}", f"{one['rows_per_s']:,.0f}", aim))
        rows.append((f"records/s into {name}, in batches", f"{one['records_per_s']:,.0f}", ""))
        alone = f"{one['record_at_a_time_per_s']:,.0f}"
        rows.append((f"records/s into {name}, one at a time", alone, ""))
        rows.append((f"  times faster, {name}", f"{one['ratio']:.0f}", "> 10"))
    for name, one in results.get("documents", {}).items():
        aim = "> 10,000" if name == "elasticsearch" else ""
        rows.append((f"documents/s into {name}", f"{one['documents_per_s']:,.0f}", aim))
    rows += _drain_rows(results.get("drain", {}))
    for name, one in results.get("freshness", {}).items():
        if isinstance(one, Mapping):
            rows += _fresh_rows(name, one, results["freshness"]["payments_per_s"])
    for name, one in results.get("hub", {}).items():
        rows.append((f"payments/s, whole hub, {name}", f"{one['payments_per_s']}", ""))
        for kind, seen in one["accepted_to_visible_ms"].items():
            what = f"  visible, {kind}, p50 / p99"
            rows.append((what, f"{seen['p50']} / {seen['p99']} ms", "p99 < 1,000 ms"))
    return rows


def _drain_rows(drained: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    if not drained:
        return []
    exported = drained["exported"]
    rows = [("records/s, log to Kafka", f"{exported['per_s']:,.0f}", "")]
    rows.append(("  processor time a record", f"{exported['cpu_us_per_record']:.1f} us", ""))
    for name in ("sqlite", "servers"):
        if name not in drained:
            continue
        one = drained[name]
        what = f"records/s, Kafka to both stores, {name}"
        rows.append((what, f"{one['both_per_s']:,.0f}", ""))
        for kind in ("relational", "search"):
            each = one[kind]
            rates = f"{each['per_s']:,.0f}/s, {each['cpu_us_per_record']:.1f} us a record"
            rows.append((f"  {kind} importer", rates, ""))
            rows.append((f"  {kind} importer, peak memory", f"{each['peak_mb']:.0f} MB", "< 150"))
    return rows


def _fresh_rows(name: str, one: Mapping[str, Any], rate: float) -> list[tuple[str, str, str]]:
    rows = [(f"visible at {rate:g} payments/s, {name}", "p50 / p99", "")]
    for kind, seen in one["visible_ms"].items():
        rows.append((f"  {kind}", f"{seen['p50']} / {seen['p99']} ms", "p99 < 250 ms"))
    cores = ", ".join(f"{part} {value}" for part, value in one["cores"].items())
    rows.append(("  cores in use", cores, ""))
    rows.append(("  offered late by at most", f"{one['offered_late_s_max'] * 1000:.0f} ms", ""))
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts, print the table, write the JSON; return 1 when a part failed."""
    options = _options(arguments)
    configure_logging(level="ERROR")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # not without its parts
    console = Console()
    from bench.__main__ import machine

    results: dict[str, Any] = {"machine": machine(), "runs": options.runs}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with (
        Components(console, frozenset(options.without)) as components,
        Progress(*columns, console=console) as bar,
    ):
        chosen = options.only or list(PARTS)
        task = bar.add_task("starting", total=len(chosen))
        failed: list[str] = []
        for name in chosen:
            try:
                results[name] = PARTS[name](
                    components, options, lambda what: bar.update(task, description=what)
                )
            except Exception:  # noqa: BLE001 - told at once, and by the exit status
                console.print_exception()
                failed.append(name)
            bar.update(task, description="done", advance=1)
            results["skipped"] = components.skipped
            _write(options.output, results)
    console.print(table("the data side", ("what", ">measured", ">aim"), rows_of(results)))
    shown = results["machine"]
    console.print(f"{shown['cpu']}, {shown['cores']} cores, load before {shown['load_before']:.1f}")
    for name, reason in results["skipped"].items():
        console.print(f"SKIPPED {name}: {reason}", style="red")
    for name in failed:
        console.print(f"FAILED {name}: see above", style="bold red")
    console.print(f"written to {options.output}", highlight=False)
    return 1 if failed else 0


def _write(output: Path, results: Mapping[str, Any]) -> None:
    """Write what there is: a part that fails later takes nothing along."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(results, indent=2) + "\n")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=RECORDS, help="the backlog that is drained")
    parser.add_argument("--payments-per-s", type=float, default=FRESH_PER_S, help="for freshness")
    parser.add_argument(
        "--projected", action="store_true", help="for freshness: export only what is imported"
    )
    parser.add_argument("--runs", type=int, default=5, help="figures are their medians")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="these parts")
    parser.add_argument("--without", nargs="+", choices=COMPONENTS, default=[])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
