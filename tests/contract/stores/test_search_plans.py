"""What a search on SQLite costs does not grow with what it does not show.

Every statement that the reader sends is explained by SQLite itself; and with tiny bounds, so that
every way into the documents is taken, whoever follows the cursors sees what matches, once.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from store_rows import BASE_MS, document_row, write_search

from phee.stores import taking
from phee.stores.search import fts5_words
from phee.stores.search.fts5 import Fts5Search, open_search
from phee.stores.search.fts5_words import RARE_MAX
from phee.stores.search.query import FILTER_FIELDS, RANGE_FIELDS, SORT_FIELDS, SearchQuery
from phee.stores.search.tables import index_name, order_index_name

ROWS = RARE_MAX + 500
COMMON: dict[str, Any] = {
    name: "common" for name in FILTER_FIELDS if name not in ("amount", "process_instance_key")
}
STEPS = {
    f"SCAN {name}" for name in ("(subquery-1)", "chosen", "some", "looked_at", "kept", "ended")
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("plans")
    rows = [
        document_row(number, **COMMON, amount=Decimal(5), note="rent of a shop")
        for number in range(ROWS)
    ]
    write_search(data, "rhino", rows)
    return data


@pytest.fixture
def store(data: Path) -> Iterator[Fts5Search]:
    with closing(open_search(data, "rhino")) as store:
        yield store


@contextmanager
def explained(store: Fts5Search) -> Iterator[list[str]]:
    """Collect the steps of every statement that the store sends."""
    sent: list[tuple[str, Any]] = []

    def record(_c: Any, _k: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            sent.append((statement, parameters))

    event.listen(store._engine, "before_cursor_execute", record)
    steps: list[str] = []
    yield steps
    event.remove(store._engine, "before_cursor_execute", record)
    with store._engine.connect() as connection:
        for statement, parameters in sent:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps += [row[3] for row in plan]
    for step in steps:
        if step.startswith("SCAN") and step not in STEPS:
            assert " INDEX " in step, f"reads everything: {step}"


@pytest.mark.parametrize("name", FILTER_FIELDS)
def test_every_filter_uses_its_index(store: Fts5Search, name: str) -> None:
    value = {"amount": Decimal(5), "process_instance_key": 1007}.get(name, "common")
    for newest_first in (True, False):
        with explained(store) as steps:
            query = SearchQuery(filters={name: value}, newest_first=newest_first)
            first = store.search(query)
            if first.next_cursor:
                store.search(
                    SearchQuery(
                        filters={name: value}, newest_first=newest_first, cursor=first.next_cursor
                    )
                )
        wanted = index_name(name)
        if name == "process_instance_key":
            wanted = "ix_documents_process_instance_key_kind"
        else:
            assert not [step for step in steps if "TEMP B-TREE" in step]
        assert [step for step in steps if wanted in step]


@pytest.mark.parametrize("name", SORT_FIELDS)
@pytest.mark.parametrize("newest_first", [True, False])
def test_every_order_is_that_of_an_index(store: Fts5Search, name: str, newest_first: bool) -> None:
    with explained(store) as steps:
        query = SearchQuery(sorted_by=name, newest_first=newest_first)
        cursor = store.search(query).next_cursor
        store.search(SearchQuery(sorted_by=name, newest_first=newest_first, cursor=cursor))
    assert not [step for step in steps if "TEMP B-TREE" in step]
    assert [step for step in steps if order_index_name(name) in step]


@pytest.mark.parametrize("name", RANGE_FIELDS)
def test_every_range_uses_an_index(store: Fts5Search, name: str) -> None:
    bounds: Any = (Decimal(6), None) if name == "amount" else (BASE_MS + ROWS * 1000 - 900, None)
    with explained(store) as steps:
        found = store.search(SearchQuery(ranges={name: bounds}))
    assert found.total_is_exact
    assert found.total < 3
    assert [step for step in steps if order_index_name(name) in step]


def test_words_that_most_documents_have_are_not_all_looked_up(store: Fts5Search) -> None:
    with explained(store) as steps:
        found = store.search(SearchQuery(text="rent shop"))
    assert (len(found.documents), found.total_is_exact) == (20, False)
    assert [step for step in steps if "ix_documents_in_time" in step]


WORDS = ("rent", "school", "Größe", "fee", "fees", "x1", "x2")


@pytest.mark.parametrize("seed", range(4))
def test_cursors_visit_what_matches_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    print("seed", seed)
    monkeypatch.setattr(taking, "FEW_MAX", 8)
    monkeypatch.setattr(taking, "WALKED", (2, 3, 3))
    monkeypatch.setattr(taking, "LOOKED_AT", (2, 3))
    monkeypatch.setattr(taking, "FEW_ENOUGH", 1)
    monkeypatch.setattr(fts5_words, "RARE_MAX", 8)
    monkeypatch.setattr(fts5_words, "BEGUN_MAX", 1)
    chance = random.Random(seed)
    rows = [
        document_row(
            number,
            note=" ".join(chance.sample(WORDS, 2)),
            status=chance.choice(("COMPLETED", "FAILED")),
            amount=chance.choice((None, Decimal(1), Decimal("2.5"))),
            started_at=chance.choice((None, BASE_MS + chance.randrange(20))),
            completed_at=None,
            transaction_id=chance.choice((None, f"t-{number}")),
        )
        for number in range(60)
    ]
    write_search(tmp_path, "rhino", rows)
    with closing(open_search(tmp_path, "rhino")) as store:
        for _ in range(12):
            check_search(store, rows, chance)


def check_search(store: Fts5Search, rows: list[dict[str, Any]], chance: random.Random) -> None:
    word = chance.choice((None, *WORDS, "x*", "fee*", "grosse"))
    status = chance.choice((None, "FAILED"))
    sorted_by = chance.choice(SORT_FIELDS)
    newest_first, size = chance.random() < 0.5, chance.choice((3, 50))

    def matches(row: dict[str, Any]) -> bool:
        words = row["note"].split()
        begun = (word or "").rstrip("*")
        is_there = word is None or any(
            each.startswith(begun) if word.endswith("*") else each == word for each in words
        )
        return is_there and status in (None, row["status"])

    def place(row: dict[str, Any]) -> Any:
        return (row[sorted_by] is not None, row[sorted_by] or 0, row["key"])

    expected = sorted(filter(matches, rows), key=place, reverse=newest_first)
    found, cursor = [], ""
    for _ in range(200):
        query = SearchQuery(
            text=word or "",
            fields=("note",),
            filters={"status": status} if status else {},
            sorted_by=sorted_by,
            newest_first=newest_first,
            size=size,
            cursor=cursor,
        )
        hits = store.search(query)
        found += [document.key for document in hits.documents]
        assert hits.total <= len(expected), query
        cursor = hits.next_cursor
        if not cursor:
            break
    assert found == [row["key"] for row in expected], query
