"""A person in a tenant's data, everywhere that a person can be, for tests of who forgets them."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
from business_stream import batch_transfer, bulk, decision, message, notification, request
from record_stream import Instance, RecordWriter, channel_request
from search_runtimes import index_names, refresh
from sqlalchemy import inspect, text
from upkeep_worlds import EmbeddedWorld, ServersWorld, UpkeepWorld

from phee.importers.process import KINDS
from phee.records import Record, ValueType
from phee.records.types import IncidentIntent, JobIntent, MessageIntent
from phee.records.values import MessageValue
from phee.stores.search.opensearch.address import parse_address
from phee.stores.search.opensearch.server import SearchServer
from phee.upkeep.snapshot import store_path

PARTY = "27710101999"
OTHER = "27710102999"
NAME = "Thandiwe Nobody"
OTHER_NAME = "Sipho Somebody"


def everywhere(writer: RecordWriter, rng: random.Random) -> Iterator[list[Record]]:
    """Commits of rhino that name the party in every sort of record."""
    yield from named_payment(writer, "1")
    yield from batch_transfer(writer, 5, "batch-1", rng, sub_batch_id="s-1")
    yield from bulk(writer, "batch-1", ["s-1"])
    yield from request(writer, "REJECTED")
    yield from notification(writer)
    yield from message(writer, "rhino")
    yield from decision(writer, "rhino")
    broken = Instance(writer, "PayerFundTransfer-rhino", tenant_id="rhino")
    yield broken.start(transactionId="tx-broken", channelRequest=channel_request(amount="many"))
    yield broken.end()


def named_payment(
    writer: RecordWriter, number: str, tenant_id: str = "rhino"
) -> Iterator[list[Record]]:
    """A payment of the party to the other, who are named in all its parts."""
    instance = Instance(writer, f"PayerFundTransfer-{tenant_id}", tenant_id=tenant_id)
    parties = [
        {"partyIdInfo": {"partyIdType": "MSISDN", "partyIdentifier": who}, "name": name}
        for who, name in ((PARTY, NAME), (OTHER, OTHER_NAME))
    ]
    channel = {
        "payer": parties[0],
        "payee": parties[1],
        "amount": {"amount": "12.50", "currency": "EUR"},
    }
    yield instance.start(
        transactionId=f"tx-{number}",
        channelRequest=json.dumps(channel),
        clientCorrelationId=f"{PARTY}-{number}",
        phone=int(PARTY),
        msisdn=f"+{PARTY}",
        long=[f"line {line} of {PARTY}\nand {OTHER}" for line in range(400)],
        originDate=1,
    )
    key = writer.key()
    answer = MessageValue("answer", PARTY, f"{PARTY}/1", 30_000, writer.clock_ms,
                          {"payee": {"partyId": PARTY}}, tenant_id)  # fmt: skip
    yield [writer.record(ValueType.MESSAGE, MessageIntent.PUBLISHED, key, answer)]
    yield instance.task("block-funds", long="short now")
    job, incident = writer.key(), writer.key()
    told = f"no account of {PARTY}"
    longer = f"{told}, nor of tx{PARTY} or 1{PARTY}"
    yield [
        instance.job(JobIntent.FAILED, job, "quote", error_message=longer, variables={"id": PARTY}),
        instance.incident(IncidentIntent.CREATED, incident, error_message=told),
    ]
    error = json.dumps({"errorCode": "3204", "errorDescription": f"Party {PARTY} not found"})
    yield [
        instance.incident(IncidentIntent.RESOLVED, incident, error_message=told),
        instance.variable("errorInformation", error),
    ]
    yield instance.end()


def is_named(content: str) -> bool:
    """Whether the party stands in a text by itself (as a part of another number it may stay)."""
    rest = content.lower().replace(f"tx{PARTY}", "").replace(f"1{PARTY}", "")
    return PARTY in rest or NAME.lower() in rest


def mentions(world: UpkeepWorld, tenant_id: str = "rhino") -> list[str]:
    """Where a tenant's stores still name the party: every column of every table, every index."""
    dump = _dump_files if isinstance(world, EmbeddedWorld) else _dump_servers
    return sorted({place for place, content in dump(world, tenant_id) if is_named(content)})


def _dump_files(world: UpkeepWorld, tenant_id: str) -> Iterator[tuple[str, str]]:
    for kind in KINDS:
        path = store_path(kind, world.data, tenant_id)
        with closing(sqlite3.connect(path)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for (table,) in tables.fetchall():
                for row in connection.execute(f'SELECT * FROM "{table}"'):
                    yield f"{kind} {table}", " ".join(map(_text, row))


def _dump_servers(world: UpkeepWorld, tenant_id: str) -> Iterator[tuple[str, str]]:
    assert isinstance(world, ServersWorld)
    assert tenant_id == "rhino"
    engine = world.engine("relational")
    with engine.begin() as connection:
        for table in inspect(connection).get_table_names():
            for row in connection.execute(text(f"SELECT * FROM `{table}`")):
                yield f"relational {table}", " ".join(map(_text, row))
    engine.dispose()
    address = parse_address(world.search)
    with closing(SearchServer(address)) as server:
        refresh(server, address.prefix)
        for index in index_names(server, address.prefix):
            if "gorilla" not in index:
                answer = server.ask("POST", f"/{index}/_search", {"size": 10_000}).decode(dict)
                for hit in answer["hits"]["hits"]:
                    yield index, msgspec.json.encode(hit).decode()


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
