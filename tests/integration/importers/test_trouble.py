"""What goes wrong: poison records, stores that refuse, twins, logs that have forgotten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from importing import import_all, new_importer, prepare, rows_of, store_path
from record_stream import START_MS, Instance, RecordWriter, channel_request
from sqlalchemy.exc import OperationalError

from phee.errors import NotSupported
from phee.importers.importer import RecordsMissing
from phee.importers.process import KINDS, Kind
from phee.projections import dead_letter
from phee.records import Block, Record, RecordType, StoredRecord, ValueType
from phee.stores.operator import open_operator_reader
from phee.stores.relational.models import DeadLetter
from phee.stores.relational.queries import open_reader
from phee.stores.writing import Fenced, SqliteStore
from phee.stream.local import LocalStream
from phee.stream.memory import MemoryLog


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def writer() -> RecordWriter:
    return RecordWriter()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    prepare(tmp_path, "rhino", "gorilla")
    return tmp_path


def transfer(writer: RecordWriter, number: int = 1, tenant: str = "rhino") -> list[Record]:
    instance = Instance(writer, f"PayerFundTransfer-{tenant}", tenant_id=tenant)
    started = instance.start(transactionId=f"tx-{number}", channelRequest=channel_request())
    return started + instance.end()


def append_raw(log: MemoryLog, writer: RecordWriter, value_type: int, value: bytes) -> None:
    """Commit an event that no orchestrator of this version would write."""
    writer.position += 1
    raw = msgspec.Raw(value)
    stored = StoredRecord(
        writer.position, -1, 1, writer.clock_ms, int(RecordType.EVENT), value_type, 0, raw
    )
    content = msgspec.msgpack.encode(Block(1, log.epoch, log.partition_id, [stored]))
    log.append_block(writer.position, content)


def transfers(data: Path, tenant: str = "rhino") -> int:
    return len(rows_of(store_path("relational", data, tenant))["transfers"])


def operator_letters(data: Path) -> list[DeadLetter]:
    reader = open_operator_reader(data)
    letters = reader.dead_letters(size=100).rows
    reader.close()
    return letters


def tenant_letters(data: Path) -> list[DeadLetter]:
    reader = open_reader(data, "rhino")
    letters = reader.dead_letters(size=100).rows
    reader.close()
    return letters


@pytest.mark.parametrize(
    ("value_type", "value", "code"),
    [
        (ValueType.VARIABLE, b"\xc1", dead_letter.UNREADABLE),
        (ValueType.VARIABLE, msgspec.msgpack.encode({"name": 1}), dead_letter.UNREADABLE),
        (ValueType.VARIABLE, msgspec.msgpack.encode([7, "text"]), dead_letter.UNREADABLE),
        (99, msgspec.msgpack.encode(["a", "b"]), dead_letter.UNKNOWN_TYPE),
    ],
)
def test_a_record_nobody_can_read_is_kept_and_the_stream_goes_on(
    data: Path, log: MemoryLog, writer: RecordWriter, value_type: int, value: bytes, code: str
) -> None:
    log.append(transfer(writer))
    if value == b"\xc1":  # not even MessagePack: such a block cannot be taken apart
        code = dead_letter.UNREADABLE_BLOCK
    append_raw(log, writer, value_type, value)
    log.append(transfer(writer, 2))
    import_all("relational", data, log)
    (letter,) = operator_letters(data)
    assert letter.reason_code == code
    assert letter.record is not None
    assert bytes(value).hex() in letter.record
    assert transfers(data) == 2


def test_a_block_of_garbage_is_kept_and_the_stream_goes_on(
    data: Path, log: MemoryLog, writer: RecordWriter
) -> None:
    log.append(transfer(writer))
    writer.position += 1
    log.append_block(writer.position, b"\xff garbage")
    log.append(transfer(writer, 2))
    import_all("relational", data, log)
    (letter,) = operator_letters(data)
    assert letter.reason_code == dead_letter.UNREADABLE_BLOCK
    assert letter.record == b"\xff garbage".hex()
    assert transfers(data) == 2


def test_blocks_of_a_newer_version_stop_the_importer(
    data: Path, log: MemoryLog, writer: RecordWriter
) -> None:
    log.append_block(5, msgspec.msgpack.encode([2, 1, 1, "something new"]))
    importer = new_importer("relational", data, LocalStream(log, "relational"))
    with pytest.raises(NotSupported, match="newer version"):
        importer.run()
    assert log.acknowledged() == {"relational": 0}


@pytest.mark.parametrize("amount", ["twelve", "-5", 5.123456, [1], True, "1e5"])
def test_a_wrong_amount_is_a_dead_letter_and_everything_else_is_there(
    data: Path, log: MemoryLog, writer: RecordWriter, amount: Any
) -> None:
    request = json.loads(channel_request())
    request["amount"]["amount"] = amount
    instance = Instance(writer)
    log.append(instance.start(transactionId="tx", channelRequest=json.dumps(request)))
    log.append(instance.end())
    import_all("relational", data, log)
    (letter,) = tenant_letters(data)
    assert letter.reason_code == dead_letter.NOT_PROJECTED
    assert letter.process_instance_key == instance.key
    assert "amount" in letter.reason
    assert "twelve" not in letter.reason
    reader = open_reader(data, "rhino")
    stored = reader.get_transfer(instance.key)
    assert (stored.amount, stored.currency, stored.status) == (None, "EUR", "COMPLETED")
    assert "channelRequest" in {v.name for v in reader.variables(instance.key)}
    reader.close()


def test_dead_letters_are_not_doubled_by_a_replay(
    data: Path, log: MemoryLog, writer: RecordWriter
) -> None:
    log.append(Instance(writer).start(channelRequest="{broken"))
    append_raw(log, writer, 99, b"\x90")
    for _ in range(2):
        import_all("relational", data, log)
        store_path("relational", data, "gorilla").unlink()  # makes the next run begin at 0
    assert len(operator_letters(data)) == 1
    assert len(tenant_letters(data)) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_the_store_refuses_becomes_a_dead_letter(
    kind: Kind, data: Path, log: MemoryLog, writer: RecordWriter
) -> None:
    log.append(transfer(writer))
    poison = Instance(writer, "some_flow", tenant_id="rhino")
    poison.key = 1 << 63  # no database has a column for it
    log.append(transfer(writer, 2) + poison.start() + transfer(writer, 3))
    import_all(kind, data, log)
    rows = rows_of(store_path(kind, data, "rhino"))
    assert {letter[4] for letter in rows["dead_letters"]} == {dead_letter.REFUSED}
    table, kinds = ("transfers", ()) if kind == "relational" else ("documents", ("payment",))
    assert len([row for row in rows[table] if not kinds or row[1] in kinds]) == 3
    assert log.acknowledged() == {kind: log.durable_position}


# --- stores in trouble ---


class Flaky:
    """Lets the transactions of one tenant fail a number of times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tenant: str, failures: int) -> None:
        self.left = failures
        write = SqliteStore.write

        def failing(store: Any, *arguments: Any) -> int:
            if tenant in str(store._path) and self.left:
                self.left -= 1
                raise OperationalError("disk I/O error", None, Exception())
            return write(store, *arguments)

        monkeypatch.setattr(SqliteStore, "write", failing)


