"""What goes wrong with a server under way: locks, lost connections, paused twins."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec
import pymysql
import pytest
from mariadb_server import MariaDbServer
from record_stream import Instance, Record, RecordWriter
from relational_runtimes import TENANTS, MysqlRuntime
from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError
from two_tenants import LAST, RECORDS, expected_rows, import_log, log_of, rows_of_all

from phee.errors import Unavailable
from phee.importers.process import RegisteredTenants, make_sorter
from phee.projections import dead_letter
from phee.projections.dead_letter import DeadLetter
from phee.projections.mapping import default_mapping
from phee.projections.relational import RelationalFold
from phee.records import encode_block
from phee.stores.mysql import connections
from phee.stores.mysql.connections import error_code
from phee.stores.mysql.names import database_name
from phee.stores.mysql.passwords import read_password
from phee.stores.relational import tables
from phee.stores.writing import Fenced, LaneWork
from phee.stream.memory import MemoryLog
from phee.stream.port import Chunk, Lane

pytestmark = pytest.mark.services
LANE = Lane(1, 1)


def fold_of(runtime: MysqlRuntime, records: list[Record]) -> Any:
    sorter = make_sorter("relational", RegisteredTenants(runtime.data), default_mapping())
    last = records[-1].position
    chunk = Chunk(LANE, [(last, encode_block(1, 1, records))], 1, last)
    return sorter.sort(chunk, after=0, applied=lambda _: 0).tenants["rhino"].fold


@pytest.fixture
def store(mysql: MysqlRuntime) -> Iterator[Any]:
    store = mysql.stores.open_store("rhino")
    store.claim(LANE, "o", start=0)
    yield store
    store.close()


@pytest.fixture
def other(mysql: MysqlRuntime) -> Iterator[Engine]:
    engine = mysql.engine("rhino")
    yield engine
    engine.dispose()


def errors_of(store: Any) -> list[int | None]:
    """Every error that the database gives this store from now on."""
    seen: list[int | None] = []

    def note(context: Any) -> None:
        seen.append(error_code(context.original_exception))

    event.listen(store._engine, "handle_error", note)
    return seen


def in_thread(work: Any) -> tuple[threading.Thread, list[Any]]:
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(work())
        except Exception as error:  # noqa: BLE001 - looked at by the test
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


def wait_until_blocked(server: MariaDbServer, mysql: MysqlRuntime) -> None:
    """Return once a statement of the tenant has waited for a moment."""
    password = read_password(mysql.data, "rhino")
    deadline = time.monotonic() + 20
    account = {"user": database_name("phee", "rhino"), "password": password}
    with server.connect(**account) as connection, connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(
                "SELECT id FROM information_schema.processlist"
                " WHERE command = 'Query' AND time_ms > 100 AND id <> CONNECTION_ID()"
            )
            if cursor.fetchall():
                return
            time.sleep(0.01)
    raise AssertionError("no statement waits")


def test_the_victim_of_a_deadlock_tries_again(
    mysql: MysqlRuntime, mariadb: MariaDbServer, store: Any, other: Engine
) -> None:
    store.write([LaneWork(LANE, 40, fold_of(mysql, Instance(RecordWriter()).start()))])
    seen = errors_of(store)
    writes = fold_of(mysql, Instance(RecordWriter(first_position=50)).start())
    with other.begin() as connection:
        # A transaction that has changed much is not chosen as the victim.
        for number in range(200):
            connection.exec_driver_sql(
                "INSERT INTO transfers (epoch, workflow_instance_key) VALUES (9, %s)", (number,)
            )
        connection.exec_driver_sql("SELECT * FROM transfers FOR UPDATE").all()
        thread, outcome = in_thread(lambda: store.write([LaneWork(LANE, 90, writes)]))
        wait_until_blocked(mariadb, mysql)
        connection.exec_driver_sql("SELECT * FROM watermarks FOR UPDATE").all()
    thread.join(30)
    assert 1213 in seen
    assert outcome[0] > 0
    assert store.position(LANE) == 90


def test_a_lock_that_is_held_for_long_is_waited_for_again(
    mysql: MysqlRuntime, store: Any, other: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store._engine.connect() as connection:  # its one connection keeps the setting
        connection.exec_driver_sql("SET SESSION innodb_lock_wait_timeout = 1")
    seen = errors_of(store)
    with other.begin() as connection:
        connection.exec_driver_sql("SELECT * FROM watermarks FOR UPDATE").all()
        thread, outcome = in_thread(lambda: store.write([LaneWork(LANE, 3)]))
        while not seen:
            time.sleep(0.01)
    thread.join(30)
    assert set(seen) == {1205}
    assert outcome == [0]
    assert store.position(LANE) == 3


def test_a_lock_that_is_held_for_ever_is_not_waited_for_for_ever(
    store: Any, other: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phee.stores.mysql.store.TRIES", 2)
    with store._engine.connect() as connection:
        connection.exec_driver_sql("SET SESSION innodb_lock_wait_timeout = 1")
    with other.begin() as connection:
        connection.exec_driver_sql("SELECT * FROM watermarks FOR UPDATE").all()
        with pytest.raises(DBAPIError) as raised:
            store.write([LaneWork(LANE, 3)])
    assert error_code(raised.value) == 1205
    assert store.position(LANE) == 0


def kill_connections(server: MariaDbServer, mysql: MysqlRuntime, *, but: int = 0) -> int:
    """End every other connection of the tenant's account but one, as an operator might."""
    account = {
        "user": database_name("phee", "rhino"),
        "password": read_password(mysql.data, "rhino"),
    }
    with server.connect(**account) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID()")
        ids = [row[0] for row in cursor.fetchall() if row[0] != but]
        for number in ids:
            with suppress(pymysql.OperationalError):  # it may have ended by itself
                cursor.execute(f"KILL {number:d}")
        return len(ids)


