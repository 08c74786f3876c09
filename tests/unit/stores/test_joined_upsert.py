"""Groups of a document that are written together come out as when each is written by itself."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from phee.projections.documents import (
    INSTANCE_DOCUMENTS,
    PAYMENT,
    PAYMENT_JOBS,
    PAYMENT_TARGETS,
    PAYMENT_VARIABLES,
    InstanceDocument,
    PaymentJobs,
    PaymentVariables,
)
from phee.projections.rows import RowChange, Target
from phee.stores.joined_upsert import JoinedUpsert
from phee.stores.search import tables
from phee.stores.sqlite import writer_engine
from phee.stores.upsert import Upsert

Batch = dict[Target, list[RowChange]]
TEXTS = ("one", "two", None)
JOINED = JoinedUpsert(PAYMENT_TARGETS, tables.documents, {"status": lambda *_: "NEW"})
ALONE = {target: Upsert(target, tables.documents) for target in PAYMENT_TARGETS}


def instance(chance: random.Random, key: int) -> InstanceDocument:
    return InstanceDocument(
        1, chance.randrange(50), PAYMENT, key, key, "p", "p", chance.choice(TEXTS),
        chance.choice((None, 1, 2, 3)), chance.choice((None, 5)), None, chance.choice(TEXTS),
    )  # fmt: skip


def variables(chance: random.Random, key: int) -> PaymentVariables:
    fields: dict[str, Any] = dict.fromkeys(PaymentVariables.__struct_fields__[5:])
    fields |= {"direction": "OUTGOING", "transaction_id": chance.choice(TEXTS)}
    fields["amount"] = chance.choice((None, Decimal(7), Decimal("7.5")))
    return PaymentVariables(1, chance.randrange(50), PAYMENT, key, key, **fields)


def jobs(chance: random.Random, key: int) -> PaymentJobs:
    return PaymentJobs(1, chance.randrange(50), PAYMENT, key, key, chance.randrange(2))


def batch(chance: random.Random) -> Batch:
    """Some groups of some payments; what both a run and its variables say is the same."""
    made: Batch = {target: [] for target in PAYMENT_TARGETS}
    for key in range(4):
        run, mapped = instance(chance, key), variables(chance, key)
        run.direction = mapped.direction
        groups = (run, mapped, jobs(chance, key))
        for target, group in zip(PAYMENT_TARGETS, groups, strict=True):
            if chance.random() < 0.6:
                made[target].append(group)
    return made


def write(connection: Connection, changes: Batch, *, joined: bool) -> int:
    rest: dict[Target, Any] = dict(changes)
    count = JOINED.take(connection, rest) if joined else 0
    return count + sum(ALONE[target].apply(connection, rows) for target, rows in rest.items())


def documents(connection: Connection) -> list[Any]:
    columns = [c for c in tables.documents.c if c.name not in ("id", "status")]
    return list(connection.execute(select(*columns).order_by(tables.documents.c.key)))


@pytest.mark.parametrize("seed", range(20))
def test_together_is_as_apart(tmp_path: Path, seed: int) -> None:
    print("seed", seed)
    chance = random.Random(seed)
    engines = [writer_engine(tmp_path / name) for name in ("together.db", "apart.db")]
    together, apart = (engine.connect() for engine in engines)
    for connection in (together, apart):
        tables.create(connection)
    for _ in range(8):
        changes = batch(chance)
        written = [write(c, changes, joined=c is together) for c in (together, apart)]
        assert written[0] == written[1] == sum(map(len, changes.values()))
        assert documents(together) == documents(apart)
    together.exec_driver_sql(
        "INSERT INTO documents_text(documents_text) VALUES ('integrity-check')"
    )
    for connection, engine in zip((together, apart), engines, strict=True):
        connection.close()
        engine.dispose()


def test_what_a_new_row_begins_with_is_for_new_rows_only(tmp_path: Path) -> None:
    chance = random.Random(1)
    engine = writer_engine(tmp_path / "search.db")
    with engine.begin() as connection:
        tables.create(connection)
        old, new = instance(chance, 1), instance(chance, 2)
        ALONE[INSTANCE_DOCUMENTS].apply(connection, [old])
        changes: dict[Target, Any] = {
            INSTANCE_DOCUMENTS: [old, new],
            PAYMENT_VARIABLES: [variables(chance, 1), variables(chance, 2)],
            PAYMENT_JOBS: [],
        }
        assert JOINED.take(connection, changes) == 4
        assert not any(changes.values())
        found = connection.execute(select(tables.documents.c.key, tables.documents.c.status))
        assert dict(list(found)) == {1: "IN_PROGRESS", 2: "NEW"}
    engine.dispose()
