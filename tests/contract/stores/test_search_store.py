"""What a search store answers: text, fields, ranges, cursors, sums over time; nothing injected."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from importing import import_all, prepare, store_path
from record_stream import START_MS, Instance, RecordWriter, channel_request

from phee.errors import InvalidInput, NotSupported, TimedOut, Unavailable
from phee.records.types import IncidentIntent
from phee.stores.search.query import SORT_FIELDS, SearchQuery, SearchStore, Terms
from phee.stores.search.runtime import EMBEDDED, SearchRuntime, search_runtime
from phee.stores.search.store import SqliteSearchStore
from phee.stream.memory import MemoryLog

PAYMENTS = 12


@pytest.fixture(scope="module")
def runtime(
    tmp_path_factory: pytest.TempPathFactory, module_search: str
) -> Iterator[SearchRuntime]:
    data = tmp_path_factory.mktemp("search")
    runtime = search_runtime(module_search, data)
    prepare(data, "rhino", "gorilla")
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
    log.append(Instance(writer, "PayerFundTransfer", tenant_id="gorilla").start(transactionId="g"))
    import_all("search", data, log, runtime)
    asyncio.run(shown(runtime, log))
    yield runtime
    runtime.close()


async def shown(runtime: SearchRuntime, log: MemoryLog, tenant: str = "rhino") -> None:
    """Return once everything imported can be found."""
    with closing(runtime.open_reader(tenant)) as store:
        await store.wait_for_position(
            log.epoch, log.partition_id, log.durable_position, timeout_s=5
        )


@pytest.fixture
def store(runtime: SearchRuntime) -> Iterator[SearchStore]:
    store = runtime.open_reader("rhino")
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
        ({"text": "7*"}, ["tx-11", "tx-10", *(f"tx-{n}" for n in range(9, -1, -1))]),
        ({"text": '"ledger limit"'}, []),
        (
            {"text": "77*", "fields": ("payer_party_id", "note"), "filters": {"currency": "KES"}},
            ["tx-11", "tx-9", "tx-7", "tx-5", "tx-3", "tx-1"],
        ),
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
        ({"filters": {"amount": 5}}, []),
        ({"filters": {"process_instance_key": "none"}}, []),
        ({"filters": {"client_correlation_id": 7}}, []),
        ({"ranges": {"started_at": (None, None), "amount": (3, 4)}}, ["tx-3"]),
        ({"ranges": {"started_at": (START_MS, START_MS + 130_000)}}, ["tx-1", "tx-0"]),
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


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("sorted_by", SORT_FIELDS)
def test_every_order_visits_everything_once(
    store: SearchStore, sorted_by: str, newest_first: bool
) -> None:
    cursor, places = "", []
    while True:
        query = SearchQuery(size=3, cursor=cursor, newest_first=newest_first, sorted_by=sorted_by)
        hits = store.search(query)
        for hit in hits.documents:
            value = getattr(hit, sorted_by)
            places.append((value is not None, value or 0, hit.key))
        cursor = hits.next_cursor
        if not cursor:
            break
    assert len(set(places)) == len(places) == PAYMENTS + 2
    assert places == sorted(places, reverse=newest_first)


def test_pages_by_number(store: SearchStore) -> None:
    first = store.search(SearchQuery(kinds=("payment",), size=5)).documents
    second = store.search(SearchQuery(kinds=("payment",), size=5, offset=5)).documents
    assert [d.transaction_id for d in first + second] == [f"tx-{n}" for n in range(11, 1, -1)]


def test_histogram_counts_and_sums_exactly(store: SearchStore) -> None:
    query = SearchQuery(kinds=("payment",))
    histogram = store.histogram(query, interval_ms=120_000)
    assert sum(bucket.count for bucket in histogram.buckets) == PAYMENTS
    assert all(bucket.start % 120_000 == 0 for bucket in histogram.buckets)
    total = sum(part.amount for bucket in histogram.buckets for part in bucket.parts)
    assert total == sum(Decimal(f"{n}.25") for n in range(PAYMENTS))
    failed = [
        part
        for bucket in histogram.buckets
        for part in bucket.parts
        if (part.value, part.currency) == ("FAILED", "EUR")
    ]
    assert sum(part.count for part in failed) == 3


async def test_the_largest_amounts_add_up_exactly(tmp_path: Path, search: str) -> None:
    prepare(tmp_path, "rhino")
    runtime = search_runtime(search, tmp_path)
    writer, log = RecordWriter(), MemoryLog()
    amounts = ["999999999999999999.9999", "0.0001", "9007199254740993", "123456789012345678.9012"]
    for number in range(40):
        request = channel_request(amounts[number % 4], "EUR")
        log.append(Instance(writer).start(channelRequest=request))
    import_all("search", tmp_path, log, runtime)
    await shown(runtime, log)
    with closing(runtime.open_reader("rhino")) as store:
        (bucket,) = store.histogram(SearchQuery(), interval_ms=10**9).buckets
        (part,) = bucket.parts
        assert (part.count, part.amount) == (40, sum(map(Decimal, amounts)) * 10)
        largest = SearchQuery(ranges={"amount": (Decimal("123456789012345678.9013"), None)})
        assert store.search(largest).total == 10
    runtime.close()


async def test_begun_words_are_found_however_many_fit(tmp_path: Path, search: str) -> None:
    prepare(tmp_path, "rhino")
    runtime = search_runtime(search, tmp_path)
    writer, log = RecordWriter(), MemoryLog()
    records = []
    for number in range(300):
        records += Instance(writer).start(transactionId=f"tx-{number:020d}-end")
    log.append(records)
    import_all("search", tmp_path, log, runtime)
    await shown(runtime, log)
    with closing(runtime.open_reader("rhino")) as store:
        for text, total in (
            ("tx-0*", 300),
            ("0*", 300),
            ("tx-000000000000000001*", 100),
            ("tx-0000000000000000012*", 10),
            ("tx-00000000000000000123-e*", 1),
            ("tx-1*", 0),
            ("tx-0", 0),
        ):
            assert store.search(SearchQuery(text=text)).total == total, text
    runtime.close()


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
        {"sorted_by": "note"},
    ],
)
def test_what_does_not_exist_is_refused(store: SearchStore, query: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        store.search(SearchQuery(**query))


def test_a_cursor_of_the_other_order_is_refused(store: SearchStore) -> None:
    cursor = store.search(SearchQuery(size=1)).next_cursor
    with pytest.raises(InvalidInput):
        store.search(SearchQuery(size=1, cursor=cursor, newest_first=False))
    with pytest.raises(InvalidInput):
        store.search(SearchQuery(size=1, cursor=cursor, sorted_by="amount"))


# --- aggregations ---

PAID = SearchQuery(kinds=("payment",))


def test_a_histogram_by_party(store: SearchStore) -> None:
    (bucket,) = store.histogram(SearchQuery(), interval_ms=10**9, by="payer_party_id").buckets
    assert bucket.count == PAYMENTS + 2
    assert [(part.value, part.count) for part in bucket.parts] == [
        (None, 2),
        *sorted((f"77{n}", 1) for n in range(PAYMENTS)),
    ]


def test_top_terms_with_exact_sums(store: SearchStore) -> None:
    found = store.top_terms(PAID, field="status", by="currency")
    assert [(term.value, term.count) for term in found.terms] == [
        ("COMPLETED", 8), ("FAILED", 3), ("EXCEPTION", 1),
    ]  # fmt: skip
    assert (found.other_count, found.count_error_max) == (0, 0)
    completed, failed, exception = found.terms
    assert [(a.currency, a.count, a.amount) for a in failed.amounts] == [
        ("EUR", 3, Decimal("12.75"))
    ]
    assert completed.parts is not None
    assert [(part.value, part.count) for part in completed.parts.terms] == [("KES", 5), ("EUR", 3)]
    eur = completed.parts.terms[1]
    assert [(a.currency, a.amount) for a in eur.amounts] == [("EUR", Decimal("18.75"))]
    assert sum(a.amount for a in completed.amounts + exception.amounts) == sum(
        Decimal(f"{n}.25") for n in range(PAYMENTS) if n % 4
    )


def test_top_terms_count_what_they_leave_out(store: SearchStore) -> None:
    found = store.top_terms(PAID, field="payer_party_id", size=4, by="status")
    assert [term.value for term in found.terms] == ["770", "771", "7710", "7711"]
    assert found.other_count == PAYMENTS - 4
    assert [[part.value for part in term.parts.terms] for term in found.terms if term.parts] == [
        ["FAILED"], ["COMPLETED"], ["COMPLETED"], ["COMPLETED"],
    ]  # fmt: skip
    assert store.top_terms(PAID, field="batch_id") == Terms(terms=[], other_count=0)


def test_top_terms_of_what_matches_only(store: SearchStore) -> None:
    query = SearchQuery(text="77*", ranges={"amount": (3, 6)}, kinds=("payment",))
    found = store.top_terms(query, field="currency", by="batch_id")
    assert [(term.value, term.count) for term in found.terms] == [("KES", 2), ("EUR", 1)]
    assert all(term.parts == Terms(terms=[], other_count=0) for term in found.terms)


def test_percentiles_of_amounts_by_currency(store: SearchStore) -> None:
    percents = [Decimal(50), Decimal("99.9"), Decimal(100)]
    found = store.percentiles(PAID, field="amount", percents=percents)
    assert [(group.currency, group.count) for group in found.groups] == [("EUR", 6), ("KES", 6)]
    eur, kes = ([one.value for one in group.percentiles] for group in found.groups)
    assert (eur[2], kes[2]) == (Decimal("10.25"), Decimal("11.25"))
    if found.is_exact:
        assert eur == [Decimal("4.25"), Decimal("10.25"), Decimal("10.25")]
        assert kes == [Decimal("5.25"), Decimal("11.25"), Decimal("11.25")]
    else:
        assert Decimal("4.25") <= eur[0] <= Decimal("6.25")


def test_percentiles_of_durations(store: SearchStore) -> None:
    found = store.percentiles(PAID, field="duration_ms", percents=[Decimal(1), Decimal(100)])
    (group,) = found.groups
    ended = [d for d in store.search(SearchQuery(size=100)).documents if d.completed_at]
    durations = sorted(d.completed_at - (d.started_at or 0) for d in ended if d.completed_at)
    assert (group.value, group.currency, group.count) == (None, None, len(durations))
    assert group.percentiles[1].value == durations[-1]
    by_status = store.percentiles(PAID, field="duration_ms", percents=[Decimal(90)], by="status")
    assert [(group.value, group.count) for group in by_status.groups] == [
        ("COMPLETED", 8), ("FAILED", 3),
    ]  # fmt: skip
    some = SearchQuery(text="tx-7")
    (one,) = store.percentiles(some, field="duration_ms", percents=[Decimal(50)]).groups
    assert one.count == 1
    nothing = SearchQuery(filters={"status": "no such"})
    assert not store.percentiles(nothing, field="duration_ms", percents=[Decimal(5)]).groups
    assert not store.percentiles(nothing, field="amount", percents=[Decimal(5)], by="flow").groups


def test_aggregations_that_do_not_exist_are_refused(
    store: SearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = [Decimal("0.5")]
    asked: list[Callable[[], object]] = [
        lambda: store.histogram(PAID, interval_ms=10, by="note"),
        lambda: store.top_terms(PAID, field="note"),
        lambda: store.top_terms(PAID, field="amount"),
        lambda: store.top_terms(PAID, field="status", by="x"),
        lambda: store.top_terms(PAID, field="status", size=0),
        lambda: store.top_terms(PAID, field="status", size=101),
        lambda: store.percentiles(PAID, field="started_at", percents=half),
        lambda: store.percentiles(PAID, field="amount", percents=[]),
        lambda: store.percentiles(PAID, field="amount", percents=half * 21),
        lambda: store.percentiles(PAID, field="amount", percents=[Decimal(0)]),
        lambda: store.percentiles(PAID, field="amount", percents=[Decimal("100.1")]),
        lambda: store.percentiles(PAID, field="amount", percents=[Decimal("0.0001")]),
        lambda: store.percentiles(PAID, field="amount", percents=half, by="text"),
        lambda: store.top_terms(SearchQuery(size=0), field="status"),
    ]
    for ask in asked:
        with pytest.raises(InvalidInput):
            ask()
    monkeypatch.setattr("phee.stores.search.checks.GROUPS_MAX", 3)
    with pytest.raises(InvalidInput, match="more than 3 groups"):
        store.percentiles(PAID, field="amount", percents=half, by="payer_party_id")


def test_too_fine_a_histogram_is_refused(
    store: SearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phee.stores.search.checks.BUCKETS_MAX", 3)
    with pytest.raises(InvalidInput, match="longer interval"):
        store.histogram(SearchQuery(), interval_ms=1)
    with pytest.raises(InvalidInput):
        store.histogram(SearchQuery(), interval_ms=0)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(max_size=60))
def test_no_text_is_ever_syntax(store: SearchStore, text: str) -> None:
    with contextlib.suppress(InvalidInput):
        store.search(SearchQuery(text=text, fields=("note",)))


async def test_an_updated_document_is_found_by_its_new_text_only(
    tmp_path: Path, search: str
) -> None:
    prepare(tmp_path, "rhino")
    runtime = search_runtime(search, tmp_path)
    log, instance = MemoryLog(), Instance(RecordWriter())
    log.append(instance.start(clientCorrelationId="before"))
    import_all("search", tmp_path, log, runtime)
    log.append([instance.variable("clientCorrelationId", "after")])
    import_all("search", tmp_path, log, runtime)
    await shown(runtime, log)
    with closing(runtime.open_reader("rhino")) as store:
        assert store.search(SearchQuery(text="before")).total == 0
        assert store.search(SearchQuery(text="after")).total == 1
    runtime.close()
    if search == EMBEDDED:
        with closing(sqlite3.connect(store_path("search", tmp_path, "rhino"))) as connection:
            connection.execute(
                "INSERT INTO documents_text(documents_text) VALUES ('integrity-check')"
            )


async def test_waiting_for_a_position(store: SearchStore) -> None:
    await store.wait_for_position(1, 1, 10, timeout_s=0)
    with pytest.raises(TimedOut):
        await store.wait_for_position(1, 1, 1 << 40, timeout_s=0.01)
    with pytest.raises(TimedOut):
        await store.wait_for_position(2, 1, 10, timeout_s=0.01)


def test_a_store_that_is_not_there_yet(runtime: SearchRuntime) -> None:
    assert runtime.has_store("rhino")
    assert not runtime.has_store("nobody")
    with closing(runtime.open_reader("nobody")) as store, pytest.raises(Unavailable):
        store.search(SearchQuery())


def test_tenants_see_only_their_own(runtime: SearchRuntime) -> None:
    with closing(runtime.open_reader("gorilla")) as store:
        assert store.search(SearchQuery()).total == 1
        assert store.search(SearchQuery(text="tx-7")).total == 0
        assert store.histogram(SearchQuery(), interval_ms=1_000).buckets[0].count == 1


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "search.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(NotSupported, match="version 99"):
        SqliteSearchStore(path)
