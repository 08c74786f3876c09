"""Masked documents: nobody who reads them learns a party, everybody who knows one finds it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from importing import import_all, onboard, store_path
from record_stream import Instance, RecordWriter, channel_request
from search_runtimes import all_documents

from phee.errors import InvalidInput
from phee.stores.masking_keys import FILE_NAME, MaskingKeys
from phee.stores.paths import tenant_directory
from phee.stores.search.query import Document, SearchQuery, SearchStore
from phee.stores.search.runtime import EMBEDDED, MASKING_VARIABLE, search_runtime
from phee.stream.memory import MemoryLog

PAYER, PAYEE, NOTE = "+27710101999", "+27710102888", "rent of Ms Porcupine"


@pytest.fixture
def data(tmp_path: Path, search: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(MASKING_VARIABLE, "on")
    onboard(tmp_path, "rhino", "gorilla")
    runtime = search_runtime(search, tmp_path)
    writer, log = RecordWriter(), MemoryLog()
    for tenant in ("rhino", "gorilla"):
        for number in range(3):
            parties = json.loads(channel_request("5.25", payer=PAYER, payee=PAYEE))
            request = json.dumps(parties | {"note": NOTE})
            instance = Instance(writer, "PayerFundTransfer", tenant_id=tenant)
            log.append(
                instance.start(transactionId=f"tx-{number}", channelRequest=request)
                + instance.end()
            )
    import_all("search", tmp_path, log, runtime)

    async def shown() -> None:
        for tenant in ("rhino", "gorilla"):
            with closing(runtime.open_reader(tenant)) as store:
                await store.wait_for_position(1, 1, log.durable_position, timeout_s=5)

    asyncio.run(shown())
    runtime.close()
    return tmp_path


@pytest.fixture
def store(search: str, data: Path) -> Iterator[SearchStore]:
    runtime = search_runtime(search, data)
    with closing(runtime.open_reader("rhino")) as store:
        yield store
    runtime.close()


def documents(search: str, data: Path, tenant: str) -> list[Document]:
    runtime = search_runtime(search, data)
    try:
        with closing(runtime.open_reader(tenant)) as store:
            return all_documents(store)
    finally:
        runtime.close()


def test_no_document_shows_a_party(search: str, data: Path) -> None:
    ours, theirs = (documents(search, data, tenant) for tenant in ("rhino", "gorilla"))
    for secret in (PAYER, PAYEE, NOTE, "Porcupine"):
        assert secret.encode() not in msgspec.json.encode([ours, theirs])
        if search == EMBEDDED:
            assert secret.encode() not in store_path("search", data, "rhino").read_bytes()
    assert {d.payer_party_id_type for d in ours} == {"MSISDN"}
    (token,) = {d.payer_party_id for d in ours}
    assert token not in {d.payee_party_id for d in ours}
    assert token not in {d.payer_party_id for d in theirs}, "each tenant has its own key"


def test_who_knows_a_party_finds_it(store: SearchStore) -> None:
    for query in (
        SearchQuery(filters={"payer_party_id": PAYER}),
        SearchQuery(filters={"payee_party_id": PAYEE, "transaction_id": "tx-1"}),
        SearchQuery(text=PAYER),
        SearchQuery(text=f"{PAYER} tx-2"),
        SearchQuery(text=f'"{NOTE}"', fields=("note",)),
        SearchQuery(text="tx-2*"),
        SearchQuery(text="tx*", fields=("transaction_id", "note")),
    ):
        assert store.search(query).total in (1, 3), query
    for query in (
        SearchQuery(filters={"payer_party_id": PAYEE}),
        SearchQuery(text="27710101999"),
        SearchQuery(text="Porcupine"),
        SearchQuery(text="2771*"),
        SearchQuery(text="tok*"),
    ):
        assert store.search(query).total == 0, query


def test_a_shown_token_leads_to_its_documents(store: SearchStore) -> None:
    found = store.top_terms(SearchQuery(), field="payer_party_id", by="status")
    (term,) = found.terms
    assert (term.count, term.value != PAYER) == (3, True)
    assert store.search(SearchQuery(filters={"payer_party_id": term.value})).total == 3


@pytest.mark.parametrize("fields", [("note",), ("payer_party_id", "payee_party_id")])
def test_beginnings_of_what_is_masked_are_refused(
    store: SearchStore, fields: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidInput, match="masked cannot be looked for"):
        store.search(SearchQuery(text="2771*", fields=fields))


def test_the_key_is_made_once_and_for_its_owner_alone(data: Path) -> None:
    key = tenant_directory(data, "rhino") / FILE_NAME
    assert key.stat().st_mode & 0o777 == 0o600
    before = key.read_bytes()
    first, second = MaskingKeys(data), MaskingKeys(data)
    assert first.make("rhino").token("x") == second.make("rhino").token("x")
    assert first.make("rhino").token("x") != first.make("gorilla").token("x")
    assert key.read_bytes() == before
    key.write_text("not a key")
    with pytest.raises(InvalidInput, match="does not hold"):
        MaskingKeys(data).masker("rhino")
