"""Retention removes what ended long ago, whole, and nothing else, on every mix of runtimes.

Goal: a tenant's history does not grow for ever, and a proof knows what may be gone.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from business_stream import batch_transfer, bulk, message, subscription, waiting
from record_stream import Instance, channel_request, payment
from upkeep_worlds import UpkeepWorld

from phee.errors import InvalidInput
from phee.importers.process import KINDS, Kind
from phee.projections.mapping import default_mapping
from phee.records import Record
from phee.records.types import IncidentIntent, ProcessMessageSubscriptionIntent
from phee.stores.relational.pruning import BUSINESS, RUNS, instance_column
from phee.stores.relational.tables import metadata
from phee.upkeep import settling
from phee.upkeep.deadletters import DeadLetterDesk
from phee.upkeep.retention import DAY_MS, Removed, Retention

pytestmark = pytest.mark.timeout(600)
Rows = dict[str, list[dict[str, Any]]]
SEED = 20261124
DAYS = 30
PAUSES: list[float] = []


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "QUIET_S", 0.4)


def retention(world: UpkeepWorld, **options: Any) -> Retention:
    """A retention that looks at the clock of the log."""
    now_s = world.writer.clock_ms / 1000
    return Retention(world.runtimes, clock=lambda: now_s, pause=PAUSES.append, **options)


def cut(world: UpkeepWorld, days: int = DAYS) -> int:
    return world.writer.clock_ms - days * DAY_MS


def run_some(world: UpkeepWorld, rng: random.Random) -> None:
    """Begin and end instances of every sort over some months; some never end."""
    running: list[Instance] = []
    for number in range(24):
        world.writer.clock_ms += rng.randrange(6 * DAY_MS)
        process = rng.choice(("PayerFundTransfer-rhino", "stocktaking-rhino"))
        instance = Instance(world.writer, process, tenant_id="rhino")
        begun = instance.start(
            transactionId=f"tx-{number}",
            channelRequest=channel_request(f"{number}.50"),
            originDate=1,
        )
        world.log.append([*begun, *instance.task("block-funds", result=number)])
        incident = world.writer.key()
        if rng.random() < 0.5:
            world.log.append([instance.incident(IncidentIntent.CREATED, incident)])
            if rng.random() < 0.7:
                world.log.append([instance.incident(IncidentIntent.RESOLVED, incident)])
        for records in _events(world, instance, rng):
            world.log.append(records)
        running.append(instance)
        if rng.random() < 0.8:
            ended = running.pop(rng.randrange(len(running)))
            world.log.append(ended.end() if rng.random() < 0.8 else ended.terminate())
    world.import_all()


def _events(world: UpkeepWorld, instance: Instance, rng: random.Random) -> Iterator[list[Record]]:
    """A timer, a message that comes to the instance, one that nobody takes, and a batch."""
    yield from waiting(instance)
    for comes in (True, False):
        rest = message(world.writer, "rhino")
        published = next(rest)
        yield published
        if comes and rng.random() < 0.7:
            intents, key = ProcessMessageSubscriptionIntent, world.writer.key()
            yield [subscription(instance, intents.CORRELATED, key, published[0].key)]
        yield from rest
    if rng.random() < 0.3:
        batch = f"batch-{instance.key}"
        yield from bulk(world.writer, batch, ["part"])
        yield from batch_transfer(world.writer, 7, batch, rng, sub_batch_id="part")


def remaining(before: Rows, before_ms: int) -> Rows:
    """What must be left of a relational store."""
    gone = {
        (row["epoch"], row["process_instance_key"])
        for row in before["process_instances"]
        if row["state"] != "ACTIVE" and row["ended_at"] < before_ms
    }
    assert gone
    left: Rows = {}
    for name, rows in before.items():
        column = instance_column(metadata.tables[name])
        if name in BUSINESS or column is None:
            left[name] = rows
        else:
            left[name] = [row for row in rows if (row["epoch"], row[column.key]) not in gone]
    came = {(row["epoch"], row["message_key"]) for row in left["message_correlations"]}
    left["messages"] = [
        row
        for row in before["messages"]
        if (row["epoch"], row["message_key"]) in came
        or max(row["published_at"], row["deadline"] or 0) >= before_ms
    ]
    assert 0 < len(left["messages"]) < len(before["messages"])
    return left


def remaining_documents(before: Rows, before_ms: int) -> Rows:
    """What must be left of a search store."""
    ended = {
        (row["epoch"], row["key"]): row["completed_at"]
        for row in before["documents"]
        if row["kind"] != "incident"
    }

    def is_gone(row: dict[str, Any]) -> bool:
        own, run = row["completed_at"], ended[row["epoch"], row["process_instance_key"]]
        ends = own is not None and own < before_ms and run is not None and run < before_ms
        return ends and row["kind"] != "payment"

    return {**before, "documents": [row for row in before["documents"] if not is_gone(row)]}


def removed_by(before: Rows, after: Rows) -> Counter[str]:
    return +Counter({name: len(rows) - len(after[name]) for name, rows in before.items()})


@pytest.mark.parametrize("at_once", [1, 4, 1_000])
def test_only_what_ended_before_the_cut_goes_in_parts_of_any_size(
    world: UpkeepWorld, at_once: int
) -> None:
    print(f"seed {SEED}")
    run_some(world, random.Random(SEED))
    before: dict[Kind, Rows] = {kind: world.rows(kind) for kind in KINDS}
    others = {kind: world.rows(kind, "gorilla") for kind in KINDS}
    expected = {
        "relational": remaining(before["relational"], cut(world)),
        "search": remaining_documents(before["search"], cut(world)),
    }
    announced = retention(world, days=DAYS).apply("rhino", dry_run=True)
    assert {kind: world.rows(kind) for kind in KINDS} == before, "a dry run removes nothing"
    seen: list[tuple[int, int]] = []
    done = retention(world, days=DAYS).apply(
        "rhino", at_once=at_once, progress=lambda *counts: seen.append(counts)
    )
    for kind in KINDS:
        assert world.rows(kind) == expected[kind]
        assert world.rows(kind, "gorilla") == others[kind]
    assert done == announced
    rows, documents = done
    assert rows.removed == removed_by(before["relational"], expected["relational"])
    assert sum(documents.removed.values()) == len(before["search"]["documents"]) - len(
        expected["search"]["documents"]
    )
    assert seen[-1] == (sum(documents.removed.values()),) * 2
    assert [each.removed for each in retention(world, days=DAYS).apply("rhino")] == [{}, {}]
    assert world.verify().is_clean


def test_a_proof_misses_what_is_gone_otherwise(world: UpkeepWorld) -> None:
    run_some(world, random.Random(SEED))
    retention(world, days=DAYS).apply("rhino")
    assert world.verify("rhino").is_clean
    for kind, table in (("relational", "tasks"), ("relational", "transfers")):
        kept = world.rows(kind)[table][-1]
        world.write_row(kind, metadata.tables[table], kept, None)
        (report,) = world.verify("rhino").tenants
        assert [(each.table, each.what) for each in report.differences] == [(table, "missing")]
        world.write_row(kind, metadata.tables[table], None, kept)
    assert world.verify("rhino").is_clean


@pytest.mark.parametrize("kind", KINDS)
def test_importing_goes_on_and_a_rebuild_brings_everything_back(
    world: UpkeepWorld, kind: Kind
) -> None:
    run_some(world, random.Random(SEED + 1))
    before = world.rows(kind)
    retention(world, days=DAYS).apply("rhino")
    pruned = world.rows(kind)
    assert pruned != before
    assert world.rebuild(kind).difference_count == 0, "what retention removed is no difference"
    assert world.rows(kind) == before
    assert world.verify().is_clean
    retention(world, days=DAYS).apply("rhino")
    assert world.rows(kind) == pruned
    world.append(payment(world.writer, 300, tenant_id="rhino"))
    world.import_all()
    assert world.verify().is_clean


class _KilledError(Exception):
    pass


def test_a_run_that_was_killed_left_whole_instances_and_the_next_goes_on(
    world: UpkeepWorld,
) -> None:
    run_some(world, random.Random(SEED + 4))
    before = world.rows("relational")
    now_s = world.writer.clock_ms / 1000
    for parts in (1, 3, 2):
        left = iter(range(parts))

        def killed(_seconds: float, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise _KilledError

        mortal = Retention(world.runtimes, days=DAYS, clock=lambda: now_s, pause=killed)
        with pytest.raises(_KilledError):
            mortal.apply("rhino", at_once=1)
        assert world.verify("rhino").is_clean
    retention(world, days=DAYS).apply("rhino")
    assert world.rows("relational") == remaining(before, cut(world))
    assert world.verify("rhino").is_clean


def test_business_rows_go_only_when_asked_and_after_their_history(world: UpkeepWorld) -> None:
    run_some(world, random.Random(SEED + 2))
    before = world.rows("relational")
    with pytest.raises(InvalidInput):
        retention(world, days=DAYS, business_days=DAYS - 1).apply("rhino")
    with pytest.raises(InvalidInput):
        retention(world, business_days=DAYS).apply("rhino")
    assert world.rows("relational") == before
    announced = retention(world, days=DAYS, business_days=60).apply("rhino", dry_run=True)
    done = retention(world, days=DAYS, business_days=60).apply("rhino", at_once=2)
    assert done == announced
    left = world.rows("relational")
    for table in set(RUNS) & before.keys():
        assert left[table] == [
            row
            for row in before[table]
            if row["completed_at"] is None or row["completed_at"] >= cut(world, 60)
        ]
    assert left["transfers"] != before["transfers"]
    payments = {row["key"] for row in world.rows("search")["documents"] if row["kind"] == "payment"}
    assert payments == {row["workflow_instance_key"] for row in left["transfers"]}
    assert world.verify().is_clean


def test_an_instance_waits_for_a_decision_about_its_dead_letter(world: UpkeepWorld) -> None:
    instance = Instance(world.writer, "PayerFundTransfer-rhino", tenant_id="rhino")
    broken = channel_request(amount="many")
    begun = instance.start(transactionId="tx-broken", channelRequest=broken)
    world.log.append([*begun, *instance.end()])
    world.writer.clock_ms += 2 * DAYS * DAY_MS
    world.append(payment(world.writer, 400, tenant_id="rhino"))
    world.import_all()
    for kind in KINDS:
        letters = world.rows(kind)["dead_letters"]
        assert [row["process_instance_key"] for row in letters] == [instance.key]
    retention(world, days=DAYS).apply("rhino")
    rows = world.rows("relational")
    assert instance.key in {row["process_instance_key"] for row in rows["process_instances"]}
    assert instance.key in {row["workflow_instance_key"] for row in rows["variables"]}
    assert len(rows["process_instances"]) == 2
    assert world.verify().is_clean
    for kind in KINDS:
        _discard(world, kind)
    retention(world, days=DAYS).apply("rhino")
    assert len(world.rows("relational")["process_instances"]) == 1
    assert [world.rows(kind)["dead_letters"] for kind in KINDS] == [[], []]
    assert world.verify().is_clean


def _discard(world: UpkeepWorld, kind: Kind) -> None:
    desk = DeadLetterDesk(world.runtimes, default_mapping())
    reader = world.runtimes.open_letters(kind, "rhino")
    try:
        (letter,) = reader.dead_letters().rows
    finally:
        reader.close()
    desk.discard("rhino", letter.id, store=kind, reason="known")


def test_nothing_goes_without_a_setting(world: UpkeepWorld) -> None:
    run_some(world, random.Random(SEED + 3))
    before = {kind: world.rows(kind) for kind in KINDS}
    kept: list[Removed] = retention(world).apply("rhino")
    assert [(each.days, each.removed) for each in kept] == [(None, {}), (None, {})]
    assert {kind: world.rows(kind) for kind in KINDS} == before
