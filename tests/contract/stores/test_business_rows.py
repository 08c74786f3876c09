"""Requests, batches, messages, timers and decisions in every store: the same however they come.

Records are cut into pieces anywhere, pieces are repeated, and lanes (each a part of the threads of
a story) are written in any order among each other; the rows must be those of one undisturbed
import into SQLite.
"""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from business_stream import business_story
from importing import Rows
from record_stream import START_MS
from relational_runtimes import Runtime, SqliteRuntime
from sqlalchemy import select, text

from phee.importers.process import RegisteredTenants, make_sorter
from phee.projections.mapping import default_mapping
from phee.projections.relational import RelationalFold
from phee.records import Record, encode_block
from phee.stores.relational import tables
from phee.stores.relational.batch_counters import forget_instance
from phee.stores.writing import LaneWork, TenantStore
from phee.stream.port import Chunk, Lane

SEEDS = range(4)
LANES = 3


def write(
    runtime: Runtime, store: TenantStore[RelationalFold], pieces: dict[Lane, list[Record]]
) -> None:
    """Write a piece of some lanes at once, whatever the watermarks say of them."""
    sorter = make_sorter("relational", RegisteredTenants(runtime.data), default_mapping())
    works = []
    for lane, piece in pieces.items():
        last = piece[-1].position
        blocks = [(record.position, encode_block(1, 1, [record])) for record in piece]
        batch = sorter.sort(Chunk(lane, blocks, 1, last), after=0, applied=lambda _: 0)
        assert not batch.operator_letters
        for work in batch.tenants.values():
            assert not work.letters
            works.append(LaneWork(lane, last, work.fold, work.letters))
    store.write(works)


def import_in_order(runtime: Runtime, records: list[Record]) -> Rows:
    store = runtime.stores.open_store("rhino")
    lane = Lane(1, 1)
    store.claim(lane, "test", start=0)
    write(runtime, store, {lane: records})
    store.close()
    return runtime.rows("rhino")


def rewind(runtime: Runtime) -> None:
    engine = runtime.engine("rhino")
    with engine.begin() as connection:
        connection.execute(text("UPDATE watermarks SET position = 0"))
    engine.dispose()


@pytest.mark.parametrize("seed", SEEDS)
def test_cuts_replays_and_lanes_change_nothing(runtime: Runtime, tmp_path: Path, seed: int) -> None:
    print("seed", seed)
    rng = random.Random(seed)
    story = business_story(seed)
    expected = import_in_order(
        SqliteRuntime(tmp_path / "expected"), [record for _, record in story]
    )
    store = runtime.stores.open_store("rhino")
    lanes = {number: Lane(1, 1, f"topic-{number}") for number in range(LANES)}
    waiting = {
        number: [record for thread, record in story if thread % LANES == number] for number in lanes
    }
    done: dict[int, list[Record]] = {number: [] for number in lanes}
    for lane in lanes.values():
        store.claim(lane, "test", start=0)
    while any(waiting.values()):
        ready = [number for number, records in waiting.items() if records]
        pieces = {}
        for number in rng.sample(ready, rng.randint(1, len(ready))):
            size = rng.choice((1, 2, 5, 40))
            piece, waiting[number] = waiting[number][:size], waiting[number][size:]
            pieces[lanes[number]] = piece
            done[number] += piece
        write(runtime, store, pieces)
        if rng.random() < 0.2:
            first = rng.randrange(len(done[number]))
            rewind(runtime)
            again = done[number][first : first + rng.randrange(1, 50)]
            write(runtime, store, {lanes[number]: again})
    store.close()
    found = runtime.rows("rhino")
    assert {name: set(found[name]) ^ set(rows) for name, rows in expected.items()} == {
        name: set() for name in expected
    }


def test_counters_are_the_sum_of_the_transfers(runtime: Runtime) -> None:
    records = [record for _, record in business_story(11)]
    import_in_order(runtime, records)
    engine = runtime.engine("rhino")
    with engine.connect() as connection:
        transfers = connection.execute(select(tables.transfers)).mappings().all()
        batches = connection.execute(select(tables.business_tables.batches)).mappings().all()
        amounts = connection.execute(select(tables.business_tables.batch_amounts)).mappings().all()
    engine.dispose()
    assert {"batch-1", "batch-2"} <= {batch["batch_id"] for batch in batches}
    for batch in batches:
        inside = [one for one in transfers if one["batch_id"] == batch["batch_id"]]
        states = [one["status"] for one in inside]
        assert batch["total_transactions"] == len(inside)
        assert batch["completed"] == states.count("COMPLETED")
        assert batch["failed"] == states.count("FAILED")
        assert batch["ongoing"] == len(inside) - batch["completed"] - batch["failed"]
        for currency in ("EUR", "USD"):
            expected = sum(
                (one["amount"] for one in inside if one["currency"] == currency), Decimal()
            )
            found = [
                row["total_amount"]
                for row in amounts
                if (row["batch_id"], row["sub_batch_id"], row["currency"])
                == (batch["batch_id"], "", currency)
            ]
            assert sum(found, Decimal()) == expected


