"""Merging changes into documents: the same as SQLite does, in whatever order they come."""

from __future__ import annotations

import itertools
import sqlite3
import tempfile
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from importing import onboard
from interleaving import interleaved
from search_runtimes import documents_of

from phee.errors import InvalidInput
from phee.importers.process import RegisteredTenants, make_sorter
from phee.projections.documents import DocumentFold
from phee.projections.mapping import default_mapping
from phee.projections.transfers import status_rule, transfer_status
from phee.records import Record, encode_block
from phee.stores.money import money_text
from phee.stores.search.opensearch.document import (
    StoredDocument,
    amount_digits,
    changes_of,
    fold_words,
    merge,
    new_document,
)
from phee.stores.search.runtime import EmbeddedSearch
from phee.stores.writing import LaneWork
from phee.stream.port import Chunk, Lane

RECORDS = interleaved(5, 11, ("rhino",))
LAST = RECORDS[-1].position


class Folds:
    """Folds of pieces of the log, for one tenant."""

    def __init__(self, data: Path) -> None:
        onboard(data, "rhino")
        self._sorter = make_sorter("search", RegisteredTenants(data), default_mapping())

    def of(self, records: list[Record]) -> DocumentFold:
        block = encode_block(1, 1, records)
        chunk = Chunk(Lane(1, 1), [(records[-1].position, block)], 1, LAST)
        batch = self._sorter.sort(chunk, after=0, applied=lambda _: 0)
        work = batch.tenants.get("rhino")
        fold = work.fold if work else DocumentFold(1)
        assert isinstance(fold, DocumentFold)
        return fold


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory) -> Folds:
    return Folds(tmp_path_factory.mktemp("folds"))


def apply(documents: dict[str, StoredDocument], fold: DocumentFold) -> None:
    for name, changes in changes_of([fold]).items():
        documents[name] = merge(documents.get(name) or new_document(changes), changes)


PIECES = st.lists(st.tuples(st.integers(0, LAST - 1), st.integers(1, LAST)), max_size=6)


@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(1, LAST - 1), max_size=8), replays=PIECES)
def test_cuts_and_replays_merge_to_what_sqlite_has(
    folds: Folds, cuts: list[int], replays: list[tuple[int, int]]
) -> None:
    documents: dict[str, StoredDocument] = {}
    for after, last in itertools.pairwise([0, *sorted({*cuts, LAST})]):
        apply(documents, folds.of(RECORDS[after:last]))
    before = dict(documents)
    for after, length in replays:
        apply(documents, folds.of(RECORDS[after : after + length]))
    assert documents == before
    shown = sorted((d.shown() for d in documents.values()), key=lambda d: (d.kind, d.key))
    assert shown == in_sqlite(folds)


def in_sqlite(folds: Folds) -> list[object]:
    if not _IN_SQLITE:
        with tempfile.TemporaryDirectory() as folder:
            runtime = EmbeddedSearch(Path(folder))
            store = runtime.open_store("rhino")
            store.claim(Lane(1, 1), "test", start=0)
            store.write([LaneWork(Lane(1, 1), LAST, folds.of(RECORDS))])
            store.close()
            _IN_SQLITE.extend(documents_of(runtime, "rhino")["rhino"])
    assert len(_IN_SQLITE) > 5
    return _IN_SQLITE


_IN_SQLITE: list[object] = []


def test_an_amount_that_does_not_fit_is_refused(folds: Folds) -> None:
    change = next(
        (target, row)
        for changes in changes_of([folds.of(RECORDS)]).values()
        for target, row in changes
        if hasattr(row, "amount")
    )
    change[1].amount = Decimal("1e30")
    with pytest.raises(InvalidInput):
        merge(new_document([change]), [change])


@pytest.mark.parametrize("state", ["ACTIVE", "COMPLETED", "TERMINATED", None])
@pytest.mark.parametrize("outcome", [None, 1, 2, 3])
@pytest.mark.parametrize("is_unknown", [None, 0, 1])
@pytest.mark.parametrize("has_open_incident", [False, True])
def test_the_status_is_that_of_the_sql_rule(
    state: str | None, outcome: int | None, is_unknown: int | None, has_open_incident: bool
) -> None:
    rule = status_rule("open_incident", state="state")
    with closing(sqlite3.connect(":memory:")) as connection:
        (expected,) = connection.execute(
            f"SELECT {rule} FROM (SELECT ? AS state, ? AS outcome, ? AS is_unknown,"
            " ? AS open_incident)",
            (state, outcome, is_unknown, has_open_incident),
        ).fetchone()
    status = transfer_status(
        state, outcome, is_unknown=is_unknown == 1, has_open_incident=has_open_incident
    )
    assert status == expected


@given(st.decimals(min_value=0, max_value=10**18 - 1, places=4, allow_nan=False))
def test_digits_add_up_to_the_amount(amount: Decimal) -> None:
    digits = amount_digits(money_text(amount))
    parts = ((digits.e12, 12), (digits.e6, 6), (digits.e0, 0), (digits.m4, -4))
    assert sum(Decimal(part).scaleb(exponent) for part, exponent in parts) == amount
    assert all(0 <= part < 10**6 for part, _ in parts)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("TX-0007/a_b", "tx 0007 a b"),
        ("Größe ÉTÉ überschritten", "große ete uberschritten"),
        ("e\u0301te\u0301", "ete"),
        ("İstanbul", "istanbul"),
        ("+27 710 (101)", "27 710 101"),
        ("漢字。かな", "漢字 かな"),
        ("... --- ~", ""),
    ],
)
def test_words_are_those_of_the_embedded_store(text: str, words: str) -> None:
    assert fold_words(text) == words
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(
            "CREATE VIRTUAL TABLE t USING fts5(x, tokenize='unicode61 remove_diacritics 2')"
        )
        connection.execute("CREATE VIRTUAL TABLE v USING fts5vocab(t, 'instance')")
        connection.execute("INSERT INTO t VALUES (?)", (text,))
        rows = connection.execute('SELECT term FROM v ORDER BY "offset"').fetchall()
    assert " ".join(term for (term,) in rows) == words
