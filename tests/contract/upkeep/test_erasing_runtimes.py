"""A person who is to be forgotten is gone from every store, for good, on every mix of runtimes.

Goal: nothing names the party afterwards, whatever is replayed or rebuilt; the money, the others,
and what the party does later stay as they are.
"""

from __future__ import annotations

import gc
import io
import random
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from erased_party import OTHER, OTHER_NAME, PARTY, everywhere, is_named, mentions, named_payment
from upkeep_worlds import EmbeddedWorld, ServersWorld, UpkeepWorld, start, world_on

from phee.errors import InvalidState, Unavailable
from phee.importers.process import KINDS, Kind
from phee.importers.slots import LateStore
from phee.projections.mapping import default_mapping
from phee.stores import erasures
from phee.stores.masking_keys import MaskingKeys
from phee.stores.relational.tables import watermarks
from phee.stores.search.opensearch import watermarks as server_watermarks
from phee.stores.search.opensearch.address import parse_address
from phee.stores.search.opensearch.indices import TenantIndices, path_of
from phee.stores.search.opensearch.server import SearchServer
from phee.stores.search.query import SearchQuery
from phee.stores.search.runtime import search_runtime
from phee.upkeep import settling
from phee.upkeep.deadletters import DeadLetterDesk
from phee.upkeep.erasing import CLOCK_SLACK_MS, Erased, PartyEraser
from phee.upkeep.exporting import export_table
from phee.upkeep.folding import Folder

pytestmark = pytest.mark.timeout(600)
SEED = 20261201


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "QUIET_S", 0.4)


SERVERS = pytest.param("servers", marks=pytest.mark.services)
CLEAR_SERVERS = pytest.param("clear-servers", marks=pytest.mark.services)


