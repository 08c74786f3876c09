"""A cluster without tenants: records that name no process go to whom they belong, or to nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from business_stream import message, timer
from importing import import_all, new_importer, prepare, rows_of, store_path
from record_stream import Instance, RecordWriter

from phee.errors import Unavailable
from phee.projections.dead_letter import UNKNOWN_TENANT
from phee.records import DEFAULT_TENANT
from phee.records.types import TimerIntent
from phee.stores.operator import open_operator_reader
from phee.stores.relational.store import SqliteRelationalStore
from phee.stream.local import LocalStream
from phee.stream.memory import MemoryLog


def timers(data: Path, tenant_id: str) -> int:
    return len(rows_of(store_path("relational", data, tenant_id)).get("timers", []))


def untenanted(writer: RecordWriter, process_id: str, definition_key: int) -> Instance:
    return Instance(writer, process_id, tenant_id=DEFAULT_TENANT, definition_key=definition_key)


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


def test_a_timer_goes_where_its_process_belongs(tmp_path: Path, log: MemoryLog) -> None:
    prepare(tmp_path, "rhino", "gorilla")
    writer = RecordWriter()
    rhino = untenanted(writer, "PayerFundTransfer-rhino", 501)
    nobody = untenanted(writer, "some_flow", 502)
    log.append(
        [
            *rhino.start(),
            timer(rhino, TimerIntent.CREATED, writer.key()),
            *nobody.start(),
            timer(nobody, TimerIntent.CREATED, writer.key()),
        ]
    )
    import_all("relational", tmp_path, log)
    assert [timers(tmp_path, one) for one in ("rhino", "gorilla", DEFAULT_TENANT)] == [1, 0, 1]


def test_an_importer_that_began_later_knows_it_too(tmp_path: Path, log: MemoryLog) -> None:
    prepare(tmp_path, "rhino", "gorilla")
    writer = RecordWriter()
    rhino = untenanted(writer, "PayerFundTransfer-rhino", 501)
    log.append(rhino.start())
    import_all("relational", tmp_path, log)
    log.append([timer(rhino, TimerIntent.CREATED, writer.key())])
    import_all("relational", tmp_path, log)
    assert [timers(tmp_path, one) for one in ("rhino", "gorilla", DEFAULT_TENANT)] == [1, 0, 0]


def test_while_a_store_is_silent_nobody_gets_its_timer(
    tmp_path: Path, log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path, "rhino", "gorilla")
    writer = RecordWriter()
    rhino = untenanted(writer, "PayerFundTransfer-rhino", 501)
    log.append(rhino.start())
    import_all("relational", tmp_path, log)

    def silent(*_: Any) -> None:
        raise Unavailable("the store does not answer")

    monkeypatch.setattr(SqliteRelationalStore, "process_id", silent)
    log.append([timer(rhino, TimerIntent.CREATED, writer.key())])
    importer = new_importer("relational", tmp_path, LocalStream(log, "relational"))
    importer.step()
    importer.stop()
    importer.run()
    assert [timers(tmp_path, one) for one in ("rhino", "gorilla", DEFAULT_TENANT)] == [0, 0, 0]
    reader = open_operator_reader(tmp_path)
    (letter,) = reader.dead_letters().rows
    reader.close()
    assert (letter.reason_code, letter.value_type) == (UNKNOWN_TENANT, "TIMER")


def test_messages_go_to_the_tenant_they_carry(tmp_path: Path, log: MemoryLog) -> None:
    prepare(tmp_path, "rhino", "gorilla")
    writer = RecordWriter()
    records = [one for step in message(writer, "rhino") for one in step]
    records += [one for step in message(writer, DEFAULT_TENANT) for one in step]
    log.append(records)
    import_all("relational", tmp_path, log)
    found = {
        tenant: len(rows_of(store_path("relational", tmp_path, tenant))["messages"])
        for tenant in ("rhino", "gorilla", DEFAULT_TENANT)
    }
    assert found == {"rhino": 1, "gorilla": 0, DEFAULT_TENANT: 1}
