"""How fast rows get into SQLite and MariaDB, and what micro-batches are worth.

``python bench/relational.py [--payments N] [--database mysql://...] [--output F]``

Without ``--database`` a MariaDB of its own is started on loopback (commits are durable). Measured
on the same synthetic stream of payments of two tenants, the median of the runs:

- rows/s: folded changes of whole batches, written in one transaction per tenant and batch;
- records/s of the whole importer, from the stream to the committed row;
- records/s with one transaction for each, as importers of Payment Hub EE write (same rows).
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/support"), str(ROOT / "scripts")]

from bench.importers import TENANTS, build_log, chunks  # noqa: E402
from bench.record_at_a_time import measure_record_at_a_time  # noqa: E402
from importing import copy_log  # noqa: E402
from mariadb_server import MariaDbServer  # noqa: E402

from phee.importers.process import (  # noqa: E402
    ImporterSettings,
    RegisteredTenants,
    make_importer,
    make_sorter,
)
from phee.monitoring import configure_logging, new_registry  # noqa: E402
from phee.projections.mapping import default_mapping  # noqa: E402
from phee.stores.relational.stores import relational_stores  # noqa: E402
from phee.stores.relational.tables import metadata  # noqa: E402
from phee.stores.writing import TenantStore  # noqa: E402
from phee.stream.local import LocalStream  # noqa: E402
from phee.stream.memory import MemoryLog  # noqa: E402
from phee.stream.port import Chunk  # noqa: E402
from phee.tenants import Tenant, TenantRegistry  # noqa: E402

RUNS = 5


class Target:
    """A database whose tenants are emptied before every run."""

    def __init__(self, name: str, data: Path, database: str) -> None:
        self.name = name
        self.data = data
        self.database = database
        registry = TenantRegistry(data)
        for tenant in TENANTS:
            registry.add(Tenant(id=tenant))

    def open(self) -> dict[str, TenantStore[Any]]:
        stores = relational_stores(self.database, self.data)
        return {tenant: stores.open_store(tenant) for tenant in TENANTS}

    def empty(self) -> None:
        for store in self.open().values():
            with store._engine.begin() as connection:  # type: ignore[attr-defined]  # noqa: SLF001
                for table in reversed(metadata.sorted_tables):
                    connection.execute(table.delete())
            store.close()

    def sorter(self) -> Any:
        return make_sorter("relational", RegisteredTenants(self.data), default_mapping())


class Rates(NamedTuple):
    """What a store alone took."""

    rows_per_s: float
    records_per_s: float


def measure_rows(target: Target, parts: list[Chunk]) -> Rates:
    """Write folded changes of whole batches, one transaction for each tenant and batch."""
    batches = [target.sorter().sort(part, after=0, applied=lambda _: 0) for part in parts]
    stores, rows, records = target.open(), 0, 0
    for store in stores.values():
        store.claim(parts[0].lane, "bench", start=0)
    began = time.perf_counter()
    for batch in batches:
        for tenant, work in batch.tenants.items():
            rows += stores[tenant].write([batch.work_of(tenant)])
            records += work.records
    seconds = time.perf_counter() - began
    for store in stores.values():
        store.close()
    return Rates(rows / seconds, records / seconds)


def measure_importer(target: Target, log: MemoryLog) -> float:
    """Records/s from the stream to committed rows."""
    settings = ImporterSettings(data=target.data, database=target.database)
    stream = LocalStream(copy_log(log), "relational")
    importer = make_importer("relational", settings, stream, new_registry())
    began = time.perf_counter()
    importer.step()
    while importer.progress.lag_records:
        importer.step()
    importer.housekeep()
    seconds = time.perf_counter() - began
    importer.stop()
    importer.run()
    return log.durable_position / seconds


@contextmanager
def targets(database: str | None) -> Iterator[list[Target]]:
    with tempfile.TemporaryDirectory(prefix="phee-bench-") as folder:
        server = None
        if database is None:
            server = MariaDbServer()
            server.start()
            database = server.database
        try:
            found = [("sqlite", "sqlite"), ("mariadb", database)]
            for name, _ in found:
                (Path(folder) / name).mkdir()
            yield [Target(name, Path(folder) / name, url) for name, url in found]
        finally:
            if server is not None:
                server.close()


def median(target: Target, measure: Callable[[], float], runs: int) -> float:
    values = []
    for _ in range(runs):
        target.empty()
        values.append(measure())
    return statistics.median(values)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--payments", type=int, default=500)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--database", help="mysql://operator@host:3306/phee")
    parser.add_argument("--output", type=Path, help="write JSON there")
    options = parser.parse_args()
    configure_logging(level="ERROR")
    log = build_log(options.payments)
    parts = chunks(log)
    print(f"{options.payments} payments, {log.durable_position} records, {platform.platform()}")
    results: dict[str, dict[str, float]] = {}
    with targets(options.database) as found:
        for target in found:
            results[target.name] = {
                "rows_per_s": median(target, lambda: measure_rows(target, parts)[0], options.runs),  # noqa: B023
                "imported_records_per_s": median(
                    target, lambda: measure_importer(target, log), options.runs  # noqa: B023
                ),
                "one_transaction_per_record_records_per_s": median(
                    target, lambda: measure_record_at_a_time(target, parts), 1  # noqa: B023
                ),
            }  # fmt: skip
    for name, values in results.items():
        print(name)
        for key, value in values.items():
            print(f"  {key:40} {value:12,.0f}")
    if options.output:
        options.output.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
