"""A backlog in Kafka goes into both stores: the exporter, then two importers as processes.

Rates count exported records (the events). ``cpu_us_per_record`` is processor time of that process
alone, all its threads; ``peak_mb`` is the most memory it ever had.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.importer_process import DataProcess
from bench.importers import TENANTS
from bench.kafka import measure_export
from importing import onboard

from phee.stores.relational.stores import relational_stores
from phee.stores.relational.tables import metadata
from phee.stream.kafka import KafkaAddress
from phee.stream.memory import MemoryLog

POLL_S = 0.1
SILENT_S_MAX = 60.0
KINDS = ("relational", "search")


class Drain:
    """One topic with a backlog.

    Args:
        brokers: of a running Kafka.
        log: what is exported.
    """

    def __init__(self, brokers: str, log: MemoryLog) -> None:
        self._brokers = brokers
        self._topic = f"bench-{time.time_ns()}"
        address = KafkaAddress(brokers=brokers, topic=self._topic)
        self.records, rate, rate_cpu = measure_export(log, address)
        self.exported = {"per_s": rate, "cpu_us_per_record": 1e6 / rate_cpu}

    def into(self, database: str, search: str) -> dict[str, Any]:
        """Drain it into stores that are empty; return what was measured."""
        data = Path(tempfile.mkdtemp(prefix="phee-bench-"))
        prepare_stores(data, database)
        stream = f"kafka://{self._brokers}/{self._topic}?group=bench{time.time_ns()}"
        lines = ("--stream", stream, "--database", database, "--search", unused(search))
        try:
            with ExitStack() as running:
                importers = {
                    kind: running.enter_context(DataProcess("phee.importers", kind, data, *lines))
                    for kind in KINDS
                }
                return self._watch(importers)
        finally:
            shutil.rmtree(data, ignore_errors=True)

    def _watch(self, importers: dict[str, DataProcess]) -> dict[str, Any]:
        began: dict[str, tuple[float, float, float]] = {}
        found: dict[str, Any] = {}
        while len(found) < len(importers):
            time.sleep(POLL_S)
            for kind, importer in importers.items():
                done = importer.metric("phee_importer_records_total")
                if done and kind not in began:
                    began[kind] = time.perf_counter(), importer.cpu_s(), done
                if done >= self.records and kind not in found:
                    found[kind] = self._rates(importer, *began[kind])
        first, _, done = min(began.values())
        both = (self.records - done) / (time.perf_counter() - first)
        return found | {"both_per_s": both}

    def _rates(
        self, importer: DataProcess, began: float, cpu_s: float, done: float
    ) -> dict[str, float]:
        """Return the rates since the importer was first seen at work, with so many done."""
        left = max(self.records - done, 1)
        return {
            "per_s": left / (time.perf_counter() - began),
            "cpu_us_per_record": (importer.cpu_s() - cpu_s) / left * 1e6,
            "peak_mb": importer.peak_mb(),
        }


def unused(search: str) -> str:
    """Return a line of configuration that leads to a search store with nothing in it."""
    return search if search == "sqlite" else f"{search}?prefix=bench{secrets.token_hex(3)}"


def prepare_stores(data: Path, database: str) -> None:
    """Make the tenants, and their relational stores beforehand; on a server, empty them."""
    onboard(data, *TENANTS)
    stores = relational_stores(database, data)
    for tenant in TENANTS:
        store = stores.open_store(tenant)
        empty(store)
        store.close()


def empty(store: Any) -> None:
    """Delete every row of a relational store."""
    with store._engine.begin() as connection:  # noqa: SLF001
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