def test_an_idle_connection_that_was_lost_is_not_noticed(
    mysql: MysqlRuntime, mariadb: MariaDbServer, store: Any
) -> None:
    reader = mysql.stores.open_reader("rhino")
    assert reader.watermarks()[0].position == 0
    assert kill_connections(mariadb, mysql) >= 2
    store.write([LaneWork(LANE, 5)])
    assert reader.watermarks()[0].position == 5
    reader.close()


def test_a_connection_that_is_lost_under_way_is_an_open_question(
    mysql: MysqlRuntime, mariadb: MariaDbServer, store: Any, other: Engine
) -> None:
    """Never is it taken for data that the database refuses, nor for nothing."""
    holder = other.connect()
    number = holder.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()
    holder.exec_driver_sql("SELECT * FROM watermarks FOR UPDATE").all()
    thread, outcome = in_thread(lambda: store.write([LaneWork(LANE, 5)]))
    wait_until_blocked(mariadb, mysql)
    kill_connections(mariadb, mysql, but=number)  # were its locks gone, the other might get through
    thread.join(30)
    holder.close()
    assert isinstance(outcome[0], Unavailable)
    assert store.position(LANE) in (0, 5)
    store.write([LaneWork(LANE, 5)])
    assert store.position(LANE) == 5


def test_a_read_only_server_is_left_and_waited_for(
    mysql: MysqlRuntime, mariadb: MariaDbServer, store: Any
) -> None:
    """By tenants and by the operator's letters: another server may be the one to write to now."""
    operator = mysql.stores.open_operator_letters("relational")
    letter = DeadLetter(
        epoch=1, partition_id=1, position=7, reason_code=dead_letter.UNREADABLE, reason="a test"
    )
    root = mariadb.connect_as_root()
    server = root.cursor()
    server.execute("SET GLOBAL read_only = 1")
    try:
        for write in (
            lambda: store.write([LaneWork(LANE, 5)]),
            lambda: operator.write([letter]),
        ):
            with pytest.raises(Unavailable, match="read-only"):
                write()
    finally:
        server.execute("SET GLOBAL read_only = 0")
        root.close()
    operator.write([letter])
    operator.close()
    store.write([LaneWork(LANE, 5)])
    assert store.position(LANE) == 5


