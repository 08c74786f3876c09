"""Faults between the relational importer and its database: see the tables in fault_cases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pymysql
import pytest
from child_nursery import Child
from failpoints import step
from fault_cases import (
    DATABASE_KILLS,
    DATABASE_TROUBLE,
    RELATIONAL_KILLS,
    RELATIONAL_NETWORK,
    RELATIONAL_ONBOARDING,
    Case,
    named,
    table,
)
from fault_world import ROUNDS, Scene, rng_of
from faulty_tcp import Fault, sql
from fold_check import wait_until

from phee.stores.mysql import connections
from phee.stores.mysql.names import database_name

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(600)]
TENANT = "rhino"
IMPATIENT = {
    "phee.stores.mysql.connections:_SESSION": connections._SESSION.replace(
        f"lock_wait_timeout={connections.LOCK_WAIT_S}", "lock_wait_timeout=1"
    ),
    "phee.stores.mysql.store:TRIES": 2,
}


@pytest.fixture(autouse=True)
def relational(scene: Scene) -> None:
    scene.kinds = ("relational",)


def paused(scene: Scene, case: Case, **options: Any) -> Child:
    """An importer that has come to the step of the case and waits there."""
    child = scene.start("relational", step(case.step, action="pause", skip=case.skip), **options)
    child.wait_paused()
    return child


@table(RELATIONAL_KILLS)
def test_killed_at_a_step(scene: Scene, case: Case) -> None:
    rng = rng_of(case.name)
    for number in range(ROUNDS):
        skip = rng.randrange(case.skip + 1) if number else case.skip
        scene.start("relational", step(case.step, skip=skip)).wait_killed()
    scene.settle()


@table(RELATIONAL_ONBOARDING)
def test_killed_while_a_tenant_is_onboarded(scene: Scene, case: Case) -> None:
    name = database_name("phee", TENANT)
    with scene.components.mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE `{name}`")
        cursor.execute(f"DROP USER `{name}`@`%`")
    scene.start("relational", step(case.step, skip=case.skip)).wait_killed()
    scene.settle()


@table(RELATIONAL_NETWORK)
def test_network(scene: Scene, case: Case) -> None:
    kind, times, statement = case.options
    proxy = scene.components.database_proxy
    proxy.arm(Fault(kind, sql(statement), case.skip, times, 3 if kind == "stall" else 2))
    scene.start("relational", database=scene.proxied_database)
    scene.settle()
    assert proxy.struck == times, "the fault did not happen as often as it should"


@table(DATABASE_KILLS)
def test_database_killed(scene: Scene, case: Case) -> None:
    child = paused(scene, case)
    scene.components.mariadb.kill()
    child.resume()
    wait_until(lambda: "tenant stalled" in child.said(), "the importer notices", child.said)
    scene.components.mariadb.start()
    scene.settle()


def test_database_away_at_start(scene: Scene) -> None:
    scene.components.mariadb.kill()
    child = scene.start("relational")
    try:
        wait_until(lambda: "tenant stalled" in child.said(), "the importer notices", child.said)
    finally:
        scene.components.mariadb.start()
    scene.settle()


# --- other sessions ---


@contextmanager
def session(scene: Scene, database: str = "") -> Iterator[Any]:
    """A session of the database's administrator."""
    connection = scene.components.mariadb.connect_as_root(
        database=database or database_name("phee", TENANT)
    )
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def hold(scene: Scene, case: Case, *statements: str) -> None:
    """Let another session do ``statements`` at the step of a case, until a tenant is stalled."""
    child = paused(scene, case, constants=IMPATIENT)
    with session(scene) as cursor:
        for statement in statements:
            cursor.execute(statement)
        child.resume()
        wait_until(lambda: "tenant stalled" in child.said(), "the lock is met", child.said)
    scene.settle()


def test_row_lock(scene: Scene) -> None:
    case = named(DATABASE_TROUBLE, "relational/row-lock")
    hold(scene, case, "BEGIN", "SELECT * FROM watermarks FOR UPDATE")


def test_table_lock(scene: Scene) -> None:
    hold(scene, named(DATABASE_TROUBLE, "relational/table-lock"), "LOCK TABLES transfers WRITE")


