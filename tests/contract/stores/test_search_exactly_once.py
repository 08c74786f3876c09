"""Whatever happens between an importer and its search store, the documents equal the fold.

What is expected is what SQLite holds after one undisturbed import; seeds are printed, and
PHEE_TEST_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from faulty_proxy import FAULTS, FaultyProxy, at_random
from importing import copy_log, import_all, new_importer, onboard
from interleaving import by_value_type, in_any_order, interleaved, write_lanes
from record_stream import Instance, RecordWriter
from search_runtimes import SERVERS_ONLY, documents_of
from stream_runtimes import ServedLog

from phee.importers.process import RegisteredTenants, make_sorter
from phee.projections import dead_letter
from phee.projections.mapping import default_mapping
from phee.records import Record, encode_block
from phee.records.types import IncidentIntent
from phee.stores.search.opensearch.address import parse_address
from phee.stores.search.opensearch.indices import GENERATION_BITS, TenantIndices
from phee.stores.search.opensearch.retention import DAY_MS, Retention
from phee.stores.search.opensearch.server import Patience, SearchServer
from phee.stores.search.query import Document, SearchQuery
from phee.stores.search.runtime import (
    EmbeddedSearch,
    RemoteSearch,
    SearchRuntime,
    search_runtime,
)
from phee.stores.writing import Fenced, LaneWork
from phee.stream import stream_path
from phee.stream.local import LocalStream
from phee.stream.memory import MemoryLog
from phee.stream.port import Chunk, Lane

TENANTS = ("gorilla", "rhino")
LANE = Lane(1, 1)
IMPATIENT = Patience(attempts=8, first_wait_s=0.01, longest_wait_s=0.05)


def new_seed() -> int:
    seed = int(os.environ.get("PHEE_TEST_SEED", time.time_ns() % 1_000_000))
    print(f"PHEE_TEST_SEED={seed}")
    return seed


RECORDS = interleaved(8, 20)
LAST = RECORDS[-1].position


def log_of(records: list[Record], size: int = 40) -> MemoryLog:
    log = MemoryLog()
    for start in range(0, len(records), size):
        log.append(records[start : start + size])
    return log


def fold_in_sqlite(folder: Path, log: MemoryLog) -> dict[str, list[Document]]:
    folder.mkdir()
    onboard(folder, *TENANTS)
    runtime = EmbeddedSearch(folder)
    import_all("search", folder, copy_log(log), runtime)
    return documents_of(runtime, *TENANTS)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Document]]:
    folds = fold_in_sqlite(tmp_path_factory.mktemp("fold") / "data", log_of(RECORDS))
    assert all(len(documents) >= 4 for documents in folds.values())
    assert {d.kind for documents in folds.values() for d in documents} == {"payment", "incident"}
    return folds


@pytest.fixture
def data(tmp_path: Path) -> Path:
    onboard(tmp_path, *TENANTS)
    return tmp_path


@pytest.fixture
def runtime(search: str, data: Path) -> Iterator[SearchRuntime]:
    runtime = search_runtime(search, data)
    yield runtime
    runtime.close()


def found(runtime: SearchRuntime) -> dict[str, list[Document]]:
    """What readers find, once the server shows what it has."""
    if isinstance(runtime, RemoteSearch):
        server = runtime._writing
        server.ask("POST", f"/{server.prefix}~*/_refresh")
    return documents_of(runtime, *TENANTS)


def chunk_of(records: list[Record], lane: Lane = LANE) -> Chunk:
    block = encode_block(lane.epoch, lane.partition_id, records)
    return Chunk(lane, [(records[-1].position, block)], 1, LAST)


# --- replays, splits, orders ---


@pytest.mark.parametrize("case", range(4))
def test_cuts_and_replays_change_nothing(
    case: int, runtime: SearchRuntime, data: Path, expected: dict[str, list[Document]]
) -> None:
    """Documents defend themselves: pieces are written again and again, in any order.

    Each piece goes to a lane of its own, so that no watermark protects the documents.
    """
    seed = new_seed() + case
    rng = random.Random(seed)
    cuts = sorted({rng.randrange(1, LAST) for _ in range(rng.randrange(10))} | {LAST})
    pieces = list(zip([0, *cuts], cuts, strict=False))
    again = [(after, min(after + rng.randrange(1, 400), LAST)) for after in rng.sample(cuts, 1)]
    again += [rng.choice(pieces) for _ in range(4)]
    sorter = make_sorter("search", RegisteredTenants(data), default_mapping())
    stores = {tenant: runtime.open_store(tenant) for tenant in TENANTS}
    for number, (after, last) in enumerate([*pieces, *again]):
        if after == last:
            continue
        lane = Lane(1, 1, f"piece {number}")
        batch = sorter.sort(chunk_of(RECORDS[after:last], lane), after=0, applied=lambda _: 0)
        for tenant, work in batch.tenants.items():
            stores[tenant].claim(lane, "test", start=0)
            stores[tenant].write([LaneWork(lane, last, work.fold, work.letters)])
    for store in stores.values():
        store.close()
    assert found(runtime) == expected


@pytest.mark.parametrize("seed", range(3))
def test_value_types_may_arrive_in_any_order(
    seed: int, runtime: SearchRuntime, data: Path, expected: dict[str, list[Document]]
) -> None:
    """As from a stream with one topic per value type: each in order, none after the others."""
    lanes = by_value_type(RECORDS, seed)
    write_lanes("search", data, runtime.open_store, lanes, at_once=1 + 3 * seed)
    assert found(runtime) == expected


@pytest.mark.parametrize("seed", range(3))
def test_records_of_a_payment_may_arrive_in_any_order(
    seed: int, runtime: SearchRuntime, data: Path, expected: dict[str, list[Document]]
) -> None:
    """As when a topic gets more partitions while importers are behind."""
    lanes = in_any_order(RECORDS, seed)
    write_lanes("search", data, runtime.open_store, lanes, at_once=1 + 3 * seed)
    assert found(runtime) == expected


def test_an_importer_that_stops_anywhere_goes_on_there(
    runtime: SearchRuntime,
    data: Path,
    expected: dict[str, list[Document]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("phee.importers.importer.BATCH_BYTES", 50_000)
    log, steps = log_of(RECORDS), 0
    while log.acknowledged().get("search", 0) < LAST:
        importer = new_importer("search", data, LocalStream(log, "search"), runtime)
        importer.step()
        importer.stop()
        importer.run()
        steps += 1
    assert steps > 3
    assert found(runtime) == expected


def test_a_twin_takes_over_and_the_older_one_is_fenced(
    runtime: SearchRuntime, data: Path, expected: dict[str, list[Document]]
) -> None:
    log = log_of(RECORDS[:400])
    older = new_importer("search", data, LocalStream(log, "search"), runtime)
    older.step()
    newer = new_importer("search", data, LocalStream(log, "search"), runtime)
    newer.step()
    log.append(RECORDS[400:])
    newer.step()
    with pytest.raises(Fenced):
        older.step()
    assert log.acknowledged()["search"] <= 400, "the fenced one must acknowledge nothing"
    newer.stop()
    newer.run()
    assert found(runtime) == expected


def test_watermarks_of_lanes_move_together_and_are_fenced_each(
    runtime: SearchRuntime, data: Path
) -> None:
    other = Lane(1, 1, "other")
    onboard(data, "rhino")
    older, newer = (runtime.open_store("rhino") for _ in range(2))
    assert [older.claim(lane, "older", start=0) for lane in (LANE, other)] == [0, 0]
    older.write([LaneWork(LANE, 5), LaneWork(other, 7)])
    assert [newer.position(lane) for lane in (LANE, other)] == [5, 7]
    assert newer.claim(other, "newer", start=0) == 7
    with pytest.raises(Fenced, match="other"):
        older.write([LaneWork(LANE, 9), LaneWork(other, 9)])
    assert newer.position(other) == 7
    newer.write([LaneWork(other, 8)])
    older.close()
    newer.close()


def test_a_new_life_of_the_engine_is_kept_apart(runtime: SearchRuntime, data: Path) -> None:
    for epoch in (900, 7):
        log = MemoryLog(epoch=epoch)
        log.append(Instance(RecordWriter()).start(transactionId=f"tx-{epoch}"))
        import_all("search", data, log, runtime)
    documents = found(runtime)["rhino"]
    assert {(d.epoch, d.transaction_id) for d in documents} == {(900, "tx-900"), (7, "tx-7")}


# --- what cannot be stored ---


def letters_of(runtime: SearchRuntime) -> list[dict[str, Any]]:
    assert isinstance(runtime, RemoteSearch)
    server = runtime._writing
    index = TenantIndices(server.prefix, "rhino").dead_letters
    server.ask("POST", f"/{index}/_refresh")
    answer = server.ask("POST", f"/{index}/_search", {"size": 100}).decode(dict)
    return [hit["_source"] for hit in answer["hits"]["hits"]]


@SERVERS_ONLY
def test_a_refused_document_becomes_a_dead_letter_and_blocks_nothing(
    runtime: SearchRuntime, data: Path
) -> None:
    writer, log = RecordWriter(), MemoryLog()
    poison = Instance(writer, "some_flow", tenant_id="rhino")
    poison.key = 1 << 63  # no index has a field for it
    broken = Instance(writer)
    for _ in range(2):
        log.append(Instance(writer).start(transactionId="tx") + poison.start())
        log.append(broken.start(transactionId="b", channelRequest="{broken"))
        import_all("search", data, log, runtime)
    import_all("search", data, log, runtime)
    assert {d.transaction_id for d in found(runtime)["rhino"]} == {"tx", "b"}
    letters = letters_of(runtime)
    codes = sorted(letter["reason_code"] for letter in letters)
    assert codes == [dead_letter.NOT_PROJECTED] * 2 + [dead_letter.REFUSED] * 2
    refused = [one for one in letters if one["reason_code"] == dead_letter.REFUSED]
    assert all(str(1 << 63) in one["record"] and "parsing" in one["reason"] for one in refused)
    assert log.acknowledged() == {"search": log.durable_position}


def test_any_text_can_be_stored_and_found(runtime: SearchRuntime, data: Path) -> None:
    log, writer = MemoryLog(), RecordWriter()
    short = ["a\x00b", "{}", "\u2028", "~*?<>", "é" * 255, "漢字" * 100]
    long = ["x" * 40_000, "é" * 9_000, "漢字" * 9_000 + " end", "a-" * 50_000]
    for text in short:
        instance = Instance(writer)
        log.append(instance.start(transactionId=text))
        for message in long:
            key = writer.key()
            log.append([instance.incident(IncidentIntent.CREATED, key, error_message=message)])
    import_all("search", data, log, runtime)
    documents = found(runtime)["rhino"]
    assert [d.transaction_id for d in documents if d.kind == "payment"] == short
    assert [d.error_text for d in documents if d.kind == "incident"] == long * len(short)
    with closing(runtime.open_reader("rhino")) as store:
        assert store.search(SearchQuery(text="end")).total == len(short)


# --- what is old ---


@SERVERS_ONLY
def test_what_ended_long_ago_is_deleted_and_the_rest_stays(
    search: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phee.stores.search.opensearch.retention.AT_ONCE", 2)
    runtime = search_runtime(search, data)
    assert isinstance(runtime, RemoteSearch)
    writer, log = RecordWriter(), MemoryLog()
    running = Instance(writer)
    log.append(running.start(transactionId="running"))
    for number in range(3):
        log.append(Instance(writer).start(transactionId=f"old-{number}"))
        old = Instance(writer)
        log.append(old.start(transactionId=f"ended-{number}") + old.end())
    writer.clock_ms += 10 * DAY_MS
    writer.next_key += 1 << GENERATION_BITS
    young = Instance(writer)
    log.append(young.start(transactionId="young") + young.end())
    import_all("search", data, log, runtime)
    names = TenantIndices(runtime._writing.prefix, "rhino")
    assert len(generations(runtime, names)) == 2
    assert len(found(runtime)["rhino"]) == 8
    now_s = writer.clock_ms / 1000
    retention = Retention(runtime._writing, names, 5, clock=lambda: now_s)
    assert [retention.run_when_due() for _ in range(4)] == [2, 1, 0, 0]
    left = {d.transaction_id for d in found(runtime)["rhino"]}
    assert left == {"running", "young", "old-0", "old-1", "old-2"}
    assert len(generations(runtime, names)) == 2, "the running ones are still in the older index"
    import_all("search", data, log, runtime)
    assert len(found(runtime)["rhino"]) == 5
    runtime.close()


def generations(runtime: RemoteSearch, names: TenantIndices) -> list[str]:
    return list(runtime._writing.ask("GET", f"/{names.documents}/_alias").decode(dict))


# --- faults of servers and networks ---


@SERVERS_ONLY
@pytest.mark.parametrize("fault", [*FAULTS, "mixed"])
def test_faults_lose_nothing_and_double_nothing(
    fault: str, search: str, data: Path, expected: dict[str, list[Document]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("phee.importers.importer.BATCH_BYTES", 20_000)
    url, _, options = search.partition("?")
    rng = random.Random(new_seed())
    choose = at_random(rng, 0.4)
    if fault != "mixed":
        share = rng.random

        def choose(method: str, path: str) -> str | None:
            return fault if "_bulk" in path and share() < 0.4 else None

    with FaultyProxy(url, choose) as proxy:
        address = parse_address(f"{proxy.url}?{options}")
        server = SearchServer(address, patience=IMPATIENT)
        runtime = RemoteSearch(server, server)
        log = log_of(RECORDS)
        import_all("search", data, log, runtime)
        assert sum(proxy.seen[name] for name in FAULTS) > 2, proxy.seen
        proxy.choose = lambda method, path: None
        assert found(runtime) == expected
        runtime.close()
    assert log.acknowledged() == {"search": LAST}


@SERVERS_ONLY
def test_a_server_that_is_away_stalls_the_tenant_until_it_is_back(
    search: str, data: Path, expected: dict[str, list[Document]]
) -> None:
    url, _, options = search.partition("?")
    with FaultyProxy(url) as proxy:
        address = parse_address(f"{proxy.url}?{options}")
        server = SearchServer(address, patience=Patience(attempts=1))
        runtime = RemoteSearch(server, server)
        log = log_of(RECORDS)
        importer = new_importer("search", data, LocalStream(log, "search"), runtime)
        importer._see_lanes()
        proxy.choose = lambda method, path: "lost_request"
        importer.step()
        importer.housekeep()
        assert importer.progress.stalled_tenants == len(TENANTS)
        assert log.acknowledged()["search"] == 0
        proxy.choose = lambda method, path: None
        while importer.progress.stalled_tenants or importer.progress.lag_records:
            importer.step()
        importer.stop()
        importer.run()
        assert found(runtime) == expected
        runtime.close()


@SERVERS_ONLY
@pytest.mark.parametrize("moment", ["hold_before", "hold_after"])
@pytest.mark.parametrize("step", ["_bulk", "/_doc/"])
def test_kill_in_the_middle_of_a_write(
    step: str, moment: str, search: str, tmp_path: Path, data: Path
) -> None:
    """SIGKILL while the documents or the watermark are on their way, applied or not."""
    url, _, options = search.partition("?")
    seed = new_seed()
    log = log_of(interleaved(6, seed), size=25)
    expected = fold_in_sqlite(tmp_path / "fold", log)
    served = ServedLog(log, stream_path(data))
    served.start()
    rng = random.Random(seed)
    skipped = rng.randrange(4 if step == "_bulk" else 2)
    """The log fits into one batch: two tenants' documents and watermarks, after two claims."""

    def choose(method: str, path: str) -> str | None:
        nonlocal skipped
        if step in path and method in {"POST", "PUT"}:
            skipped -= 1
            return moment if skipped < 0 else None
        return None

    with FaultyProxy(url, choose) as proxy:
        process = importer_process(data, f"{proxy.url}?{options}")
        assert proxy.held.wait(60), "no write was caught"
        process.kill()
        process.communicate()
    assert log.acknowledged().get("search", 0) < log.durable_position
    process = importer_process(data, search)
    deadline = time.monotonic() + 60
    while log.acknowledged().get("search", -1) < log.durable_position:
        assert time.monotonic() < deadline, log.acknowledged()
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors.decode()
    served.close()
    with closing(search_runtime(search, data)) as runtime:
        assert found(runtime) == expected


def importer_process(data: Path, search: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "phee.importers", "search", "--data", str(data)]
    return subprocess.Popen([*command, "--search", search], stderr=subprocess.PIPE)


# --- incidents of payments, out of order ---


def test_a_payment_is_in_trouble_while_an_incident_is_open(
    runtime: SearchRuntime, data: Path
) -> None:
    writer, log = RecordWriter(), MemoryLog()
    instance = Instance(writer)
    first, second = writer.key(), writer.key()
    log.append(instance.start())
    for key, intent, status in (
        (first, IncidentIntent.CREATED, "EXCEPTION"),
        (second, IncidentIntent.CREATED, "EXCEPTION"),
        (first, IncidentIntent.RESOLVED, "EXCEPTION"),
        (second, IncidentIntent.RESOLVED, "IN_PROGRESS"),
    ):
        log.append([instance.incident(intent, key)])
        import_all("search", data, log, runtime)
        (payment_document,) = [d for d in found(runtime)["rhino"] if d.kind == "payment"]
        assert payment_document.status == status