@pytest.fixture(params=["embedded", "masked", SERVERS])
def world(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[UpkeepWorld]:
    """Some payments in two tenants, and the party in all sorts of records of both."""
    monkeypatch.setenv("PHEE_MASKING", "on" if request.param in ("masked", "servers") else "off")
    with world_on(request, tmp_path, servers="servers" in request.param, raw=True) as world:
        begin(world)
        yield world


def begin(world: UpkeepWorld) -> None:
    start(world)
    print(f"seed {SEED}")
    world.append(everywhere(world.writer, random.Random(SEED)))
    world.append(named_payment(world.writer, "gorilla", "gorilla"))
    world.import_all()
    assert mentions(world)


def eraser(world: UpkeepWorld) -> PartyEraser:
    """One that looks at the clock of the log."""
    return PartyEraser(world.runtimes, clock=lambda: world.writer.clock_ms / 1000)


def erase(world: UpkeepWorld, *, dry_run: bool = False) -> dict[Kind, dict[str, int]]:
    found: list[Erased] = eraser(world).erase("rhino", "MSISDN", PARTY, dry_run=dry_run)
    return {each.store: each.erased for each in found}


def contents(world: UpkeepWorld, tenant_id: str = "rhino") -> dict[Kind, Any]:
    return {kind: world.rows(kind, tenant_id) for kind in KINDS}


def numbers_of(rows: dict[Kind, Any]) -> list[Any]:
    """Everything that is no text, with its place."""
    return [
        (kind, table, number, name, value)
        for kind, tables in rows.items()
        for table, found in tables.items()
        for number, row in enumerate(found)
        for name, value in row.items()
        if not isinstance(value, str)
    ]


def texts_of(rows: dict[Kind, Any]) -> Iterator[tuple[Any, str]]:
    for kind, tables in rows.items():
        for table, found in tables.items():
            for number, row in enumerate(found):
                for name, value in row.items():
                    if isinstance(value, str):
                        yield (kind, table, number, name), value


@pytest.mark.parametrize("world", ["embedded", "masked", SERVERS, CLEAR_SERVERS], indirect=True)
def test_the_party_is_gone_and_everything_else_is_as_it_was(world: UpkeepWorld) -> None:
    before, others = contents(world), contents(world, "gorilla")
    totals = [store.totals for store in world.verify("rhino").tenants[0].stores]
    announced = erase(world, dry_run=True)
    assert contents(world) == before, "a dry run changes nothing"
    assert not eraser(world).kept("rhino")
    done = erase(world)
    assert {kind: done[kind].keys() for kind in KINDS} == {
        kind: announced[kind].keys() for kind in KINDS
    }
    assert announced == done
    assert mentions(world) == []
    after = contents(world)
    assert set(numbers_of(after)) == set(numbers_of(before))
    left = dict(texts_of(after))
    masker = MaskingKeys(world.data).masker("rhino")
    masked = [masker.token(form) for form in (PARTY, f"+{PARTY}")] if masker else []
    for place, text in texts_of(before):
        if not any(form in text for form in (PARTY, *masked)):
            assert left[place] == text, place
    everything = "".join(left.values())
    assert OTHER in everything
    assert OTHER_NAME in everything
    assert f"tx{PARTY}" in everything, "a part of another word is not the party"
    assert contents(world, "gorilla") == others
    found = world.verify()
    assert found.is_clean, found
    (report,) = (each for each in found.tenants if each.tenant == "rhino")
    assert [store.totals for store in report.stores] == totals
    assert erase(world) == {"relational": {}, "search": {}}
    assert contents(world) == after
    assert world.verify().is_clean
    first, second = eraser(world).kept("rhino")
    assert first.token == second.token
    assert first.touched == done
    assert not is_named((world.data / "tenants/rhino/erasures.json").read_text())


def test_nothing_brings_the_party_back(world: UpkeepWorld) -> None:
    erase(world)
    after = contents(world)
    for kind in KINDS:
        assert world.rebuild(kind).difference_count == 0
        rewind(world, kind)
    world.import_all()
    assert mentions(world) == []
    assert without_cut(contents(world)) == without_cut(after)
    assert world.verify().is_clean


def without_cut(rows: dict[Kind, Any]) -> list[Any]:
    """Leave out what was kept of long texts: where it was cut depends on what came first."""
    cut = {
        (k, t, n) for (k, t, n, name, value) in numbers_of(rows) if name == "is_truncated" and value
    }
    return [each for each in texts_of(rows) if each[0][:3] not in cut]


def rewind(world: UpkeepWorld, kind: Kind) -> None:
    """Let the importer begin at zero."""
    if kind == "relational" or isinstance(world, EmbeddedWorld):
        engine = world.engine(kind)
        with engine.begin() as connection:
            connection.execute(watermarks.delete().where(watermarks.c.consumer == kind))
        engine.dispose()
        return
    assert isinstance(world, ServersWorld)
    with closing(SearchServer(parse_address(world.search))) as server:
        names = TenantIndices(server.prefix, "rhino")
        path = path_of(names.watermarks, "/_delete_by_query?refresh=true")
        server.ask("POST", path, {"query": {"match_all": {}}})


def test_what_comes_late_is_erased_and_what_is_new_is_not(world: UpkeepWorld) -> None:
    world.append(named_payment(world.writer, "late"))  # in the stream, in no store yet
    erase(world)
    world.writer.clock_ms += CLOCK_SLACK_MS - 5_000
    world.append(named_payment(world.writer, "soon"))
    world.import_all()
    assert mentions(world) == []
    world.writer.clock_ms += 6_000
    world.append(named_payment(world.writer, "again"))
    world.import_all()
    payers = {row["transaction_id"]: row["payer_party_id"] for row in transfers(world)}
    (kept,) = eraser(world).kept("rhino")
    assert payers["tx-again"] == PARTY
    assert {payers[name] for name in ("tx-1", "tx-late", "tx-soon")} == {kept.token}
    assert world.verify().is_clean
    for kind in KINDS:
        assert world.rebuild(kind).difference_count == 0
    erase(world)
    assert mentions(world) == []
    assert {row["payer_party_id"] for row in transfers(world)} & {PARTY, kept.token} == {kept.token}
    assert world.verify().is_clean


def transfers(world: UpkeepWorld) -> list[dict[str, Any]]:
    return [dict(row) for row in world.rows("relational")["transfers"]]


def test_searches_and_exports_do_not_find_the_party(world: UpkeepWorld) -> None:
    before = found_by(world, PARTY)
    assert before
    erase(world)
    assert found_by(world, PARTY) == 0
    (kept,) = eraser(world).kept("rhino")
    assert found_by(world, kept.token) == before, "those of one party are still those of one"
    assert found_by(world, OTHER)
    for table in ("documents", "transfers", "variables", "dead_letters"):
        output = io.BytesIO()
        export_table(world.runtimes, "rhino", table, "jsonl", output)
        assert output.getvalue()
        assert not is_named(output.getvalue().decode())


def found_by(world: UpkeepWorld, party: str) -> int:
    """How many payments a search finds: by each of the parties, and by any text."""
    filters = ({"payer_party_id": party}, {"payee_party_id": party})
    queries = [*(SearchQuery(filters=each) for each in filters), SearchQuery(text=party)]
    runtime = search_runtime(world.runtimes.search, world.data)
    with closing(runtime), closing(runtime.open_reader("rhino")) as reader:
        return sum(reader.search(query).total for query in queries)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_in_flight_cannot_write_the_party_back(
    world: UpkeepWorld, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An importer has projected a payment and not written it yet; the command waits for it."""
    projected, asked, write_on = (threading.Event() for _ in range(3))
    write = LateStore.write

    def slowly(store: Any, works: Any) -> int:
        if any(work.fold is not None for work in works):
            projected.set()
            assert write_on.wait(60)
        return write(store, works)

    importer = world.importer(kind)
    world.catch_up(importer)
    monkeypatch.setattr(LateStore, "write", slowly)
    world.append(named_payment(world.writer, "in-flight"))
    world.publish()
    importing = threading.Thread(target=world.catch_up, args=(importer,))
    importing.start()
    assert projected.wait(60)
    wait = erasures._NEVER.wait

    class Waiting:
        def wait(self, seconds: float) -> None:
            asked.set()
            wait(seconds)

    monkeypatch.setattr(erasures, "_NEVER", Waiting())
    erasing = threading.Thread(target=erase, args=(world,))
    erasing.start()
    assert asked.wait(60)
    assert eraser(world).kept("rhino") == [], "nobody is erased while a batch is under way"
    write_on.set()
    erasing.join(120)
    importing.join(120)
    importer.stop()
    importer.run()
    world.import_all()
    assert not any(kind in place for place in mentions(world))
    assert mentions(world) == []
    assert "tx-in-flight" in {row["transaction_id"] for row in transfers(world)}
    assert world.verify().is_clean


def test_documents_of_a_killed_importer_are_erased(
    world: UpkeepWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed on a server between documents and watermark: they are there, and come again."""
    world.append(named_payment(world.writer, "killed"))
    with monkeypatch.context() as patched:

        def killed(*_: Any) -> None:
            raise KeyboardInterrupt

        patched.setattr(server_watermarks.Watermarks, "move", killed)
        if isinstance(world, ServersWorld):
            with pytest.raises(KeyboardInterrupt):
                world.import_all("search")
    gc.collect()  # what a killed process had is gone, so is its place in the consumer group
    erase(world)
    world.import_all()
    assert mentions(world) == []
    assert world.verify().is_clean


@pytest.mark.parametrize("kind", KINDS)
def test_an_erasure_ends_a_rebuild_and_a_proof_that_do_not_know_of_it(
    world: UpkeepWorld, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    fold, calls = Folder.fold, iter(range(1))

    def meanwhile(folder: Folder, *args: Any, **options: Any) -> None:
        fold(folder, *args, **options)
        if next(calls, None) is not None:
            erase(world)

    monkeypatch.setattr(Folder, "fold", meanwhile)
    with pytest.raises(Unavailable, match="was erased while"):
        world.rebuild(kind)
    assert mentions(world) == []
    calls = iter(range(1))
    with pytest.raises(Unavailable, match="was erased while"):
        world.verify()
    assert world.verify().is_clean
    assert world.rebuild(kind).difference_count == 0
    assert mentions(world) == []


class _KilledError(Exception):
    pass


def test_a_command_that_was_killed_is_done_by_the_next(
    world: UpkeepWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any, **__: Any) -> Any:
        raise _KilledError

    with monkeypatch.context() as patched:
        patched.setattr(PartyEraser, "_sweep", killed)
        with pytest.raises(_KilledError):
            erase(world)
    assert mentions(world)
    assert [each.touched for each in eraser(world).kept("rhino")] == [None]
    with pytest.raises(InvalidState):
        world.verify("rhino")
    done = erase(world)
    assert done["relational"]
    assert [each.touched for each in eraser(world).kept("rhino")] == [{}, done]
    assert mentions(world) == []
    assert world.verify().is_clean


def test_dead_letters_are_retried_without_the_party(world: UpkeepWorld) -> None:
    erase(world)
    history = world.runtimes.open_history()
    try:
        for kind in KINDS:
            desk = DeadLetterDesk(world.runtimes, default_mapping())
            reader = world.runtimes.open_letters(kind, "rhino")
            with closing(reader):
                (letter,) = reader.dead_letters().rows
            assert letter.record
            assert not is_named(letter.record)
            with pytest.raises(InvalidState) as refused:
                desk.retry("rhino", letter.id, store=kind, history=history)
            assert PARTY not in str(refused.value)
    finally:
        history.close()
    assert mentions(world) == []
