"""Verification, rebuilds and dead letters on embedded stores, beside a running importer.

Goal: whatever is wrong in a store is found and mended, and nothing that is right is touched.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from importing import import_all, new_importer, prepare, rows_of, store_path
from record_stream import Instance, RecordWriter, channel_request, definition, payment

from phee.errors import InvalidState, NotFound, Unavailable
from phee.importers.process import KINDS, Kind
from phee.projections.mapping import TransferMapping, default_mapping, load_mapping
from phee.records import Record, decode_block, encode_block
from phee.stores.relational.queries import RelationalReader, open_reader
from phee.stream.history import LogHistory, LogIncomplete
from phee.stream.local import LocalStream
from phee.stream.memory import MemoryLog
from phee.stream.port import Lane
from phee.upkeep.deadletters import DeadLetterDesk
from phee.upkeep.rebuilding import Rebuilder, Rebuilt
from phee.upkeep.report import Verification
from phee.upkeep.running import RunningInstances
from phee.upkeep.runtimes import Runtimes
from phee.upkeep.verification import Verifier

TENANTS = ("rhino", "gorilla")
LANE = Lane(1, 1)


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def writer() -> RecordWriter:
    return RecordWriter()


@pytest.fixture
def data(tmp_path: Path, log: MemoryLog, writer: RecordWriter) -> Path:
    """Two tenants with some payments, imported."""
    prepare(tmp_path, *TENANTS)
    log.append([definition(writer, "PayerFundTransfer-rhino", tenant_id="rhino")])
    for number in range(6):
        append(log, payment(writer, number, tenant_id=TENANTS[number % 2], echoes=1))
    for kind in KINDS:
        import_all(kind, tmp_path, log)
    return tmp_path


def append(log: MemoryLog, commits: Iterable[list[Record]]) -> None:
    for records in commits:
        log.append(records)


def history_of(log: MemoryLog) -> LogHistory:
    return LogHistory(LocalStream(log, "onlooker"))


def verify(data: Path, log: MemoryLog, running: RunningInstances | None = None) -> Verification:
    verifier = Verifier(
        Runtimes(data=data), history_of(log), default_mapping(), list_running=lambda: running
    )
    return verifier.verify(TENANTS)


def rebuild(kind: Kind, data: Path, log: MemoryLog, **options: Any) -> Rebuilt:
    return Rebuilder(
        kind, Runtimes(data=data), "rhino", history_of(log), default_mapping(), **options
    ).rebuild()


ONE = "WHERE rowid = 1"


def damage(data: Path, kind: Kind, statement: str) -> None:
    with closing(sqlite3.connect(store_path(kind, data, "rhino"))) as connection:
        assert connection.execute(statement).rowcount >= 1
        connection.commit()


def test_what_was_imported_is_clean(data: Path, log: MemoryLog) -> None:
    found = verify(data, log)
    assert found.is_clean, found
    assert found.records == log.durable_position
    stores = {store.store: store for store in found.tenants[0].stores}
    assert stores["relational"].rows["transfers"] == 3
    assert stores["relational"].totals == stores["search"].totals
    assert not list((data / "upkeep").glob("verify/*")), "the fold is not left behind"


@pytest.mark.parametrize(
    ("kind", "statement", "column"),
    [
        ("relational", f"UPDATE transfers SET amount = '{999:018d}.0000' {ONE}", "amount"),
        ("relational", f"DELETE FROM tasks {ONE}", ""),
        ("relational", f"UPDATE variables SET position = position + 1 {ONE}", "position"),
        ("search", f"UPDATE documents SET status = 'FAILED' {ONE}", "status"),
    ],
)
def test_a_damaged_row_is_found_and_mended(
    data: Path, log: MemoryLog, kind: Kind, statement: str, column: str
) -> None:
    damage(data, kind, statement)
    found = verify(data, log)
    assert not found.is_clean
    assert found.tenants[1].is_clean, "the other tenant's store is untouched"
    (difference,) = found.tenants[0].differences
    assert (difference.store, difference.column) == (kind, column)
    assert difference.table in statement
    assert rebuild(kind, data, log).difference_count == 1
    assert verify(data, log).is_clean


def test_a_row_that_no_record_made_is_found(data: Path, log: MemoryLog) -> None:
    damage(
        data,
        "relational",
        "INSERT INTO transfers (epoch, workflow_instance_key, status) VALUES (1, 5, 'COMPLETED')",
    )
    (difference,) = verify(data, log).tenants[0].differences
    assert (difference.what, difference.key) == ("unexpected", "5 1")


def test_a_store_that_is_behind_is_compared_as_far_as_it_is(
    data: Path, log: MemoryLog, writer: RecordWriter
) -> None:
    append(log, payment(writer, 100, tenant_id="rhino"))
    import_all("search", data, log)
    found = verify(data, log)
    assert found.is_clean, found
    positions = {store.store: store.position for store in found.tenants[0].stores}
    assert positions["relational"] < positions["search"] == log.durable_position


def test_running_instances_must_be_those_of_the_log(
    data: Path, log: MemoryLog, writer: RecordWriter
) -> None:
    instance = Instance(writer, "PayerFundTransfer-rhino", tenant_id="rhino")
    log.append(instance.start(transactionId="tx", channelRequest=channel_request()))
    for kind in KINDS:
        import_all(kind, data, log)
    position = log.durable_position
    name = ("rhino", "PayerFundTransfer-rhino")
    running = RunningInstances(LANE, position, {name: [instance.key]})
    assert verify(data, log, running).is_clean
    log.append(instance.end())
    assert verify(data, log, running).is_clean, "the engine's position counts, not the present"
    for keys, what in (([], "missing"), ([instance.key, 99], "unexpected")):
        wrong = RunningInstances(LANE, position, {name: keys})
        (difference,) = verify(data, log, wrong).tenants[0].differences
        assert (difference.store, difference.what) == ("engine", what)


def test_a_gap_in_the_log_is_found(data: Path, log: MemoryLog) -> None:
    gap = MemoryLog()
    for position, block in log.read(0, max_bytes=1 << 30):
        records = [stored.decoded() for stored in decode_block(block).records]
        if position == log.durable_position:
            records = records[2:]
        gap.append_block(position, encode_block(1, 1, records))
    found = verify(data, gap)
    assert not found.is_clean
    assert found.log_differences[0].table == "1:1"


def test_without_its_beginning_the_log_proves_nothing_and_stores_prove_each_other(
    data: Path, log: MemoryLog
) -> None:
    log.drop_before(10)
    found = verify(data, log)
    assert found.is_clean
    assert any("the log begins at position 10" in reason for reason in found.not_checked)
    damage(data, "search", f"UPDATE documents SET status = 'FAILED' {ONE}")
    (difference,) = verify(data, log).tenants[0].differences
    assert (difference.store, difference.column) == ("rows and documents", "status")
    with pytest.raises(LogIncomplete, match="the log begins at position 10"):
        rebuild("relational", data, log)


# --- rebuilding ---


def _transfers(reader: RelationalReader) -> int:
    return sum(total.count for total in reader.totals_by_status())


@pytest.mark.parametrize("kind", KINDS)
def test_a_running_importer_and_open_readers_follow_a_rebuild(
    data: Path, log: MemoryLog, writer: RecordWriter, kind: Kind
) -> None:
    importer = new_importer(kind, data, LocalStream(log, kind))
    importer.step()
    reader = open_reader(data, "rhino")
    before = _transfers(reader) if kind == "relational" else 0
    for round_ in range(3):
        append(log, payment(writer, 200 + round_, tenant_id="rhino"))
        importer.step()
        inode = store_path(kind, data, "rhino").stat().st_ino
        done = rebuild(kind, data, log)
        assert done.difference_count == 0
        assert store_path(kind, data, "rhino").stat().st_ino != inode
        append(log, payment(writer, 300 + round_, tenant_id="rhino"))
        for _ in range(20):
            importer.step()
            if not importer.progress.stalled_tenants and not importer.progress.lag_records:
                break
            writer.clock_ms += 1
            importer._stop.wait(0.1)
    assert importer.progress.stalled_tenants == 0
    importer.stop()
    importer.run()
    if kind == "relational":
        assert _transfers(reader) == before + 6
    reader.close()
    other = next(k for k in KINDS if k != kind)
    import_all(other, data, log)
    assert verify(data, log).is_clean
    folder = store_path(kind, data, "rhino").parent
    assert len(list(folder.glob(f"{kind}-*.db"))) == 1, "old builds are removed"


class Died(BaseException):
    """A kill: no handler of the code under test may see to it."""


STEPS = ("fsync", "symlink_to", "replace")


@pytest.mark.parametrize("step", STEPS)
def test_a_rebuild_that_dies_leaves_a_whole_store(
    data: Path, log: MemoryLog, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuild("relational", data, log)
    before = rows_of(store_path("relational", data, "rhino"))

    def die(*_: object, **__: object) -> None:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr("phee.upkeep.replacing.FileReplacement._remove_leftovers", lambda _: None)
        target = "os.fsync" if step == "fsync" else f"pathlib.Path.{step}"
        patch.setattr(target, die)
        with pytest.raises(Died):
            rebuild("relational", data, log)
    assert rows_of(store_path("relational", data, "rhino")) == before
    assert verify(data, log).is_clean
    rebuild("relational", data, log)
    assert verify(data, log).is_clean
    folder = store_path("relational", data, "rhino").parent
    assert len(list(folder.glob("relational-*.db"))) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_store_that_is_no_database_any_more_is_rebuilt(
    data: Path, log: MemoryLog, kind: Kind
) -> None:
    path = store_path(kind, data, "rhino")
    expected = rows_of(path)
    path.write_bytes(b"this is not a database" * 1000)
    with pytest.raises(Unavailable, match="cannot be read") as caught:
        verify(data, log)
    assert "phee rebuild" in caught.value.fix
    assert rebuild(kind, data, log).difference_count is None
    assert rows_of(path) == expected
    assert verify(data, log).is_clean


def test_rows_of_an_earlier_life_are_not_lost(data: Path, log: MemoryLog) -> None:
    damage(
        data,
        "relational",
        "INSERT INTO watermarks (consumer, lane, epoch, partition_id, position, owner)"
        " VALUES ('relational', '', 77, 1, 5, 'x')",
    )
    with pytest.raises(LogIncomplete, match="an earlier life"):
        rebuild("relational", data, log)


# --- dead letters ---


def poison(log: MemoryLog, writer: RecordWriter) -> Instance:
    """A payment whose amount cannot be read; later variables make its row newer."""
    instance = Instance(writer, "PayerFundTransfer-rhino", tenant_id="rhino")
    log.append(instance.start(transactionId="tx-p", channelRequest=channel_request("1e3")))
    log.append([instance.variable("clientCorrelationId", "later")])
    log.append(instance.end())
    return instance


def forgiving_mapping() -> TransferMapping:
    """The shipped mapping, with the amount as the batch of a payment."""
    content = resources.files("phee.projections").joinpath("mapping.json").read_text()
    before = '"path": "$.amount.amount", "field": "amount"'
    assert before in content
    return load_mapping(content.replace(before, before.replace('"amount"', '"batchId"')))


@pytest.fixture
def letter(data: Path, log: MemoryLog, writer: RecordWriter) -> Callable[[Kind], int]:
    poison(log, writer)
    for kind in KINDS:
        import_all(kind, data, log)

    def of(kind: Kind) -> int:
        reader = DeadLetterDesk(Runtimes(data=data), default_mapping()).reader("rhino", kind)
        (found,) = reader.dead_letters().rows
        reader.close()
        return found.id

    return of


@pytest.mark.parametrize("kind", KINDS)
def test_a_retry_that_fails_again_changes_nothing(
    data: Path, log: MemoryLog, letter: Callable[[Kind], int], kind: Kind
) -> None:
    before = rows_of(store_path(kind, data, "rhino"))
    desk = DeadLetterDesk(Runtimes(data=data), default_mapping())
    with pytest.raises(InvalidState, match="still cannot be projected"):
        desk.retry("rhino", letter(kind), store=kind, history=history_of(log))
    assert rows_of(store_path(kind, data, "rhino")) == before
    report = verify(data, log)
    assert report.is_clean
    assert report.tenants[0].stores[0].open_dead_letters == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_discarded_letter_keeps_its_reason_through_a_rebuild(
    data: Path, log: MemoryLog, letter: Callable[[Kind], int], kind: Kind
) -> None:
    number = letter(kind)
    desk = DeadLetterDesk(Runtimes(data=data), default_mapping())
    with pytest.raises(NotFound):
        desk.discard("gorilla", number, store=kind, reason="not theirs")
    done = desk.discard("rhino", number, store=kind, reason="ticket 4711")
    assert done.state == "DISCARDED"
    with pytest.raises(InvalidState, match="DISCARDED already"):
        desk.discard("rhino", number, store=kind, reason="again")
    assert verify(data, log).is_clean
    assert rebuild(kind, data, log).carried_decisions == 1
    reader = desk.reader("rhino", kind)
    (found,) = reader.dead_letters(state="DISCARDED").rows
    (decision,) = reader.decisions(found)
    reader.close()
    assert (decision.action, decision.reason, decision.decided_by) == (
        "DISCARD",
        "ticket 4711",
        None,
    )
    assert verify(data, log).is_clean


@pytest.mark.parametrize("kind", KINDS)
def test_a_retry_with_a_better_mapping_is_as_if_it_had_always_been_there(
    data: Path, log: MemoryLog, writer: RecordWriter, letter: Callable[[Kind], int], kind: Kind
) -> None:
    number = letter(kind)
    append(log, payment(writer, 400))
    import_all(kind, data, log)
    path = store_path(kind, data, "rhino")
    table = "transfers" if kind == "relational" else "documents"
    before = rows_of(path)
    desk = DeadLetterDesk(Runtimes(data=data), forgiving_mapping())
    history = history_of(log)
    done = desk.retry("rhino", number, store=kind, history=history)
    assert (done.state, done.settled) == ("REPLAYED", 1)
    after = rows_of(path)
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {
        table, "dead_letters", "dead_letter_decisions", "sqlite_sequence", "documents_words",
        "batches", "batch_amounts",
    }  # fmt: skip
    assert sum(row not in before[table] for row in after[table]) == 1, "no other payment changed"
    with pytest.raises(InvalidState, match="REPLAYED already"):
        desk.retry("rhino", number, store=kind, history=history)
    assert rows_of(path) == after
    (verified,) = (
        Verifier(Runtimes(data=data), history, forgiving_mapping()).verify(["rhino"]).tenants
    )
    theirs = [each for each in verified.differences if (each.store, each.table) == (kind, table)]
    assert {each.column for each in theirs} <= {"amount", "batch_id", "counted"}, (
        "older rows keep the old mapping"
    )
    key = str(open_key(path, table))
    assert not [each for each in theirs if key in each.key], "a retry is a fresh fold"


def open_key(path: Path, table: str) -> int:
    column = "workflow_instance_key" if table == "transfers" else "key"
    with closing(sqlite3.connect(path)) as connection:
        query = f"SELECT {column} FROM {table} WHERE transaction_id = 'tx-p'"
        (key,) = connection.execute(query).fetchone()
    return int(key)
