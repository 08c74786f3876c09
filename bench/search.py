"""How fast search stores take documents, show them and answer: SQLite, and servers that run.

    python -m bench.search [--search LINE ...] [--documents N] [--runs R] [--json FILE]

A LINE is one for PHEE_SEARCH; without any, it is SQLite and every search server that
``scripts/services.py start`` has started in this checkout. Measured on each:

- documents/s: folds of 1,000 new payments each, written as the importer writes them (documents,
  then the watermark, all confirmed on disk); median of the runs, the stores taking turns, after one
  run that does not count (a server's first minute is slow);
- freshness: 100 payments/s written in steps of 20 ms, from the write until a search finds the
  payment, read by another connection without a position token;
- answers: the median time of common questions over N documents.

Documents on servers are masked, as is the default there. Index names are new every time, and the
indices are deleted.
"""

from __future__ import annotations

import argparse
import json
import secrets
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/support"), str(ROOT / "scripts")]

import services  # noqa: E402
from bench.importers import SEED, Stopwatch, data_directory, short_payments  # noqa: E402

from phee.collecting import collect_seldom  # noqa: E402
from phee.importers.process import MaskingKeys  # noqa: E402
from phee.monitoring import configure_logging  # noqa: E402
from phee.projections.documents import DocumentFold  # noqa: E402
from phee.stores.search.query import SearchQuery, SearchStore  # noqa: E402
from phee.stores.search.runtime import (  # noqa: E402
    EMBEDDED,
    RemoteSearch,
    SearchRuntime,
    search_runtime,
)
from phee.stores.writing import TenantStore  # noqa: E402
from phee.stream.port import Lane  # noqa: E402

TENANT = "rhino"
LANE = Lane(SEED, 1)
STEP_S = 0.02
PAYMENTS_A_STEP = 2
FRESHNESS_S = 6.0
ASKED_TIMES = 15


class Target:
    """A fresh, empty store of one runtime."""

    def __init__(self, line: str) -> None:
        self.data = data_directory()
        if line != EMBEDDED:
            line += f"{'&' if '?' in line else '?'}prefix=bench{secrets.token_hex(3)}"
        self.runtime: SearchRuntime = search_runtime(line, self.data)
        self.store: TenantStore[DocumentFold] = self.runtime.open_store(TENANT)
        self.store.claim(LANE, "bench", start=0)
        self._maskers = MaskingKeys(self.data).masker
        self._position = 0

    def folds(self, count: int, size: int = 1_000) -> list[DocumentFold]:
        return list(short_payments(count, size=size, maskers=self._maskers))

    def write(self, fold: DocumentFold) -> None:
        self._position += 1
        self.store.write(LANE, self._position, fold, ())

    def close(self) -> None:
        self.store.close()
        if isinstance(self.runtime, RemoteSearch):
            server = self.runtime._writing  # noqa: SLF001
            for name in server.ask("GET", f"/{server.prefix}~*/_settings").decode(dict):
                server.ask("DELETE", f"/{name}")
            server.ask("DELETE", f"/_index_template/{server.prefix}~*")
        self.runtime.close()


def measure_writing(line: str, documents: int) -> tuple[float, float]:
    """Return documents a second, and a second of this process's processor time."""
    with closing(Target(line)) as target:
        folds = target.folds(documents)
        collect_seldom()  # as importers do
        watch = Stopwatch()
        for fold in folds:
            target.write(fold)
        return watch.rates(documents)


def measure_freshness(line: str) -> list[float]:
    """Return how many ms each payment took from its write until a search found it."""
    with closing(Target(line)) as target, closing(target.runtime.open_reader(TENANT)) as reader:
        count = int(FRESHNESS_S / STEP_S) * PAYMENTS_A_STEP
        folds = target.folds(count, size=PAYMENTS_A_STEP)
        written: list[float] = []
        done = threading.Event()

        def write() -> None:
            began = time.perf_counter()
            for number, fold in enumerate(folds):
                time.sleep(max(began + number * STEP_S - time.perf_counter(), 0))
                written.extend([time.perf_counter()] * PAYMENTS_A_STEP)
                target.write(fold)
            done.set()

        writer = threading.Thread(target=write)
        writer.start()
        delays: list[float] = []
        while len(delays) < count:
            total = reader.search(SearchQuery(size=1)).total
            now = time.perf_counter()
            delays += [(now - at) * 1000 for at in written[len(delays) : total]]
            time.sleep(0.005)
        writer.join()
        return delays


QUESTIONS: dict[str, Callable[[SearchStore], object]] = {
    "one payment by its id": lambda store: store.search(
        SearchQuery(filters={"transaction_id": "tx-00000123"})
    ),
    "the newest 20": lambda store: store.search(SearchQuery()),
    "a begun word": lambda store: store.search(SearchQuery(text="tx-0000012*")),
    "histogram by status": lambda store: store.histogram(SearchQuery(), interval_ms=60_000),
    "top payers by status": lambda store: store.top_terms(
        SearchQuery(), field="payer_party_id", by="status"
    ),
    "percentiles of amounts": lambda store: store.percentiles(
        SearchQuery(), field="amount", percents=[Decimal(50), Decimal(99)]
    ),
}


def measure_answers(line: str, documents: int) -> dict[str, float]:
    """Return the median ms of each question over so many documents."""
    with closing(Target(line)) as target, closing(target.runtime.open_reader(TENANT)) as reader:
        for fold in target.folds(documents):
            target.write(fold)
        while reader.search(SearchQuery(size=1)).total < documents:
            time.sleep(0.1)
        return {
            name: statistics.median(_timed(ask, reader) for _ in range(ASKED_TIMES))
            for name, ask in QUESTIONS.items()
        }


def _timed(ask: Callable[[SearchStore], object], reader: SearchStore) -> float:
    began = time.perf_counter()
    ask(reader)
    return (time.perf_counter() - began) * 1000


def lines() -> Iterator[str]:
    yield EMBEDDED
    for name, running in services.running().items():
        if name in ("opensearch", "elasticsearch"):
            yield f"http://127.0.0.1:{running.ports['http']}"


def measure(chosen: Sequence[str], *, documents: int, runs: int) -> dict[str, Any]:
    rates: dict[str, list[tuple[float, float]]] = {line: [] for line in chosen}
    for run in range(runs + 1):
        for line in chosen:
            rate = measure_writing(line, documents)
            if run:
                rates[line].append(rate)
    results: dict[str, Any] = {}
    for line in chosen:
        delays = sorted(measure_freshness(line))
        results[line] = {
            "documents_per_s": round(statistics.median(wall for wall, _ in rates[line])),
            "documents_per_s_best": round(max(wall for wall, _ in rates[line])),
            "documents_per_cpu_s": round(statistics.median(cpu for _, cpu in rates[line])),
            "freshness_p50_ms": round(delays[len(delays) // 2]),
            "freshness_p99_ms": round(delays[len(delays) * 99 // 100]),
            "answers_ms": {
                name: round(value, 1) for name, value in measure_answers(line, documents).items()
            },
        }
    return results


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--search", action="append", help="a line for PHEE_SEARCH; repeatable")
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--output", type=Path, help="write JSON there")
    options = parser.parse_args()
    configure_logging(level="ERROR")
    chosen = options.search or list(lines())
    results = measure(chosen, documents=options.documents, runs=options.runs)
    print(json.dumps(results, indent=2))
    if options.output:
        options.output.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