def test_metadata_lock(scene: Scene) -> None:
    case = named(DATABASE_TROUBLE, "relational/metadata-lock")
    child = paused(scene, case, constants=IMPATIENT)
    with ExitStack() as held:
        reader = held.enter_context(session(scene))
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM transfers")
        changer = held.enter_context(session(scene))
        changing = threading.Thread(
            target=lambda: changer.execute("ALTER TABLE transfers COMMENT = 'changed'")
        )
        changing.start()
        wait_until(lambda: waiting(scene, "ALTER"), "the change waits")
        child.resume()
        wait_until(lambda: "tenant stalled" in child.said(), "the lock is met", child.said)
        reader.execute("ROLLBACK")
        changing.join(30)
    scene.settle()


def waiting(scene: Scene, beginning: str) -> bool:
    with session(scene) as cursor:
        cursor.execute(
            "SELECT 1 FROM information_schema.processlist"
            " WHERE command = 'Query' AND time_ms > 50 AND info LIKE %s",
            (f"{beginning}%",),
        )
        return bool(cursor.fetchall())


def test_deadlock(scene: Scene) -> None:
    case = named(DATABASE_TROUBLE, "relational/deadlock")
    child = paused(scene, case)
    with session(scene) as cursor:
        cursor.execute("BEGIN")
        for number in range(300):  # who has changed much is not the victim
            cursor.execute(
                "INSERT INTO transfers (epoch, workflow_instance_key) VALUES (9, %s)", (number,)
            )
        cursor.execute("SELECT * FROM transfers FOR UPDATE")
        before = deadlocks(cursor)
        child.resume()
        wait_until(lambda: waiting(scene, "INSERT") or waiting(scene, "UPDATE"), "it waits")
        cursor.execute("SELECT * FROM watermarks FOR UPDATE")
        assert deadlocks(cursor) > before
        cursor.execute("ROLLBACK")
    scene.settle()


def deadlocks(cursor: Any) -> int:
    cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")
    return int(cursor.fetchone()[1])


def test_no_connection_free(scene: Scene) -> None:
    rng_of("relational/no-connection-free")
    taken: list[Any] = []
    with session(scene) as cursor:
        cursor.execute("SET GLOBAL max_connections = 10")
        try:
            with suppress(pymysql.OperationalError):
                while len(taken) < 20:
                    taken.append(scene.components.mariadb.connect())
            assert len(taken) < 20
            child = scene.start("relational")
            wait_until(lambda: "tenant stalled" in child.said(), "no connection", child.said)
        finally:
            cursor.execute("SET GLOBAL max_connections = 151")
            for connection in taken:
                connection.close()
    scene.settle()


def test_read_only_server(scene: Scene) -> None:
    case = named(DATABASE_TROUBLE, "relational/read-only-server")
    child = paused(scene, case)
    with session(scene) as cursor:
        cursor.execute("SET GLOBAL read_only = 1")
        try:
            child.resume()
            wait_until(lambda: "tenant stalled" in child.said(), "it is noticed", child.said)
        finally:
            cursor.execute("SET GLOBAL read_only = 0")
    scene.settle()


def test_connections_killed(scene: Scene) -> None:
    case = named(DATABASE_TROUBLE, "relational/connections-killed")
    rng, done, killed = rng_of(case.name), threading.Event(), 0

    def kill_until_done() -> None:
        nonlocal killed
        with session(scene) as cursor:
            while not done.wait(rng.uniform(0.0, 0.08)):
                killed += kill_connections(cursor)

    thread = threading.Thread(target=kill_until_done)
    scene.start("relational")
    thread.start()
    wait_until(lambda: killed >= 5 or scene.has_all("relational"), "connections are killed")
    done.set()
    thread.join(30)
    assert killed
    scene.settle()


def kill_connections(cursor: Any) -> int:
    cursor.execute(
        "SELECT id FROM information_schema.processlist WHERE user LIKE 'phee\\_%'"
        " AND user <> 'phee_operator'"
    )
    ids = [row[0] for row in cursor.fetchall()]
    for number in ids:
        with suppress(pymysql.OperationalError):  # it may have ended by itself
            cursor.execute(f"KILL {number:d}")
    return len(ids)
