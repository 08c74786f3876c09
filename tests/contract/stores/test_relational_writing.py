"""What an importer may rely on in every relational store: the fold of the stream, however it comes.

The expected rows are those of one undisturbed import into SQLite, so that the runtimes are also
compared with each other, row by row.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from importing import Rows, copy_log
from interleaving import by_value_type, in_any_order, write_lanes
from record_stream import Instance, RecordWriter, channel_request
from relational_runtimes import TENANTS, Runtime, SqliteRuntime, read_rows
from sqlalchemy import text
from two_tenants import LAST, RECORDS, expected_rows, import_log, log_of, rows_of_all

from phee.importers.process import RegisteredTenants, make_sorter
from phee.projections import dead_letter
from phee.projections.dead_letter import DeadLetter
from phee.projections.mapping import default_mapping
from phee.records import encode_block
from phee.stores.paths import relational_path
from phee.stores.sqlite import writer_engine
from phee.stores.writing import Fenced, LaneWork
from phee.stream.memory import MemoryLog
from phee.stream.port import Chunk, Lane

LANE = Lane(1, 1)


@pytest.fixture(scope="module")
def expected() -> dict[str, Rows]:
    return expected_rows()


def test_an_import_is_the_same_in_every_database(
    runtime: Runtime, expected: dict[str, Rows]
) -> None:
    for _ in range(2):
        log = log_of(RECORDS)
        import_log(runtime, log)
        assert rows_of_all(runtime) == expected
        assert log.acknowledged() == {"relational": LAST}
    assert len(expected["rhino"]["transfers"]) >= 3


CUTS = st.lists(st.integers(1, LAST), max_size=8)
REPLAYS = st.lists(st.tuples(st.integers(0, LAST - 1), st.integers(1, 400)), max_size=4)


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(cuts=CUTS, replays=REPLAYS)
def test_cuts_and_replays_change_nothing(
    runtime: Runtime, expected: dict[str, Rows], cuts: list[int], replays: list[tuple[int, int]]
) -> None:
    """Rows alone defend themselves: the watermark is put back before every piece."""
    empty(runtime)
    sorter = make_sorter("relational", RegisteredTenants(runtime.data), default_mapping())
    stores = {tenant: runtime.stores.open_store(tenant) for tenant in TENANTS}
    for store in stores.values():
        store.claim(LANE, "test", start=0)

    def write(first: int, last: int) -> None:
        chunk = Chunk(LANE, [(last, encode_block(1, 1, RECORDS[first - 1 : last]))], 1, LAST)
        batch = sorter.sort(chunk, after=0, applied=lambda _: 0)
        for tenant, work in batch.tenants.items():
            rewind(stores[tenant])
            stores[tenant].write([LaneWork(LANE, last, work.fold, work.letters)])

    first = 1
    for cut in sorted({*cuts, LAST}):
        write(first, cut)
        write(first, cut)
        first = cut + 1
    for after, length in replays:
        write(after + 1, min(after + length, LAST))
    for store in stores.values():
        store.close()
    assert rows_of_all(runtime) == expected


@pytest.mark.parametrize("seed", range(2))
def test_value_types_may_arrive_in_any_order(
    runtime: Runtime, expected: dict[str, Rows], seed: int
) -> None:
    lanes = by_value_type(RECORDS, seed)
    write_lanes("relational", runtime.data, runtime.stores.open_store, lanes, at_once=1 + 3 * seed)
    assert rows_of_all(runtime) == expected


@pytest.mark.parametrize("seed", range(3))
def test_records_of_a_payment_may_arrive_in_any_order(
    runtime: Runtime, expected: dict[str, Rows], seed: int
) -> None:
    """As when a topic gets more partitions while importers are behind.

    An older value of a variable that comes last is not in its history then.
    """
    lanes = in_any_order(RECORDS, seed)
    write_lanes("relational", runtime.data, runtime.stores.open_store, lanes, at_once=1 + 3 * seed)
    assert without_history(rows_of_all(runtime)) == without_history(expected)


def without_history(found: dict[str, Rows]) -> dict[str, Rows]:
    return {
        tenant: {table: of for table, of in rows.items() if table != "variable_history"}
        for tenant, rows in found.items()
    }


def empty(runtime: Runtime) -> None:
    """Take every row away, for an example of a property."""
    from phee.stores.relational.tables import metadata

    for tenant in TENANTS:
        engine = runtime.engine(tenant)
        with engine.begin() as connection:
            for table in metadata.sorted_tables:
                connection.execute(table.delete())
        engine.dispose()


def rewind(store: Any) -> None:
    with store._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE watermarks SET position = 0")


# --- owners ---


def test_whoever_claims_a_store_fences_the_one_before(runtime: Runtime) -> None:
    older, newer = (runtime.stores.open_store("rhino") for _ in range(2))
    assert older.claim(LANE, "older", start=7) == 7
    older.write([LaneWork(LANE, 9)])
    assert newer.claim(LANE, "newer", start=0) == 9
    with pytest.raises(Fenced):
        older.write([LaneWork(LANE, 10, letters=[letter(10)])])
    newer.write([LaneWork(LANE, 11)])
    assert newer.position(LANE) == 11
    assert runtime.rows("rhino")["dead_letters"] == []
    with pytest.raises(Fenced, match="taken over"):  # the watermark never goes back
        newer.write([LaneWork(LANE, 8)])
    older.close()
    newer.close()


def test_whoever_claims_one_lane_fences_all_that_is_written_with_it(runtime: Runtime) -> None:
    other = Lane(1, 1, "other")
    older, newer = (runtime.stores.open_store("rhino") for _ in range(2))
    assert [older.claim(lane, "older", start=0) for lane in (LANE, other)] == [0, 0]
    older.write([LaneWork(LANE, 5), LaneWork(other, 7)])
    assert [older.position(lane) for lane in (LANE, other)] == [5, 7]
    assert newer.claim(other, "newer", start=0) == 7
    with pytest.raises(Fenced, match="other"):
        older.write([LaneWork(LANE, 9, letters=[letter(9)]), LaneWork(other, 9)])
    assert [newer.position(lane) for lane in (LANE, other)] == [5, 7]
    assert runtime.rows("rhino")["dead_letters"] == []
    older.close()
    newer.close()


def letter(position: int) -> DeadLetter:
    record = Instance(RecordWriter(first_position=position)).start()[0]
    return dead_letter.of_record(
        record, epoch=1, partition_id=1, code=dead_letter.NOT_PROJECTED, reason="r",
        tenant_id="rhino",
    )  # fmt: skip


def test_dead_letters_are_written_once(runtime: Runtime) -> None:
    store = runtime.stores.open_store("rhino")
    store.claim(LANE, "o", start=0)
    for _ in range(2):
        store.write([LaneWork(LANE, 5, letters=[letter(4), letter(5)])])
    store.close()
    reader = runtime.stores.open_reader("rhino")
    page = reader.dead_letters()
    assert [one.position for one in page.rows] == [5, 4]
    assert page.rows[0].record is not None
    reader.close()


def test_what_belongs_to_no_tenant_is_the_operators(runtime: Runtime) -> None:
    log = MemoryLog()
    log.append(Instance(RecordWriter(), "f-stranger", tenant_id="stranger").start())
    for _ in range(2):
        import_log(runtime, copy_log(log))
        forget_watermarks(runtime)
    reader = runtime.stores.open_operator_reader()
    page = reader.dead_letters(size=100)
    assert {one.reason_code for one in page.rows} == {dead_letter.UNKNOWN_TENANT}
    assert {one.consumer for one in page.rows} == {"relational"}
    assert page.total == len({one.position for one in page.rows}) > 1
    reader.close()


def forget_watermarks(runtime: Runtime) -> None:
    """Let the next import begin at the beginning."""
    for tenant in TENANTS:
        engine = runtime.engine(tenant)
        with engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM watermarks")
        engine.dispose()


# --- values ---


@pytest.mark.parametrize(
    "value",
    [
        "plain", "", "Zoë", "日本", "😀", "a'b\"c\\d", "100%", "%s", "line\nbreak\t\0nul",
        " space ", "x" * 300_000, '{"a": [1, null]}',
    ],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_every_text_comes_back_as_it_was(runtime: Runtime, value: str) -> None:
    log, writer = MemoryLog(), RecordWriter()
    instance = Instance(writer)
    log.append([*instance.start(), instance.variable("v", value)])
    import_log(runtime, log)
    reader = runtime.stores.open_reader("rhino")
    (found,) = (v for v in reader.variables(instance.key) if v.name == "v")
    assert msgspec.json.decode(found.value) == value
    reader.close()


def test_names_differ_by_every_character(runtime: Runtime) -> None:
    log, writer = MemoryLog(), RecordWriter()
    instance = Instance(writer)
    names = ["a", "A", "a ", "á", " a", "ａ"]
    log.append([*instance.start(), *(instance.variable(name, name) for name in names)])
    import_log(runtime, log)
    reader = runtime.stores.open_reader("rhino")
    assert [v.name for v in reader.variables(instance.key)] == sorted(names, key=str.encode)
    reader.close()


def test_money_is_exact_to_the_last_digit(runtime: Runtime) -> None:
    amounts = ["999999999999999999.9999", "0.0001", "12.5", "0"]
    log, writer = MemoryLog(), RecordWriter()
    for number, amount in enumerate(amounts):
        request = msgspec.json.decode(channel_request())
        request["amount"]["amount"] = amount
        instance = Instance(writer)
        encoded = msgspec.json.encode(request).decode()
        log.append(instance.start(transactionId=f"tx-{number}", channelRequest=encoded))
    import_log(runtime, log)
    reader = runtime.stores.open_reader("rhino")
    (total,) = reader.totals_by_status()
    assert total.amount == sum(map(Decimal, amounts))
    for number, amount in enumerate(amounts):
        (found,) = reader.find_by_transaction_id(f"tx-{number}")
        assert found.amount == Decimal(amount)
    reader.close()


def test_a_record_the_database_refuses_becomes_a_dead_letter(runtime: Runtime) -> None:
    log, writer = MemoryLog(), RecordWriter()
    poison = Instance(writer, "some_flow", tenant_id="rhino")
    poison.key = 1 << 63  # no database has a column for it
    log.append(Instance(writer).start() + poison.start() + Instance(writer).start())
    import_log(runtime, log)
    rows = runtime.rows("rhino")
    assert {row[4] for row in rows["dead_letters"]} == {dead_letter.REFUSED}
    assert len(rows["transfers"]) == 2
    assert log.acknowledged() == {"relational": log.durable_position}


def test_a_replay_from_another_epoch_is_kept_apart(runtime: Runtime) -> None:
    for epoch in (900, 7):
        log = MemoryLog(epoch=epoch)
        log.append(Instance(RecordWriter()).start(transactionId=f"tx-{epoch}"))
        import_log(runtime, log)
    assert sorted(row[0] for row in runtime.rows("rhino")["transfers"]) == [7, 900]


def test_the_plain_sqlite_rows_are_those_of_the_reader(tmp_path: Path) -> None:
    """The comparison itself sees differences: one more row is one too many."""
    runtime = SqliteRuntime(tmp_path)
    before = runtime.rows("rhino")
    engine = writer_engine(relational_path(tmp_path, "rhino"))
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO transfers (epoch, workflow_instance_key) VALUES (1, 1)")
        )
    assert read_rows(engine) != before
    engine.dispose()
