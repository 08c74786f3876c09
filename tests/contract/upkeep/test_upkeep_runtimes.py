"""What looks after stores does the same on every mix of runtimes.

Goal: whatever is wrong in a store is found and mended, wherever it is, while importers go on.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from importlib import resources
from typing import Any

import msgspec
import pytest
from record_stream import Instance, channel_request, payment
from upkeep_worlds import UpkeepWorld, changed

from phee.errors import InvalidState, NotFound
from phee.importers.process import KINDS, Kind
from phee.projections.mapping import TransferMapping, default_mapping, load_mapping
from phee.stores.relational.models import DeadLetter
from phee.stream.port import Lane
from phee.tenants import Tenant, TenantRegistry
from phee.upkeep import settling
from phee.upkeep.deadletters import OPERATOR, DeadLetterDesk
from phee.upkeep.exporting import export_table, exportable
from phee.upkeep.running import RunningInstances
from phee.upkeep.snapshot import projected_tables

pytestmark = pytest.mark.timeout(600)
SEED = 20261123


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing moves in these tests but what they move themselves."""
    monkeypatch.setattr(settling, "QUIET_S", 0.4)


def test_what_was_imported_is_clean(world: UpkeepWorld) -> None:
    found = world.verify()
    assert found.is_clean, found
    assert found.records == world.log.durable_position
    (rhino,) = (report for report in found.tenants if report.tenant == "rhino")
    stores = {store.store: store for store in rhino.stores}
    assert stores["relational"].rows["transfers"] == 3
    assert stores["relational"].totals == stores["search"].totals
    assert any("cannot list" in reason for reason in found.not_checked)
    assert not list((world.data / "upkeep").glob("verify/*")), "the fold is not left behind"


@pytest.mark.parametrize("kind", KINDS)
def test_any_single_difference_is_found(world: UpkeepWorld, kind: Kind) -> None:
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    contents = world.rows(kind)
    tables = [table for table in projected_tables(kind) if contents[table.name]]
    for number in range(12):
        table = tables[number % len(tables)]
        row = rng.choice(contents[table.name])
        name, other = changed(rng, table, row)
        key = str(next(iter(table.primary_key.columns)).key)
        what = ("different", "missing", "unexpected")[number % 3]
        first = next(c.key for c in _identity(table))
        extra = {**row, first: _another(row[first])}
        old, new = {
            "different": (row, other),
            "missing": (row, None),
            "unexpected": (None, extra),
        }[what]
        world.write_row(kind, table, old, new)
        found = world.verify("rhino")
        (report,) = found.tenants
        assert json.dumps(msgspec.to_builtins(found)), "for --json"
        seen = [(each.table, each.what) for each in report.differences]
        assert seen == [(table.name, what)], (table.name, what, name, key, report.differences)
        if what == "different":
            assert report.differences[0].column == name
        world.write_row(kind, table, new, old)
    assert world.verify("rhino").is_clean


def _identity(table: Any) -> Any:
    from phee.upkeep.snapshot import business_key

    return business_key(table)


def _another(value: Any) -> Any:
    return value + 1 if isinstance(value, int) else f"{value}x"


def test_running_instances_must_be_those_of_the_stream(world: UpkeepWorld) -> None:
    instance = Instance(world.writer, "PayerFundTransfer-rhino", tenant_id="rhino")
    world.log.append(instance.start(transactionId="tx", channelRequest=channel_request()))
    world.import_all()
    position = world.log.durable_position
    groups = {("rhino", "PayerFundTransfer-rhino"): [instance.key]}
    lane = Lane(1, 1)
    right = RunningInstances(lane, position, groups)
    assert world.verify(list_running=lambda: right).is_clean
    wrong = RunningInstances(lane, position, {})
    report = world.verify("rhino", list_running=lambda: wrong).tenants[0]
    assert [(each.store, each.what) for each in report.differences] == [("engine", "missing")]


def test_a_search_store_ahead_of_its_watermark_is_no_difference(world: UpkeepWorld) -> None:
    """What a killed importer left half done is seen again when it goes on."""
    world.append(payment(world.writer, 100, tenant_id="rhino"))
    world.import_all("search")
    found = world.verify()
    assert found.is_clean, found
    world.import_all("relational")
    assert world.verify().is_clean


# --- rebuilding ---