@pytest.mark.parametrize("kind", KINDS)
def test_a_failing_tenant_waits_alone_and_catches_up(
    kind: Kind, data: Path, log: MemoryLog, writer: RecordWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phee.importers.slots.RETRY_S_MIN", 0.0)
    monkeypatch.setattr("phee.importers.slots.RETRY_S_MAX", 0.0)
    monkeypatch.setattr("phee.importers.importer.BATCH_BYTES", 1_000)
    flaky = Flaky(monkeypatch, "rhino", 6)
    for number in range(4):
        log.append(transfer(writer, number) + transfer(writer, number, "gorilla"))
    importer = new_importer(kind, data, LocalStream(log, kind))
    importer.step()
    assert importer.progress.stalled_tenants == 1
    importer.housekeep()
    assert log.acknowledged()[kind] == 0, "the log must keep what the stalled tenant lacks"
    while importer.progress.stalled_tenants or importer.progress.lag_records:
        importer.step()
    importer.housekeep()
    assert flaky.left == 0
    assert log.acknowledged()[kind] == log.durable_position
    importer.stop()
    importer.run()
    table = "transfers" if kind == "relational" else "documents"
    for tenant in ("rhino", "gorilla"):
        assert len(rows_of(store_path(kind, data, tenant))[table]) == 4


def test_others_go_on_while_one_tenant_fails(
    data: Path, log: MemoryLog, writer: RecordWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    Flaky(monkeypatch, "rhino", 1_000_000)
    importer = new_importer("relational", data, LocalStream(log, "relational"))
    for number in range(3):
        log.append(transfer(writer, number) + transfer(writer, number, "gorilla"))
        importer.step()
    assert transfers(data, "gorilla") == 3
    assert transfers(data, "rhino") == 0
    importer.stop()
    importer.run()


# --- twins ---


@pytest.mark.parametrize("kind", KINDS)
def test_a_twin_takes_over_and_the_older_one_is_fenced(
    kind: Kind, data: Path, log: MemoryLog, writer: RecordWriter
) -> None:
    older = new_importer(kind, data, LocalStream(log, kind))
    log.append(transfer(writer, 1))
    older.step()
    newer = new_importer(kind, data, LocalStream(log, kind))
    newer.step()
    log.append(transfer(writer, 2))
    with pytest.raises(Fenced):
        older.step()
    newer.step()
    newer.stop()
    newer.run()
    table = "transfers" if kind == "relational" else "documents"
    assert len(rows_of(store_path(kind, data, "rhino"))[table]) == 2


# --- logs ---


def test_a_hole_in_the_log_is_an_error_not_a_gap(
    data: Path, log: MemoryLog, writer: RecordWriter
) -> None:
    log.append(transfer(writer, 1))
    import_all("relational", data, log)
    log.append(transfer(writer, 2))
    log.append(transfer(writer, 3))
    log.drop_before(log.durable_position)
    importer = new_importer("relational", data, LocalStream(log, "relational"))
    with pytest.raises(RecordsMissing, match="Rebuild"):
        importer.run()


def test_a_new_life_of_the_engine_is_kept_apart(data: Path) -> None:
    """A rebuilt engine gives the same keys again; epochs name lives, they do not order them."""
    for epoch, clock_ms in ((900, START_MS), (7, START_MS + 1_000)):
        log = MemoryLog(epoch=epoch)
        log.append(transfer(RecordWriter(clock_ms=clock_ms), epoch))
        import_all("relational", data, log)
    reader = open_reader(data, "rhino")
    key = reader.find_by_transaction_id("tx-7")[0].workflow_instance_key
    assert reader.get_transfer(key).transaction_id == "tx-7"
    assert {v.epoch for v in reader.variables(key)} == {7}
    assert reader.get_transfer(key, epoch=900).transaction_id == "tx-900"
    assert {v.epoch for v in reader.variables(key, epoch=900)} == {900}
    assert len(reader.watermarks()) == 2
    reader.close()
