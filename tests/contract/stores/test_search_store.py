"""What a search store answers: text, fields, ranges, cursors, sums over time; nothing injected."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from importing import import_all, prepare, store_path
from record_stream import Instance, RecordWriter, channel_request

from phee.errors import InvalidInput, NotSupported, TimedOut, Unavailable
from phee.records.types import IncidentIntent
from phee.stores.search.fts5 import Fts5Search, open_search
from phee.stores.search.query import SearchQuery, SearchStore
from phee.stores.search.store import SqliteSearchStore
from phee.stream.memory import MemoryLog

PAYMENTS = 12


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("search")
    prepare(data, "rhino")
    writer, log = RecordWriter(), MemoryLog()
    for number in range(PAYMENTS):
        writer.clock_ms += 60_000
        instance = Instance(writer)
        request = channel_request(f"{number}.25", ("EUR", "KES")[number % 2], payer=f"77{number}")
        records = instance.start(
            transactionId=f"tx-{number}", clientCorrelationId=f"c-{number}", channelRequest=request
        )
        if number == 3:
            key = writer.key()
            records.append(
                instance.incident(IncidentIntent.CREATED, key, error_message="Größe überschritten")
            )
        else:
            end = "EndEvent_Failure_X" if number % 4 == 0 else "EndEvent_Success"
            records += instance.end(end)
        log.append(records)
    log.append(Instance(writer, "some_other_flow", tenant_id="rhino").start())
    import_all("search", data, log)
    return data


@pytest.fixture
def store(data: Path) -> Iterator[SearchStore]:
    store: SearchStore = open_search(data, "rhino")
    yield store
    store.close()


def found(store: SearchStore, **query: Any) -> list[str | None]:
    hits = store.search(SearchQuery(size=100, **query))
    assert hits.total == len(hits.documents)
    return [document.transaction_id or document.kind for document in hits.documents]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"text": "tx-7"}, ["tx-7"]),
        ({"text": "TX-7"}, ["tx-7"]),
        ({"text": '"tx-7"'}, ["tx-7"]),
        ({"text": "c-1*"}, ["tx-11", "tx-10", "tx-1"]),
        ({"text": "tx-7 c-7"}, ["tx-7"]),
        ({"text": "tx-7 c-8"}, []),
        ({"text": "grosse"}, []),
        ({"text": "große"}, ["incident"]),
        ({"text": "Größe"}, ["incident"]),
        ({"text": "uberschritten"}, ["incident"]),
        ({"text": "775", "fields": ("payer_party_id",)}, ["tx-5"]),
        ({"text": "775", "fields": ("payee_party_id",)}, []),
        ({"filters": {"transaction_id": "tx-2"}}, ["tx-2"]),
        ({"filters": {"status": "EXCEPTION"}}, ["tx-3"]),
        ({"filters": {"status": "FAILED"}}, ["tx-8", "tx-4", "tx-0"]),
        ({"filters": {"amount": Decimal("5.25")}}, ["tx-5"]),
        ({"ranges": {"amount": (Decimal("9.25"), None)}}, ["tx-11", "tx-10", "tx-9"]),
        ({"ranges": {"amount": (None, Decimal("1.2500"))}}, ["tx-1", "tx-0"]),
        ({"kinds": ("incident",)}, ["incident"]),
        ({"kinds": ("instance",)}, ["instance"]),
        ({"filters": {"error_type": "JOB_NO_RETRIES"}, "kinds": ("incident",)}, ["incident"]),
    ],
)
def test_search(store: SearchStore, query: dict[str, Any], expected: list[str]) -> None:
    assert found(store, **query) == expected


@pytest.mark.parametrize("newest_first", [True, False])
def test_cursors_visit_everything_once(store: SearchStore, newest_first: bool) -> None:
    cursor, keys = "", []
    while True:
        query = SearchQuery(size=5, cursor=cursor, newest_first=newest_first)
        hits = store.search(query)
        assert hits.total == PAYMENTS + 2
        keys += [(hit.started_at, hit.key) for hit in hits.documents]
        cursor = hits.next_cursor
        if not cursor:
            break
    assert len(set(keys)) == len(keys) == PAYMENTS + 2
    assert keys == sorted(keys, reverse=newest_first)


def test_pages_by_number(store: SearchStore) -> None:
    first = store.search(SearchQuery(kinds=("payment",), size=5)).documents
    second = store.search(SearchQuery(kinds=("payment",), size=5, offset=5)).documents
    assert [d.transaction_id for d in first + second] == [f"tx-{n}" for n in range(11, 1, -1)]


def test_histogram_counts_and_sums_exactly(store: SearchStore) -> None:
    query = SearchQuery(kinds=("payment",))
    histogram = store.histogram(query, interval_ms=120_000)
    assert sum(bucket.count for bucket in histogram.buckets) == PAYMENTS
    assert all(bucket.start % 120_000 == 0 for bucket in histogram.buckets)
    total = sum(part.amount for bucket in histogram.buckets for part in bucket.by_status)
    assert total == sum(Decimal(f"{n}.25") for n in range(PAYMENTS))
    failed = [
        part
        for bucket in histogram.buckets
        for part in bucket.by_status
        if (part.status, part.currency) == ("FAILED", "EUR")
    ]
    assert sum(part.count for part in failed) == 3


@pytest.mark.parametrize(
    "query",
    [
        {"text": "???"},
        {"text": "x" * 2000},
        {"text": "a", "fields": ("amount",)},
        {"filters": {"id; DROP TABLE documents": "x"}},
        {"filters": {"amount": 1.5}},
        {"ranges": {"status": ("a", "b")}},
        {"kinds": ("table",)},
        {"size": 0},
        {"size": 1_001},
        {"offset": -1},
        {"cursor": "not-a-cursor"},
    ],
)
def test_what_does_not_exist_is_refused(store: SearchStore, query: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        store.search(SearchQuery(**query))


def test_a_cursor_of_the_other_order_is_refused(store: SearchStore) -> None:
    cursor = store.search(SearchQuery(size=1)).next_cursor
    with pytest.raises(InvalidInput):
        store.search(SearchQuery(size=1, cursor=cursor, newest_first=False))


def test_too_fine_a_histogram_is_refused(
    store: SearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phee.stores.search.fts5.BUCKETS_MAX", 3)
    with pytest.raises(InvalidInput, match="longer interval"):
        store.histogram(SearchQuery(), interval_ms=1)
    with pytest.raises(InvalidInput):
        store.histogram(SearchQuery(), interval_ms=0)


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=60))
def test_no_text_is_ever_syntax(data: Path, text: str) -> None:
    store = open_search(data, "rhino")
    try:
        store.search(SearchQuery(text=text, fields=("note",)))
    except InvalidInput:
        pass
    finally:
        store.close()


def test_an_updated_document_is_found_by_its_new_text_only(tmp_path: Path) -> None:
    prepare(tmp_path, "rhino")
    log, instance = MemoryLog(), Instance(RecordWriter())
    log.append(instance.start(clientCorrelationId="before"))
    import_all("search", tmp_path, log)
    log.append([instance.variable("clientCorrelationId", "after")])
    import_all("search", tmp_path, log)
    store = open_search(tmp_path, "rhino")
    assert store.search(SearchQuery(text="before")).total == 0
    assert store.search(SearchQuery(text="after")).total == 1
    store.close()
    with closing(sqlite3.connect(store_path("search", tmp_path, "rhino"))) as connection:
        connection.execute("INSERT INTO documents_text(documents_text) VALUES ('integrity-check')")


async def test_waiting_for_a_position(store: SearchStore) -> None:
    await store.wait_for_position(1, 1, 10, timeout_s=0)
    with pytest.raises(TimedOut):
        await store.wait_for_position(1, 1, 1 << 40, timeout_s=0.01)


def test_a_store_that_is_not_there_yet(tmp_path: Path) -> None:
    store: Fts5Search = open_search(tmp_path, "nobody")
    with pytest.raises(Unavailable):
        store.search(SearchQuery())
    store.close()


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "search.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(NotSupported, match="version 99"):
        SqliteSearchStore(path)
