"""How long a commit takes until people can read it, while payments are offered at a fixed rate.

The records of real payments (about 565 each, see ``bench.recorded``) are committed to a log at
their times, whoever keeps up or not. Importers (and an exporter, when the stream is Kafka)
run as processes of their own. A few payments a second are asked for, by the readers that the API
uses, from their first commit on until both stores show them.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.drain import KINDS, prepare_stores, unused
from bench.importer_process import DataProcess
from bench.importers import TENANTS
from bench.recorded import Commit, Recording

from phee.cli.render import percentile
from phee.errors import NotFound, Unavailable
from phee.stores.relational.stores import relational_stores
from phee.stores.search.query import SearchQuery
from phee.stores.search.runtime import search_runtime
from phee.stream import LogServer, stream_path
from phee.stream.memory import MemoryLog

PROBES_PER_S = 10
THREADS = 4
"""For asking; the event loop's own threads serve the log."""
POLL_S = 0.01
POLL_SHARE = 0.05
"""An invisible payment is asked for this often, or in this part of the time that it has waited,
which is longer: what is measured is late by half of that, and asking does not load the stores."""
WARM_UP_S = 3.0
GIVE_UP_S = 20.0
READY_S_MAX = 60.0


@dataclass(slots=True)
class Seen:
    """How long it took for each store, in ms; what never came in time is as late as we waited."""

    relational: list[float] = field(default_factory=list)
    search: list[float] = field(default_factory=list)


class Offer:
    """Commits at their times, and payments followed."""

    def __init__(self, data: Path, database: str, search: str) -> None:
        relational, documents = relational_stores(database, data), search_runtime(search, data)
        self._rows = {tenant: relational.open_reader(tenant) for tenant in TENANTS}
        self._documents = {tenant: documents.open_reader(tenant) for tenant in TENANTS}
        self._threads = ThreadPoolExecutor(THREADS)
        self.seen = Seen()
        self.late_s = 0.0

    def close(self) -> None:
        for reader in (*self._rows.values(), *self._documents.values()):
            reader.close()
        self._threads.shutdown()

    async def run(self, log: MemoryLog, commits: list[Commit], records_per_s: float) -> None:
        """Commit everything at its time; return when the payments that were followed are seen."""
        began, next_probe, before = time.perf_counter(), WARM_UP_S, log.durable_position
        async with asyncio.TaskGroup() as followed:
            for commit in commits:
                due = began + (commit.position - before) / records_per_s
                await asyncio.sleep(max(due - time.perf_counter(), 0))  # the log is served here too
                log.append_block(commit.position, commit.block)
                now = time.perf_counter()
                self.late_s = max(self.late_s, now - due)
                if commit.key and now - began >= next_probe:
                    next_probe += 1 / PROBES_PER_S
                    followed.create_task(self._follow(commit, now))

    async def _follow(self, commit: Commit, committed: float) -> None:
        key = commit.key
        rows, documents = self._rows[commit.tenant], self._documents[commit.tenant]
        query = SearchQuery(filters={"process_instance_key": key}, size=1)
        await asyncio.gather(
            self._until(lambda: _has_row(rows, key), committed, self.seen.relational),
            self._until(lambda: _has_document(documents, query), committed, self.seen.search),
        )

    async def _until(
        self, visible: Callable[[], bool], committed: float, found: list[float]
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            shown = await loop.run_in_executor(self._threads, visible)
            late_s = time.perf_counter() - committed
            if shown or late_s > GIVE_UP_S:
                found.append(late_s * 1000)
                return
            await asyncio.sleep(max(POLL_S, POLL_SHARE * late_s))


def _has_document(documents: Any, query: SearchQuery) -> bool:
    with contextlib.suppress(Unavailable):  # its importer has not made the indices yet
        return bool(documents.search(query).documents)
    return False


def _has_row(rows: Any, key: int) -> bool:
    with contextlib.suppress(NotFound, Unavailable):
        return bool(rows.get_transfer(key))
    return False


async def measure(
    recording: Recording,
    *,
    payments_per_s: float,
    seconds: float,
    brokers: str,
    database: str,
    search: str,
    exporter: Sequence[str] = (),
) -> dict[str, Any]:
    """Offer for ``seconds``; an empty ``brokers`` means that importers read the log itself.

    ``exporter`` are more options of the exporter.
    """
    log = MemoryLog(epoch=recording.epoch, partition_id=recording.partition_id)
    for commit in recording.prelude:
        log.append_block(commit.position, commit.block)
    commits = recording.first(payments_per_s * (seconds + WARM_UP_S))
    data = Path(tempfile.mkdtemp(prefix="phee-bench-"))
    prepare_stores(data, database)
    search = unused(search)
    server = LogServer(log, stream_path(data))
    await server.start()
    offer = Offer(data, database, search)
    try:
        with ExitStack() as running:
            stores = ("--database", database, "--search", search)
            parts = _start(running, data, brokers, stores, exporter)
            await _ready(parts)
            before = {name: part.cpu_s() for name, part in parts.items()}
            began = time.perf_counter()
            await offer.run(log, commits, payments_per_s * recording.records_per_payment)
            took_s = time.perf_counter() - began
            return _figures(offer, parts, before, took_s)
    finally:
        offer.close()
        await server.stop()
        shutil.rmtree(data, ignore_errors=True)


def _start(
    running: ExitStack,
    data: Path,
    brokers: str,
    lines: tuple[str, ...],
    exporter: Sequence[str],
) -> dict[str, DataProcess]:
    parts = {}
    if brokers:
        topic = f"kafka://{brokers}/fresh-{time.time_ns()}"
        parts["exporter"] = running.enter_context(
            DataProcess("phee.exporter", "kafka", data, "--stream", topic, *exporter)
        )
        lines = (*lines, "--stream", topic)
    for kind in KINDS:
        parts[kind] = running.enter_context(DataProcess("phee.importers", kind, data, *lines))
    return parts


async def _ready(parts: dict[str, DataProcess]) -> None:
    deadline = time.monotonic() + READY_S_MAX
    for part in parts.values():
        while not part.metric("process_start_time_seconds"):
            if time.monotonic() > deadline:
                raise TimeoutError("a process of the data side does not start")
            await asyncio.sleep(0.1)
    await asyncio.sleep(1.0)


def _figures(
    offer: Offer, parts: dict[str, DataProcess], before: dict[str, float], took_s: float
) -> dict[str, Any]:
    stores = {kind: getattr(offer.seen, kind) for kind in KINDS}
    return {
        "visible_ms": {
            kind: {
                "p50": round(percentile(values, 0.5) or 0),
                "p99": round(percentile(values, 0.99) or 0),
                "samples": len(values),
            }
            for kind, values in stores.items()
        },
        "offered_late_s_max": round(offer.late_s, 3),
        "cores": {
            name: round((part.cpu_s() - before[name]) / took_s, 2) for name, part in parts.items()
        },
        "peak_mb": {name: round(part.peak_mb()) for name, part in parts.items()},
    }