@pytest.mark.parametrize("kind", KINDS)
def test_a_live_importer_goes_on_behind_a_rebuild(world: UpkeepWorld, kind: Kind) -> None:
    importer = world.importer(kind)
    world.catch_up(importer)
    for number in (200, 202):
        world.append(payment(world.writer, number, tenant_id="rhino"))
        world.append(payment(world.writer, number + 1, tenant_id="gorilla"))
        world.catch_up(importer)
        before = world.rows(kind)
        done = world.rebuild(kind)
        assert done.difference_count == 0
        assert world.rows(kind) == before
        world.append(payment(world.writer, number + 2, tenant_id="rhino"))
        world.catch_up(importer)
    importer.stop()
    importer.run()
    world.import_all()
    assert world.verify().is_clean
    assert world.rebuild(kind).difference_count == 0, "a second one finds nothing in its way"


@pytest.mark.parametrize("kind", KINDS)
def test_a_rebuild_mends_and_tells_what_was_wrong(world: UpkeepWorld, kind: Kind) -> None:
    rng = random.Random(SEED)
    table = next(t for t in projected_tables(kind) if t.name in {"transfers", "documents"})
    expected = world.rows(kind)
    _, other = changed(rng, table, expected[table.name][0])
    world.write_row(kind, table, expected[table.name][0], other)
    assert world.rebuild(kind).difference_count == 1
    assert world.rows(kind) == expected
    assert world.verify().is_clean


def test_a_rebuild_in_mid_payment_loses_nothing(world: UpkeepWorld) -> None:
    """The swap comes between two commits of payments that are under way."""
    flows = [payment(world.writer, 300 + 2 * n, tenant_id="rhino", echoes=1) for n in range(2)]
    importers = {kind: world.importer(kind) for kind in KINDS}
    step = 0
    while flows:
        for flow in list(flows):
            commit = next(flow, None)
            if commit is None:
                flows.remove(flow)
            else:
                world.log.append(commit)
        step += 1
        if step % 5 == 0:
            for kind, importer in importers.items():
                world.catch_up(importer)
                world.rebuild(kind)
    for importer in importers.values():
        world.catch_up(importer)
        importer.stop()
        importer.run()
    assert world.verify().is_clean


# --- dead letters ---


def poison(world: UpkeepWorld, tenant_id: str = "rhino") -> Instance:
    """A payment whose amount cannot be read; later variables make its row newer."""
    instance = Instance(world.writer, f"PayerFundTransfer-{tenant_id}", tenant_id=tenant_id)
    world.log.append(instance.start(transactionId="tx-p", channelRequest=channel_request("1e3")))
    world.log.append([instance.variable("clientCorrelationId", "later")])
    world.log.append(instance.end())
    world.import_all()
    return instance


def forgiving_mapping() -> TransferMapping:
    """The shipped mapping, with the amount as the batch of a payment."""
    content = resources.files("phee.projections").joinpath("mapping.json").read_text()
    before = '"path": "$.amount.amount", "field": "amount"'
    assert before in content
    return load_mapping(content.replace(before, before.replace('"amount"', '"batchId"')))


Letter = Callable[[Kind], DeadLetter]


@pytest.fixture
def letter(world: UpkeepWorld) -> Letter:
    poison(world)

    def of(kind: Kind) -> DeadLetter:
        reader = DeadLetterDesk(world.runtimes, default_mapping()).reader("rhino", kind)
        page = reader.dead_letters()
        reader.close()
        assert page.total == 1
        return page.rows[0]

    return of


