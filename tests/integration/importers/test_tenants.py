"""Tenants: each has a store of its own, new ones appear at run time, strangers get nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from importing import import_all, new_importer, onboard, prepare, rows_of, store_path
from record_stream import Instance, RecordWriter, channel_request

from phee.importers.process import KINDS, Kind
from phee.projections.dead_letter import UNKNOWN_TENANT
from phee.records import DEFAULT_TENANT, Record
from phee.stores.operator import open_operator_reader
from phee.stores.relational.filters import TransferFilter
from phee.stores.relational.queries import open_reader
from phee.stream.local import LocalStream
from phee.stream.memory import MemoryLog


def transfer(writer: RecordWriter, tenant: str, process: str = "") -> list[Record]:
    process = process or f"PayerFundTransfer-{tenant}"
    instance = Instance(writer, process, tenant_id=tenant)
    request = channel_request("10.00", payer=f"payer-of-{tenant}")
    return instance.start(transactionId=f"tx-{tenant}", channelRequest=request) + instance.end()


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_one_tenant_is_in_the_others_store(
    kind: Kind, tmp_path: Path, log: MemoryLog
) -> None:
    prepare(tmp_path, "rhino", "gorilla")
    writer = RecordWriter()
    log.append(transfer(writer, "rhino") + transfer(writer, "gorilla"))
    import_all(kind, tmp_path, log)
    for own, other in (("rhino", "gorilla"), ("gorilla", "rhino")):
        content = store_path(kind, tmp_path, own).read_bytes()
        assert f"payer-of-{own}".encode() in content
        assert f"payer-of-{other}".encode() not in content


def test_a_reader_sees_its_tenant_only(tmp_path: Path, log: MemoryLog) -> None:
    prepare(tmp_path, "rhino", "gorilla")
    writer = RecordWriter()
    log.append(transfer(writer, "rhino") + transfer(writer, "gorilla"))
    import_all("relational", tmp_path, log)
    reader = open_reader(tmp_path, "gorilla")
    assert [t.transaction_id for t in reader.list_transfers(TransferFilter()).rows] == [
        "tx-gorilla"
    ]
    assert reader.find_by_transaction_id("tx-rhino") == []
    reader.close()


@pytest.mark.parametrize("kind", KINDS)
def test_records_of_strangers_go_to_the_operator(
    kind: Kind, tmp_path: Path, log: MemoryLog
) -> None:
    onboard(tmp_path, "rhino")
    writer = RecordWriter()
    log.append(transfer(writer, "zebra") + transfer(writer, "rhino"))
    import_all(kind, tmp_path, log)
    reader = open_operator_reader(tmp_path)
    letters = reader.dead_letters(size=100)
    reader.close()
    assert letters.total > 0
    assert {letter.reason_code for letter in letters.rows} == {UNKNOWN_TENANT}
    assert {letter.tenant_id for letter in letters.rows} == {"zebra"}
    assert all('"zebra"' in (letter.record or "") for letter in letters.rows)
    assert not (tmp_path / "tenants" / "zebra").exists()
    assert b"zebra" not in store_path(kind, tmp_path, "rhino").read_bytes()
    assert log.acknowledged() == {kind: log.durable_position}


def test_the_default_tenant_is_a_tenant_like_any_other(tmp_path: Path, log: MemoryLog) -> None:
    writer = RecordWriter()
    log.append(transfer(writer, DEFAULT_TENANT, "PayerFundTransfer"))
    import_all("relational", tmp_path, log)
    import_all("relational", tmp_path, log)
    reader = open_reader(tmp_path, DEFAULT_TENANT)
    assert reader.list_transfers(TransferFilter()).total == 1
    reader.close()


def test_the_explicit_tenant_wins(tmp_path: Path, log: MemoryLog) -> None:
    prepare(tmp_path, "rhino", "gorilla")
    log.append(transfer(RecordWriter(), "rhino", "PayerFundTransfer-gorilla"))
    import_all("relational", tmp_path, log)
    assert rows_of(store_path("relational", tmp_path, "gorilla"))["transfers"] == []
    assert len(rows_of(store_path("relational", tmp_path, "rhino"))["transfers"]) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_tenant_onboarded_at_run_time(kind: Kind, tmp_path: Path, log: MemoryLog) -> None:
    onboard(tmp_path, "rhino")
    writer = RecordWriter()
    log.append(transfer(writer, "rhino"))
    importer = new_importer(kind, tmp_path, LocalStream(log, kind))
    importer.step()
    onboard(tmp_path, "gorilla")
    log.append(transfer(writer, "gorilla"))
    importer.step()
    importer.housekeep()
    assert log.acknowledged() == {kind: log.durable_position}
    importer.stop()
    importer.run()
    table = "transfers" if kind == "relational" else "documents"
    assert len(rows_of(store_path(kind, tmp_path, "gorilla"))[table]) == 1


def test_an_idle_tenant_does_not_hold_the_log(tmp_path: Path, log: MemoryLog) -> None:
    prepare(tmp_path, "rhino", "gorilla")
    writer = RecordWriter()
    for _ in range(5):
        log.append(transfer(writer, "rhino"))
    import_all("relational", tmp_path, log)
    assert log.acknowledged() == {"relational": log.durable_position}
    reader = open_reader(tmp_path, "gorilla")
    assert [mark.position for mark in reader.watermarks()] == [log.durable_position]
    reader.close()
