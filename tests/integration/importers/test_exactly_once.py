"""However the stream is cut, repeated or interrupted, the stores equal its fold."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from importing import (
    Rows,
    fold_of,
    import_all,
    new_importer,
    prepare,
    rows_of,
    store_path,
    stores_of,
)
from interleaving import by_value_type, interleaved, write_lanes

from phee.importers.process import KINDS, Kind, RegisteredTenants, make_sorter, store_opener
from phee.projections.mapping import default_mapping
from phee.records import encode_block
from phee.stores.writing import LaneWork
from phee.stream.local import LocalStream
from phee.stream.memory import MemoryLog
from phee.stream.port import Chunk, Lane

TENANTS = ("gorilla", "rhino")
LANE = Lane(1, 1)
SEED = 20


RECORDS = interleaved(6, SEED)
LAST = RECORDS[-1].position


@contextmanager
def fresh_data() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        prepare(data, *TENANTS)
        yield data


def whole_log() -> MemoryLog:
    log = MemoryLog()
    for start in range(0, len(RECORDS), 40):
        log.append(RECORDS[start : start + 40])
    return log


@pytest.fixture(scope="module", params=KINDS)
def expected(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Kind, dict[str, Rows]]:
    data = tmp_path_factory.mktemp("fold")
    return request.param, fold_of(request.param, data, whole_log(), *TENANTS)


def test_the_fold_is_not_empty(expected: tuple[Kind, dict[str, Rows]]) -> None:
    kind, stores = expected
    table = "transfers" if kind == "relational" else "documents"
    assert len(stores["rhino"][table]) >= 3
    assert stores["rhino"] != stores["gorilla"]


CUTS = st.lists(st.integers(1, LAST), max_size=12)
REPLAYS = st.lists(st.tuples(st.integers(0, LAST - 1), st.integers(1, 400)), max_size=4)


def block(first: int, last: int) -> tuple[int, bytes]:
    return last, encode_block(1, 1, RECORDS[first - 1 : last])


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(cuts=CUTS, replays=REPLAYS)
def test_cuts_and_replays_change_nothing(
    expected: tuple[Kind, dict[str, Rows]], cuts: list[int], replays: list[tuple[int, int]]
) -> None:
    """Rows alone defend themselves: every piece is written, also those that were written before.

    The watermark is put back before each replay, so that only the positions on rows protect them.
    """
    kind, stores = expected
    pieces = []
    first = 1
    for cut in sorted({*cuts, LAST}):
        pieces.append((first, cut))
        first = cut + 1
    with fresh_data() as data:
        sorter = make_sorter(kind, RegisteredTenants(data), default_mapping())
        opened = {tenant: store_opener(kind, data)(tenant) for tenant in TENANTS}
        for store in opened.values():
            store.claim(LANE, "test", start=0)

        def write(first: int, last: int) -> None:
            chunk = Chunk(LANE, [block(first, last)], 1, LAST)
            batch = sorter.sort(chunk, after=0, applied=lambda _: 0)
            for tenant, work in batch.tenants.items():
                rewind(opened[tenant])
                opened[tenant].write([LaneWork(LANE, last, work.fold, work.letters)])

        for piece in pieces:
            write(*piece)
            write(*piece)
        for after, length in replays:
            write(after + 1, min(after + length, LAST))
        for store in opened.values():
            store.close()
        assert {t: rows_of(store_path(kind, data, t)) for t in TENANTS} == {
            tenant: stores[tenant] for tenant in TENANTS
        }


@pytest.mark.parametrize("seed", range(3))
def test_value_types_may_arrive_in_any_order(
    expected: tuple[Kind, dict[str, Rows]], seed: int
) -> None:
    """As from a stream with one topic per value type: each in order, none after the others."""
    kind, stores = expected
    with fresh_data() as data:
        write_lanes(kind, data, store_opener(kind, data), by_value_type(RECORDS, seed))
        assert {t: rows_of(store_path(kind, data, t)) for t in TENANTS} == {
            tenant: stores[tenant] for tenant in TENANTS
        }


def rewind(store: Any) -> None:
    with store._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE watermarks SET position = 0")


def test_importing_twice_changes_nothing(expected: tuple[Kind, dict[str, Rows]]) -> None:
    kind, stores = expected
    with fresh_data() as data:
        log = whole_log()
        import_all(kind, data, log)
        import_all(kind, data, log)
        assert stores_of(kind, data, *TENANTS) == stores
        assert log.acknowledged() == {kind: LAST}


def test_an_importer_that_stops_anywhere_goes_on_there(
    expected: tuple[Kind, dict[str, Rows]], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, stores = expected
    monkeypatch.setattr("phee.importers.importer.BATCH_BYTES", 20_000)
    with fresh_data() as data:
        log = whole_log()
        steps = 0
        while log.acknowledged().get(kind, 0) < LAST:
            importer = new_importer(kind, data, LocalStream(log, kind))
            importer.step()
            importer.stop()
            importer.run()
            steps += 1
        assert steps > 5
        assert stores_of(kind, data, *TENANTS) == stores