def rows_of(runtime: Runtime, name: str) -> list[Any]:
    engine = runtime.engine("rhino")
    table = tables.metadata.tables[name]
    with engine.connect() as connection:
        rows = list(connection.execute(select(table).order_by(table.c.id)).mappings())
    engine.dispose()
    return rows


def test_what_a_batch_is_comes_from_its_flow(runtime: Runtime) -> None:
    import_in_order(runtime, [record for _, record in business_story(3)])
    batch = next(row for row in rows_of(runtime, "batches") if row["batch_id"] == "batch-1")
    assert batch["payer_fsp"] == "rhino"
    assert batch["request_file"] == "batch-1.csv"
    assert batch["registering_institution_id"] == "ministry"
    assert (batch["request_id"], batch["payment_mode"]) == ("r-1", "mojaloop")
    assert batch["status"] == "COMPLETED"
    assert batch["started_at"] >= START_MS
    assert {row["sub_batch_id"] for row in rows_of(runtime, "sub_batches")} >= {"s-1", "s-2"}


def test_called_instances_keep_parent_and_root(runtime: Runtime) -> None:
    import_in_order(runtime, [record for _, record in business_story(5)])
    instances = {row["process_instance_key"]: row for row in rows_of(runtime, "process_instances")}
    child = next(
        row
        for row in rows_of(runtime, "transfers")
        if row["parent_process_instance_key"] is not None
    )
    parent = instances[child["parent_process_instance_key"]]
    grandparent = instances[parent["parent_process_instance_key"]]
    assert child["root_process_instance_key"] == grandparent["process_instance_key"]
    assert parent["root_process_instance_key"] == grandparent["process_instance_key"]
    assert grandparent["root_process_instance_key"] == grandparent["process_instance_key"]


def test_requests_and_messages_to_people(runtime: Runtime) -> None:
    import_in_order(runtime, [record for _, record in business_story(2)])
    requests = rows_of(runtime, "transaction_requests")
    assert sorted(row["status"] for row in requests) == ["FAILED", "REJECTED"]
    assert {(row["amount"], row["currency"]) for row in requests} == {(Decimal(8), "KES")}
    assert {row["auth_type"] for row in requests} == {"OTP"}
    (sent,) = rows_of(runtime, "outbound_messages")
    assert (sent["internal_id"], sent["mobile_number"]) == ("m-1", "+27710101999")
    assert (sent["message"], sent["response"], sent["status"]) == ("paid", "sent", "COMPLETED")


def test_a_replaced_value_stays_in_the_history(runtime: Runtime) -> None:
    records = [record for _, record in business_story(1)]
    import_in_order(runtime, records)
    replaced = [
        row for row in rows_of(runtime, "variable_history") if row["name"] == "transactionId"
    ]
    latest = {(row["scope_key"], row["name"]): row for row in rows_of(runtime, "variables")}
    assert replaced
    for row in replaced:
        assert latest[row["scope_key"], row["name"]]["value"].endswith('-again"')
        assert latest[row["scope_key"], row["name"]]["position"] > row["position"]
        assert not row["is_truncated"]


def test_messages_timers_and_decisions_have_rows(runtime: Runtime) -> None:
    import_in_order(runtime, [record for _, record in business_story(1)])
    messages = rows_of(runtime, "messages")
    assert {row["variables"] for row in messages} == {'{"state":"OK"}'}
    assert {row["name"] for row in messages} == {"transferResponse"}
    assert all(row["published_at"] <= row["deadline"] + 1 for row in messages)
    timers = rows_of(runtime, "timers")
    assert {row["state"] for row in timers} == {"CANCELED"}
    subscriptions = rows_of(runtime, "message_subscriptions")
    assert {row["state"] for row in subscriptions} == {"CLOSED"}
    assert len(rows_of(runtime, "message_correlations")) == len(subscriptions)
    (decision,) = rows_of(runtime, "decision_definitions")
    (evaluated,) = rows_of(runtime, "decision_evaluations")
    assert evaluated["decision_key"] == decision["decision_key"]
    assert '"inputName":"amount"' in evaluated["evaluated_decisions"]
    assert rows_of(runtime, "decision_requirements")[0]["checksum"] == "0102"


def test_an_instance_that_is_forgotten_and_folded_again_counts_once(runtime: Runtime) -> None:
    records = [record for _, record in business_story(3)]
    before = import_in_order(runtime, records)
    store = runtime.stores.open_store("rhino")
    keys = [row["workflow_instance_key"] for row in rows_of(runtime, "transfers")]
    keys += [row["workflow_instance_key"] for row in rows_of(runtime, "batch_instances")]
    engine = runtime.engine("rhino")
    for key in keys:
        with engine.begin() as connection:
            forget_instance(connection, 1, key)
    engine.dispose()
    for name in ("batches", "sub_batches", "batch_amounts"):
        assert rows_of(runtime, name) == []
    store.claim(Lane(1, 1), "again", start=0)
    rewind(runtime)
    write(runtime, store, {Lane(1, 1): records})
    store.close()
    assert runtime.rows("rhino") == before
