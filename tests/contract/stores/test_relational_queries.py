"""What a relational store answers: every filter, right totals, stable paging, exact money."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from relational_runtimes import Runtime
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from phee.errors import InvalidInput, NotFound, TimedOut, Unavailable
from phee.stores.relational import tables
from phee.stores.relational.filters import IncidentFilter, ProcessInstanceFilter, TransferFilter
from phee.stores.relational.models import StatusTotal
from phee.stores.relational.queries import RelationalReader

START = 1_760_000_000_000
TRANSFERS = 60


def transfer(number: int) -> dict[str, Any]:
    status = ("COMPLETED", "FAILED", "IN_PROGRESS")[number % 3]
    return {
        "epoch": 1,
        "workflow_instance_key": 1000 + number,
        "transaction_id": f"tx-{number}",
        "client_correlation_id": f"corr-{number}",
        "batch_id": f"batch-{number % 2}",
        "amount": Decimal(number) + Decimal("0.0001"),
        "currency": ("EUR", "KES")[number % 2],
        "direction": ("INCOMING", "OUTGOING")[number % 2],
        "payer_party_id": f"p{number % 4}",
        "payer_party_id_type": "MSISDN",
        "payee_party_id": f"p{(number + 1) % 4}",
        "payee_party_id_type": ("MSISDN", "IBAN")[number % 2],
        "payer_dfsp_id": f"bank{number % 3}",
        "payee_dfsp_id": f"bank{(number + 1) % 3}",
        "status": status,
        # many start in the same ms, so that paging needs the key to be stable
        "started_at": START + number // 10,
    }


@pytest.fixture
def engine(runtime: Runtime) -> Iterator[Engine]:
    engine = runtime.engine("rhino")
    with engine.begin() as connection:
        connection.execute(tables.transfers.insert(), [transfer(n) for n in range(TRANSFERS)])
    yield engine
    engine.dispose()


@pytest.fixture
def reader(engine: Engine, runtime: Runtime) -> Iterator[RelationalReader]:
    reader = runtime.stores.open_reader("rhino")
    yield reader
    reader.close()


FILTERS: list[tuple[dict[str, Any], Any]] = [
    ({}, lambda t: True),
    ({"payer_party_id": "p1"}, lambda t: t["payer_party_id"] == "p1"),
    ({"payee_party_id": "p1"}, lambda t: t["payee_party_id"] == "p1"),
    ({"payer_dfsp_id": "bank1"}, lambda t: t["payer_dfsp_id"] == "bank1"),
    ({"payee_dfsp_id": "bank1"}, lambda t: t["payee_dfsp_id"] == "bank1"),
    ({"transaction_id": "tx-7"}, lambda t: t["transaction_id"] == "tx-7"),
    ({"status": "FAILED"}, lambda t: t["status"] == "FAILED"),
    ({"amount": Decimal("7.0001")}, lambda t: t["amount"] == Decimal("7.0001")),
    ({"amount": Decimal("7")}, lambda t: False),
    ({"currency": "KES"}, lambda t: t["currency"] == "KES"),
    ({"direction": "INCOMING"}, lambda t: t["direction"] == "INCOMING"),
    ({"client_correlation_id": "corr-3"}, lambda t: t["client_correlation_id"] == "corr-3"),
    ({"party_id": "p2"}, lambda t: "p2" in (t["payer_party_id"], t["payee_party_id"])),
    ({"party_id_type": "IBAN"}, lambda t: t["payee_party_id_type"] == "IBAN"),
    (
        {"party_id": "p2", "party_id_type": "IBAN"},
        lambda t: (t["payee_party_id"], t["payee_party_id_type"]) == ("p2", "IBAN"),
    ),
    ({"start_from": START + 3}, lambda t: t["started_at"] >= START + 3),
    ({"start_to": START + 3}, lambda t: t["started_at"] <= START + 3),
    ({"batch_id": "batch-1"}, lambda t: t["batch_id"] == "batch-1"),
    ({"workflow_instance_key": 1005}, lambda t: t["workflow_instance_key"] == 1005),
    (
        {"status": "FAILED", "currency": "EUR", "start_from": START + 1},
        lambda t: t["status"] == "FAILED" and t["currency"] == "EUR" and t["started_at"] > START,
    ),
]


@pytest.mark.parametrize(
    ("chosen", "matches"), FILTERS, ids=lambda v: getattr(v, "__name__", str(v))[:60]
)
def test_every_filter(reader: RelationalReader, chosen: dict[str, Any], matches: Any) -> None:
    expected = {t["transaction_id"] for n in range(TRANSFERS) if matches(t := transfer(n))}
    page = reader.list_transfers(TransferFilter(**chosen), size=1000)
    assert {t.transaction_id for t in page.rows} == expected
    assert page.total == len(expected)


@pytest.mark.parametrize("order", ["ASC", "DESC"])
@pytest.mark.parametrize("sorted_by", ["started_at", "amount", "status", "payer_party_id"])
def test_pages_are_stable_and_complete(
    reader: RelationalReader, sorted_by: str, order: str
) -> None:
    pages = [
        reader.list_transfers(
            TransferFilter(), page=page, size=7, sorted_by=sorted_by, sorted_order=order
        )
        for page in range(10)
    ]
    rows = [row for page in pages for row in page.rows]
    assert {page.total for page in pages} == {TRANSFERS}
    assert len({row.workflow_instance_key for row in rows}) == len(rows) == TRANSFERS
    values = [(getattr(row, sorted_by), row.workflow_instance_key) for row in rows]
    assert values == sorted(values, reverse=order == "DESC")


@pytest.mark.parametrize(
    "wrong",
    [
        {"sorted_by": "password"},
        {"sorted_by": "instance_position"},
        {"sorted_order": "desc"},
        {"page": -1},
        {"size": 0},
        {"size": 10_001},
    ],
)
def test_what_does_not_exist_is_refused(reader: RelationalReader, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        reader.list_transfers(TransferFilter(), **wrong)


@pytest.mark.parametrize("wrong", [{"status": "DONE"}, {"direction": "UP"}])
def test_an_unknown_status_is_refused_not_ignored(
    reader: RelationalReader, wrong: dict[str, str]
) -> None:
    with pytest.raises(InvalidInput):
        reader.list_transfers(TransferFilter(**wrong))


def test_totals_are_exact(reader: RelationalReader) -> None:
    totals = reader.totals_by_status()
    for total in totals:
        matching = [
            t
            for n in range(TRANSFERS)
            if (t := transfer(n))["status"] == total.status and t["currency"] == total.currency
        ]
        assert total.count == len(matching)
        assert total.amount == sum(t["amount"] for t in matching)
    assert len(totals) == 6
    counts: Counter[str] = Counter()
    for total in totals:
        counts[total.status] += total.count
    assert counts == {"COMPLETED": 20, "FAILED": 20, "IN_PROGRESS": 20}
    (only,) = reader.totals_by_status(TransferFilter(transaction_id="tx-1"))
    assert only == StatusTotal(status="FAILED", currency="KES", count=1, amount=Decimal("1.0001"))


def test_one_transfer(reader: RelationalReader) -> None:
    assert reader.get_transfer(1003).transaction_id == "tx-3"
    assert [t.workflow_instance_key for t in reader.find_by_correlation_id("corr-4")] == [1004]
    with pytest.raises(NotFound):
        reader.get_transfer(1)
    with pytest.raises(NotFound):
        reader.process_definition(1)


def test_other_listings_filter_too(engine: Engine, reader: RelationalReader) -> None:
    with engine.begin() as connection:
        connection.execute(
            tables.process_instances.insert(),
            [
                {
                    "epoch": 1, "process_instance_key": n, "bpmn_process_id": f"p{n % 2}-rhino",
                    "flow": f"p{n % 2}", "version": 1, "process_definition_key": 5,
                    "state": ("ACTIVE", "COMPLETED")[n % 2], "started_at": START + n,
                }
                for n in range(9)
            ],
        )  # fmt: skip
        connection.execute(
            tables.incidents.insert(),
            [
                {
                    "epoch": 1, "incident_key": n, "process_instance_key": n % 3,
                    "process_definition_key": 5, "bpmn_process_id": "p", "element_id": "e",
                    "error_type": "JOB_NO_RETRIES", "state": ("OPEN", "RESOLVED")[n % 2],
                    "created_at": START + n,
                }
                for n in range(6)
            ],
        )  # fmt: skip
    instances = reader.process_instances(ProcessInstanceFilter(state="COMPLETED"), size=2)
    assert (instances.total, [i.process_instance_key for i in instances.rows]) == (4, [7, 5])
    found = reader.incidents(IncidentFilter(state="OPEN", process_instance_key=0))
    assert [incident.incident_key for incident in found.rows] == [0]
    assert reader.incidents().total == 6
    assert reader.process_definitions() == []


def test_a_store_that_is_not_there_yet(runtime: Runtime) -> None:
    reader = runtime.stores.open_reader("nobody")
    with pytest.raises(Unavailable, match="importer"):
        reader.list_transfers(TransferFilter())
    reader.close()


def test_a_reader_cannot_write(reader: RelationalReader) -> None:
    with (
        pytest.raises(DBAPIError, match=r"readonly|READ ONLY"),
        reader._engine.begin() as connection,
    ):
        connection.exec_driver_sql("DELETE FROM transfers")


def test_a_reader_sees_commits_while_the_writer_is_busy(
    engine: Engine, reader: RelationalReader
) -> None:
    with engine.begin() as connection:
        connection.execute(tables.transfers.insert(), [transfer(TRANSFERS)])
        assert reader.list_transfers(TransferFilter()).total == TRANSFERS
    assert reader.list_transfers(TransferFilter()).total == TRANSFERS + 1


async def test_waiting_for_a_position(engine: Engine, reader: RelationalReader) -> None:
    def move(position: int) -> None:
        mark = {
            "consumer": "relational", "lane": "", "epoch": 1, "partition_id": 1,
            "position": position, "owner": "o",
        }  # fmt: skip
        with engine.begin() as connection:
            connection.execute(tables.watermarks.delete())
            connection.execute(tables.watermarks.insert(), mark)

    with pytest.raises(TimedOut):
        await reader.wait_for_position(1, 1, 5, timeout_s=0.02)
    move(4)
    waiting = asyncio.create_task(reader.wait_for_position(1, 1, 5, timeout_s=10))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    move(5)
    await waiting
    with pytest.raises(TimedOut):
        await reader.wait_for_position(2, 1, 5, timeout_s=0.01)