def retry(world: UpkeepWorld, tenant: str, number: int, kind: Kind, mapping: Any = None) -> Any:
    history = world.runtimes.open_history()
    try:
        desk = DeadLetterDesk(world.runtimes, mapping or default_mapping())
        return desk.retry(tenant, number, store=kind, history=history)
    finally:
        history.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_letter_is_retried_and_discarded(world: UpkeepWorld, letter: Letter, kind: Kind) -> None:
    number = letter(kind).id
    before = world.rows(kind)
    with pytest.raises(InvalidState, match="still cannot be projected"):
        retry(world, "rhino", number, kind)
    assert world.rows(kind) == before
    report = world.verify("rhino")
    assert report.is_clean
    counts = {store.store: store.open_dead_letters for store in report.tenants[0].stores}
    assert counts[kind] == 1

    desk = DeadLetterDesk(world.runtimes, default_mapping())
    with pytest.raises(NotFound):
        desk.discard("gorilla", number, store=kind, reason="not theirs")
    assert desk.discard("rhino", number, store=kind, reason="ticket 4711").state == "DISCARDED"
    with pytest.raises(InvalidState, match="DISCARDED already"):
        desk.discard("rhino", number, store=kind, reason="again")
    assert world.verify("rhino").is_clean
    assert world.rebuild(kind).carried_decisions == 1
    reader = desk.reader("rhino", kind)
    (found,) = reader.dead_letters(state="DISCARDED").rows
    (decision,) = reader.decisions(found)
    assert reader.dead_letters().total == 0
    reader.close()
    assert (decision.action, decision.reason) == ("DISCARD", "ticket 4711")
    assert world.verify("rhino").is_clean


@pytest.mark.parametrize("kind", KINDS)
def test_a_retry_with_a_better_mapping_is_as_if_it_had_always_been_there(
    world: UpkeepWorld, letter: Letter, kind: Kind
) -> None:
    number = letter(kind).id
    world.append(payment(world.writer, 400, tenant_id="rhino"))
    world.import_all()
    before = world.rows(kind)
    done = retry(world, "rhino", number, kind, forgiving_mapping())
    assert (done.state, done.settled) == ("REPLAYED", 1)
    after = world.rows(kind)
    table = "transfers" if kind == "relational" else "documents"
    news = [row for row in after[table] if row not in before[table]]
    assert len(news) == 1, "no other payment changed"
    assert (news[0]["transaction_id"], news[0]["batch_id"]) == ("tx-p", "1e3")
    with pytest.raises(InvalidState, match="REPLAYED already"):
        retry(world, "rhino", number, kind, forgiving_mapping())
    assert world.rows(kind) == after
    importer = world.importer(kind)
    world.append(payment(world.writer, 402, tenant_id="rhino"))
    world.catch_up(importer)
    importer.stop()
    importer.run()
    rows = [row for row in world.rows(kind)[table] if row["transaction_id"] == "tx-p"]
    assert rows == news, "the importer does not undo it"


def test_a_record_of_an_unknown_tenant_finds_its_place(world: UpkeepWorld) -> None:
    poisoned = Instance(world.writer, "PayerFundTransfer-lion", tenant_id="lion")
    world.log.append(poisoned.start(transactionId="tx-lion", channelRequest=channel_request()))
    world.log.append(poisoned.end())
    world.import_all()
    desk = DeadLetterDesk(world.runtimes, default_mapping())
    reader = desk.reader(OPERATOR, "relational")
    letters = reader.dead_letters(size=500).rows
    reader.close()
    assert {each.tenant_id for each in letters} == {"lion"}
    first = {kind: next(e.id for e in letters if e.consumer == kind) for kind in KINDS}
    with pytest.raises(InvalidState, match="no known tenant"):
        retry(world, OPERATOR, first["relational"], "relational")
    TenantRegistry(world.data).add(Tenant(id="lion"))
    world.append(payment(world.writer, 500, tenant_id="rhino"))
    world.import_all()
    for kind in KINDS:
        done = retry(world, OPERATOR, first[kind], kind)
        assert done.settled == sum(each.consumer == kind for each in letters)
        table = "transfers" if kind == "relational" else "documents"
        assert [r["transaction_id"] for r in world.rows(kind, "lion")[table]] == ["tx-lion"]
    reader = desk.reader(OPERATOR, "relational")
    assert reader.dead_letters().total == 0
    reader.close()
    assert world.verify("lion").is_clean


# --- handing out ---


@pytest.mark.parametrize("table", sorted(exportable()))
def test_every_table_is_exported_as_it_is(world: UpkeepWorld, table: str) -> None:
    output = io.BytesIO()
    count = export_table(world.runtimes, "rhino", table, "jsonl", output)
    rows = [json.loads(line) for line in output.getvalue().splitlines()]
    assert len(rows) == count
    if table == "transfers":
        expected = {str(row["amount"]) for row in world.rows("relational")["transfers"]}
        assert {row["amount"] for row in rows} == expected
    parquet = io.BytesIO()
    assert export_table(world.runtimes, "rhino", table, "parquet", parquet) == count