def test_connections_that_are_lost_all_the_time_change_nothing(
    mysql: MysqlRuntime, mariadb: MariaDbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phee.importers.slots.RETRY_S_MIN", 0.01)
    monkeypatch.setattr("phee.importers.slots.RETRY_S_MAX", 0.05)
    monkeypatch.setattr("phee.importers.importer.BATCH_BYTES", 4_000)
    seed = time.time_ns() % 1_000_000
    print(f"seed {seed}")
    rng, done, killed = random.Random(seed), threading.Event(), 0

    def kill_until_done() -> None:
        nonlocal killed
        while not done.wait(rng.uniform(0.0, 0.06)):
            killed += kill_connections(mariadb, mysql)

    thread, outcome = in_thread(kill_until_done)
    log = log_of(RECORDS)
    import_log(mysql, log)
    done.set()
    thread.join(20)
    assert outcome == [None]
    assert killed > 3
    assert log.acknowledged() == {"relational": LAST}
    assert rows_of_all(mysql) == expected_rows()


def test_lanes_of_one_tenant_may_be_written_at_once(mysql: MysqlRuntime) -> None:
    """As from a stream with one topic per value type, each read by an importer of its own."""
    types = sorted({record.value_type for record in RECORDS})
    sorter = make_sorter("relational", RegisteredTenants(mysql.data), default_mapping())

    def write(value_type: int) -> None:
        lane = Lane(1, 1, f"topic-{value_type}")
        of_type = [record for record in RECORDS if record.value_type == value_type]
        stores = {tenant: mysql.stores.open_store(tenant) for tenant in TENANTS}
        for store in stores.values():
            store.claim(lane, "o", start=0)
        for start in range(0, len(of_type), 10):
            content = msgspec.msgpack.encode((1, 1, 1, of_type[start : start + 10]))
            last = of_type[start : start + 10][-1].position
            batch = sorter.sort(
                Chunk(lane, [(last, content)], 1, last), after=0, applied=lambda _: 0
            )
            for tenant, work in batch.tenants.items():
                stores[tenant].write([LaneWork(lane, last, work.fold, work.letters)])
        for store in stores.values():
            store.close()

    threads = [in_thread(lambda value_type=value_type: write(value_type)) for value_type in types]
    for thread, _ in threads:
        thread.join(60)
    assert [outcome for _, outcome in threads] == [[None]] * len(types)
    assert rows_of_all(mysql) == expected_rows()


def test_an_incident_of_another_lane_is_not_overlooked(
    mysql: MysqlRuntime, mariadb: MariaDbServer, store: Any, other: Engine
) -> None:
    """Its transaction came too early to find the transfer, and commits too late to be seen."""
    instance = Instance(RecordWriter())
    incident = {
        "epoch": 1, "incident_key": 1, "process_instance_key": instance.key,
        "process_definition_key": 1, "bpmn_process_id": "p", "element_id": "e",
        "error_type": "JOB_NO_RETRIES", "state": "OPEN",
    }  # fmt: skip
    with other.begin() as connection:
        connection.execute(tables.incidents.insert(), incident)
        thread, outcome = in_thread(
            lambda: store.write([LaneWork(LANE, 40, fold_of(mysql, instance.start()))])
        )
        wait_until_blocked(mariadb, mysql)
    thread.join(30)
    assert outcome[0] > 0
    reader = mysql.stores.open_reader("rhino")
    assert reader.get_transfer(instance.key).status == "EXCEPTION"
    reader.close()


def test_a_paused_twin_does_not_hold_the_store_for_ever(
    mysql: MysqlRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sleeps in the middle of a transaction, and wakes up when another has gone on."""
    monkeypatch.setattr(
        connections, "_SESSION", "SET SESSION innodb_lock_wait_timeout=2, SESSION wait_timeout=1"
    )
    paused, newer = (mysql.stores.open_store("rhino") for _ in range(2))
    paused.claim(LANE, "paused", start=0)
    asleep, woken = threading.Event(), threading.Event()

    def sleeping_apply(*_: Any) -> int:
        asleep.set()
        woken.wait(60)
        return 0

    monkeypatch.setattr(paused, "_apply", sleeping_apply)
    fold = RelationalFold(1)
    thread, outcome = in_thread(lambda: paused.write([LaneWork(LANE, 7, fold)]))
    asleep.wait(20)
    began = time.monotonic()
    assert newer.claim(LANE, "newer", start=0) == 0
    assert time.monotonic() - began < 10
    newer.write([LaneWork(LANE, 3)])
    woken.set()
    thread.join(30)
    assert isinstance(outcome[0], Unavailable)
    with pytest.raises(Fenced):
        paused.write([LaneWork(LANE, 7)])
    assert newer.position(LANE) == 3
    for one in (paused, newer):
        one.close()


def test_a_record_of_five_megabytes_is_a_record(mysql: MysqlRuntime) -> None:
    log, writer = MemoryLog(), RecordWriter()
    instance = Instance(writer)
    log.append([*instance.start(), instance.variable("huge", "\\" * (5 << 20))])
    import_log(mysql, log)
    reader = mysql.stores.open_reader("rhino")
    (found,) = reader.variables(instance.key)
    assert len(found.value) == 2 * (5 << 20) + 2
    reader.close()
