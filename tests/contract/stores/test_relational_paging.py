"""Whoever follows the cursors of a listing sees every row once, in order, whatever is asked.

The bounds are made tiny, so that every way into a table is taken: few rows sorted, an index read,
an index walked with pages that come short. What SQL answers is compared with plain Python.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from relational_runtimes import Runtime, SqliteRuntime

from phee.errors import InvalidInput
from phee.stores import taking
from phee.stores.relational import tables
from phee.stores.relational.filters import TransferFilter
from phee.stores.relational.models import Transfer
from phee.stores.relational.queries import RelationalReader

ROWS = 90
SORTS = ("started_at", "completed_at", "amount", "status", "payer_party_id", "direction")
SEEDS = range(5)


def row(number: int, chance: random.Random) -> dict[str, Any]:
    def perhaps(value: Any) -> Any:
        return None if chance.random() < 0.15 else value

    return {
        "epoch": 1,
        "workflow_instance_key": number,
        "status": chance.choice(("COMPLETED", "COMPLETED", "COMPLETED", "FAILED", "UNKNOWN")),
        "direction": perhaps(chance.choice(("INCOMING", "OUTGOING"))),
        "currency": perhaps(chance.choice(("EUR", "KES"))),
        "amount": perhaps(Decimal(chance.randrange(5)) + Decimal("0.5")),
        "payer_party_id": perhaps(f"p{chance.randrange(3)}"),
        "payer_party_id_type": perhaps(chance.choice(("MSISDN", "IBAN"))),
        "payee_party_id": perhaps(f"p{chance.randrange(3)}"),
        "payee_party_id_type": perhaps(chance.choice(("MSISDN", "IBAN"))),
        "started_at": perhaps(1_000 + chance.randrange(30)),
        "completed_at": perhaps(2_000 + chance.randrange(5)),
    }


def filters(chance: random.Random) -> dict[str, Any]:
    possible: dict[str, Any] = {
        "status": chance.choice(("COMPLETED", "FAILED", "UNKNOWN", "EXCEPTION")),
        "direction": "OUTGOING",
        "currency": "EUR",
        "amount": Decimal("2.5"),
        "payer_party_id": "p1",
        "party_id": "p2",
        "party_id_type": "IBAN",
        "start_from": 1_010,
        "start_to": 1_020,
    }
    return {name: possible[name] for name in chance.sample(sorted(possible), chance.randrange(4))}


def matches(one: dict[str, Any], chosen: dict[str, Any]) -> bool:
    started = one["started_at"]
    if "start_from" in chosen and (started is None or started < chosen["start_from"]):
        return False
    if "start_to" in chosen and (started is None or started > chosen["start_to"]):
        return False
    party = {name: chosen[name] for name in ("party_id", "party_id_type") if name in chosen}
    sides = [
        all(one[f"{side}_{name}"] == value for name, value in party.items())
        for side in ("payer", "payee")
    ]
    plain = chosen.keys() - party.keys() - {"start_from", "start_to"}
    return any(sides) and all(one[name] == chosen[name] for name in plain)


@pytest.fixture
def tiny_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "FEW_MAX", 12)
    monkeypatch.setattr(taking, "WALKED", (3, 4, 5))
    monkeypatch.setattr(taking, "FEW_ENOUGH", 2)
    monkeypatch.setattr(taking, "COUNTED_MAX", 40)


@pytest.fixture
def reader(runtime: Runtime) -> Iterator[RelationalReader]:
    reader = runtime.stores.open_reader("rhino")
    yield reader
    reader.close()


def follow(reader: RelationalReader, chosen: TransferFilter, **shown: Any) -> list[Transfer]:
    rows: list[Transfer] = []
    cursor = ""
    for _ in range(10 * ROWS):
        page = reader.list_transfers(chosen, cursor=cursor, **shown)
        assert len(page.rows) <= shown["size"]
        rows += page.rows
        cursor = page.next_cursor
        if not cursor:
            return rows
    raise AssertionError("the cursors have no end")


@pytest.mark.usefixtures("tiny_bounds")
@pytest.mark.parametrize("seed", SEEDS)
def test_cursors_visit_every_row_once_and_in_order(
    runtime: Runtime, reader: RelationalReader, seed: int
) -> None:
    print("seed", seed)
    chance = random.Random(seed)
    made = [row(number, chance) for number in range(ROWS)]
    engine = runtime.engine("rhino")
    with engine.begin() as connection:
        for one in made:  # one by one, so that they are numbered in this order
            connection.execute(tables.transfers.insert().values(one))
    engine.dispose()
    for _ in range(8):
        chosen, sorted_by = filters(chance), chance.choice(SORTS)
        order, size = chance.choice(("ASC", "DESC")), chance.choice((1, 4, 30))

        def place(number: int, sorted_by: str = sorted_by) -> Any:
            values = (made[number][sorted_by], made[number]["started_at"])
            return tuple((value is not None, value) for value in values), number

        expected = [number for number in range(ROWS) if matches(made[number], chosen)]
        expected.sort(key=place, reverse=order == "DESC")
        shown = {"sorted_by": sorted_by, "sorted_order": order, "size": size}
        asked = f"{chosen} {shown}"
        found = follow(reader, TransferFilter(**chosen), **shown)
        assert [one.workflow_instance_key for one in found] == expected, asked
        check_pages_by_number(reader, TransferFilter(**chosen), expected, asked, **shown)


def check_pages_by_number(
    reader: RelationalReader, chosen: TransferFilter, expected: list[int], asked: str, **shown: Any
) -> None:
    size = shown["size"]
    for number in range(min(8, len(expected) // size + 2)):
        try:
            page = reader.list_transfers(chosen, page=number, **shown)
        except InvalidInput:  # too far down for several filters: cursors go on
            return
        keys = [one.workflow_instance_key for one in page.rows]
        wanted = expected[number * size : (number + 1) * size]
        assert keys == wanted[: len(keys)], asked
        assert page.total <= len(expected), asked
        if page.total_is_exact:
            assert page.total == len(expected), asked
        if len(keys) < len(wanted):
            assert page.next_cursor, asked
            return


@pytest.mark.parametrize(
    "cursor", ["x", "%%%", "gqR0ZXN0kA", "krl0cmFuc2ZlcnMgc3RhcnRlZF9hdCBERVNDkqF4AQ"]
)
def test_a_cursor_that_is_not_ours_is_refused(
    runtime: Runtime, reader: RelationalReader, cursor: str
) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        reader.list_transfers(TransferFilter(), cursor=cursor)


def test_a_cursor_belongs_to_its_order(runtime: Runtime, reader: RelationalReader) -> None:
    chance = random.Random(1)
    engine = runtime.engine("rhino")
    with engine.begin() as connection:
        connection.execute(tables.transfers.insert(), [row(number, chance) for number in range(5)])
    engine.dispose()
    cursor = reader.list_transfers(TransferFilter(), size=2).next_cursor
    for changed in ({"sorted_order": "ASC"}, {"sorted_by": "amount"}, {"page": 1}):
        with pytest.raises(InvalidInput):
            reader.list_transfers(TransferFilter(), size=2, cursor=cursor, **changed)


def test_a_listing_does_without_an_index_that_is_still_to_be_made(tmp_path: Path) -> None:
    runtime = SqliteRuntime(tmp_path)
    engine = runtime.engine("rhino")
    with engine.begin() as connection:
        connection.execute(
            tables.transfers.insert(), [row(number, random.Random(number)) for number in range(9)]
        )
        connection.exec_driver_sql("DROP INDEX ix_transfers_amount_started_at")
    engine.dispose()
    with closing(runtime.stores.open_reader("rhino")) as reader:
        found = reader.list_transfers(TransferFilter(), sorted_by="amount", sorted_order="ASC")
    amounts = [one.amount for one in found.rows]
    assert amounts == sorted(amounts, key=lambda amount: (amount is not None, amount))
    assert len(amounts) == 9
