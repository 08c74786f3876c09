"""How fast the importers are on one core: ``python bench/importers.py [--payments N]``.

Measured on a synthetic stream of payments (14 tasks each, commands included, several tenants):
projection alone (blocks to folded changes), the store alone (changes to committed rows), and the
whole importer from the stream to the store, with its peak memory. Median of the runs.

Search servers are measured by ``bench/search.py``.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests/support"))

from record_stream import Instance, RecordWriter, channel_request, payment  # noqa: E402

from phee.importers.batch import Batch  # noqa: E402
from phee.importers.process import (  # noqa: E402
    KINDS,
    ImporterSettings,
    Kind,
    RegisteredTenants,
    make_importer,
    make_sorter,
    store_opener,
)
from phee.monitoring import configure_logging, new_registry  # noqa: E402
from phee.projections.documents import DocumentFold, Maskers  # noqa: E402
from phee.projections.mapping import default_mapping  # noqa: E402
from phee.projections.routing import Router  # noqa: E402
from phee.stream.local import LocalStream  # noqa: E402
from phee.stream.memory import MemoryLog  # noqa: E402
from phee.stream.port import Chunk, Lane  # noqa: E402
from phee.tenants import Tenant, TenantRegistry  # noqa: E402

TENANTS = ("rhino", "gorilla")
SEED = 7
RUNS = 3
GROUP = 16
"""Payments that run at the same time; their commits are mixed."""


def build_log(payments: int) -> MemoryLog:
    """Return a log of ``payments`` whose commits interleave as under load."""
    rng, writer, log = random.Random(SEED), RecordWriter(), MemoryLog()
    numbers = iter(range(payments))
    running: list[Any] = []
    while True:
        while len(running) < GROUP and (number := next(numbers, None)) is not None:
            tenant = TENANTS[number % len(TENANTS)]
            running.append(payment(writer, number, tenant_id=tenant, rng=rng))
        if not running:
            return log
        records = []
        for flow in list(running):
            commit = next(flow, None)
            if commit is None:
                running.remove(flow)
            else:
                records += commit
        if records:
            log.append(records)


def chunks(log: MemoryLog, max_bytes: int = 512 << 10) -> list[Chunk]:
    """Cut the log as an importer with a backlog reads it."""
    lane, found, after = Lane(log.epoch, log.partition_id), [], 0
    while blocks := log.read(after, max_bytes=max_bytes):
        found.append(Chunk(lane, blocks, 1, log.durable_position))
        after = blocks[-1][0]
    return found


def data_directory() -> Path:
    data = Path(tempfile.mkdtemp(prefix="phee-bench-"))
    registry = TenantRegistry(data)
    for tenant in TENANTS:
        registry.add(Tenant(id=tenant))
    return data


def importer(kind: Kind, log: MemoryLog) -> Any:
    settings = ImporterSettings(data=data_directory())
    return make_importer(kind, settings, LocalStream(log, kind), new_registry())


def sort_all(kind: Kind, data: Path, parts: list[Chunk]) -> list[Batch[Any]]:
    sorter = make_sorter(kind, RegisteredTenants(data), default_mapping())
    return [sorter.sort(part, after=0, applied=lambda _: 0) for part in parts]


def short_payments(
    count: int, *, size: int = 1_000, maskers: Maskers = lambda _: None
) -> Iterator[DocumentFold]:
    """Fold short payments, each a new document, ``size`` at a time."""
    writer, router = RecordWriter(), Router(default_mapping(), RegisteredTenants(data_directory()))
    for start in range(0, count, size):
        fold = DocumentFold(SEED, maskers)
        for number in range(start, min(start + size, count)):
            instance = Instance(writer)
            request = channel_request(f"{number % 5000}.25", payer=f"2771{number % 1000:07d}")
            records = instance.start(
                transactionId=f"tx-{number:08d}",
                channelRequest=request,
                clientCorrelationId=f"corr-{number:08d}",
            )
            route = router.route("PayerFundTransfer-rhino", "rhino")
            for record in records + instance.end():
                fold.apply(record, route)
        yield fold


class Stopwatch:
    """Elapsed and processor time since it was made."""

    def __init__(self) -> None:
        self._began, self._cpu = time.perf_counter(), time.process_time()

    def rates(self, count: int) -> tuple[float, float]:
        """Return ``count`` per second and per second of processor time."""
        cpu = time.process_time() - self._cpu
        return count / (time.perf_counter() - self._began), count / cpu


def measure_projection(kind: Kind, parts: list[Chunk], records: int) -> tuple[float, float]:
    data, watch = data_directory(), Stopwatch()
    for batch in sort_all(kind, data, parts):
        for work in batch.tenants.values():
            work.fold.changes()
    return watch.rates(records)


def measure_store(kind: Kind, parts: list[Chunk]) -> tuple[float, float]:
    data = data_directory()
    batches = sort_all(kind, data, parts)
    stores = {tenant: store_opener(kind, data)(tenant) for tenant in TENANTS}
    for store in stores.values():
        store.claim(parts[0].lane, "bench", start=0)
    rows, watch = 0, Stopwatch()
    for batch in batches:
        for tenant in batch.tenants:
            rows += stores[tenant].write([batch.work_of(tenant)])
    return watch.rates(rows)


def measure_whole(kind: Kind, log: MemoryLog) -> tuple[float, float]:
    subject = importer(kind, log)
    watch = Stopwatch()
    subject.step()
    while subject.progress.lag_records:
        subject.step()
    subject.housekeep()
    return watch.rates(log.durable_position)


def medians(measured: Mapping[str, Sequence[tuple[float, float]]]) -> dict[str, float]:
    """Return the medians of what :class:`Stopwatch` measured, by name and kind of second."""
    found: dict[str, float] = {}
    for name, runs in measured.items():
        found[f"{name}_per_s"] = statistics.median(wall for wall, _ in runs)
        found[f"{name}_per_cpu_s"] = statistics.median(cpu for _, cpu in runs)
    return found


def print_figures(figures: Mapping[str, float]) -> None:
    for name, value in figures.items():
        print(f"  {name:32} {value:12,.0f}")


def finish(results: Mapping[str, Any], output: Path | None) -> None:
    """Say how much memory was needed, and write the results to a file when there is one."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this bench (log included) {peak:.0f} MB")
    if output:
        output.write_text(json.dumps(results, indent=2))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--payments", type=int, default=500)
    parser.add_argument("--output", type=Path, help="write JSON there")
    arguments = parser.parse_args()
    configure_logging(level="ERROR")
    log = build_log(arguments.payments)
    records, parts = log.durable_position, chunks(log)
    size = sum(len(data) for part in parts for _, data in part.blocks)
    print(f"{arguments.payments} payments, {records} records, {size / records:.0f} bytes each")
    results: dict[str, dict[str, float]] = {}
    for kind in KINDS:
        measured = {
            "projected_records": [measure_projection(kind, parts, records) for _ in range(RUNS)],
            "stored_changes": [measure_store(kind, parts) for _ in range(RUNS)],
            "imported_records": [measure_whole(kind, log) for _ in range(RUNS)],
        }
        results[kind] = medians(measured)
        share = arguments.payments / records
        imported = results[kind]["imported_records_per_cpu_s"]
        results[kind]["imported_payments_per_cpu_s"] = imported * share
        print(kind)
        print_figures(results[kind])
    finish(results, arguments.output)


if __name__ == "__main__":
    main()
