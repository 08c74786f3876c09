"""Batches, requests, messages, timers, decisions, history and error codes over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from business_stream import business_story
from fake_hub import two_tenants
from importing import import_all
from litestar.testing import TestClient
from store_rows import transfer_row

from phee.operations import OperationsQueries, SearchWaiter, TenantStores, relational_waiter
from phee.operations import routes as operations_routes
from phee.stores.paths import relational_path, search_path
from phee.stores.relational import tables
from phee.stores.relational.error_codes import ErrorCode, replace_error_codes
from phee.stores.relational.queries import open_reader
from phee.stores.search.fts5 import Fts5Search
from phee.stores.sqlite import reader_engine, writer_engine
from phee.stream.memory import MemoryLog
from phee.web import TenantResolver, create_app

RHINO = {"Platform-TenantId": "rhino"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    data: Path = tmp_path_factory.mktemp("hub")
    registry = two_tenants(data)
    log = MemoryLog()
    log.append([record for _, record in business_story(11)])
    for kind in ("relational", "search"):
        import_all(kind, data, log)  # type: ignore[arg-type]
    engine = writer_engine(relational_path(data, "rhino"))
    with engine.begin() as connection:
        failed = transfer_row(900, error_information='{"errorCode": "4001"}', status="FAILED")
        connection.execute(tables.transfers.insert(), [failed])
        meanings = [
            ErrorCode(error_code="4001", error_message="The payer's limit", recoverable=True),
            ErrorCode(error_code="4001", error_message="A bill", transaction_type="BILL"),
        ]
        replace_error_codes(connection, meanings)
    engine.dispose()
    stores = TenantStores(
        lambda tenant_id: open_reader(data, tenant_id),
        lambda tenant_id: Fts5Search(reader_engine(search_path(data, tenant_id))),
    )
    api = operations_routes(
        TenantResolver(registry),
        OperationsQueries(stores),
        relational=relational_waiter(stores),
        search=SearchWaiter(stores),
    )
    with TestClient(create_app([api])) as client:
        yield client
    stores.close()


def get(client: Any, path: str, **query: Any) -> Any:
    answer = client.get(f"/api/v1{path}", params=query, headers=RHINO)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_batch_is_read_with_its_counters(client: Any) -> None:
    page = get(client, "/batches", batchId="batch-1")
    (batch,) = page["content"]
    assert page["totalElements"] == 1
    assert batch["total"] == batch["ongoing"] + batch["successful"] + batch["failed"] > 0
    assert (batch["payerFsp"], batch["file"], batch["notes"]) == ("rhino", "batch-1.csv", "wages")
    detail = get(client, "/batches/batch-1")
    assert detail["batch"] == batch
    assert sum(one["total"] for one in detail["amounts"]) == batch["total"]
    assert {one["subBatchId"] for one in detail["subBatches"]} >= {"s-1", "s-2"}
    for one in detail["amounts"]:
        if one["currency"]:
            assert "." in one["totalAmount"]


def test_a_batch_that_is_not_there(client: Any) -> None:
    answer = client.get("/api/v1/batches/none", headers=RHINO)
    assert answer.status_code == 404
    assert "batch" in answer.json()["title"] + answer.json()["detail"]


def test_no_other_tenant_sees_it(client: Any) -> None:
    answer = client.get("/api/v1/batches", headers={"Platform-TenantId": "gorilla"})
    assert answer.json().get("content") in ([], None)


def test_requests_are_listed_and_shown(client: Any) -> None:
    page = get(client, "/transactionRequests", state="REJECTED", currency="KES", amount="8")
    (request,) = page["content"]
    assert (request["amount"], request["authType"]) == ("8.00", "OTP")
    detail = get(client, f"/transactionRequest/{request['workflowInstanceKey']}")
    assert detail["transactionRequest"] == request
    assert {one["name"] for one in detail["variables"]} >= {"channelRequest", "transactionState"}


def test_what_happened_is_listed(client: Any) -> None:
    (sent,) = get(client, "/outbound-messages", mobileNumber="+27710101999")["content"]
    assert sent["status"] == "COMPLETED"
    messages = get(client, "/messages", name="transferResponse")["content"]
    assert get(client, "/messages", messageKey=messages[0]["messageKey"])["totalElements"] == 1
    waits = get(client, "/message-subscriptions", state="CLOSED")["content"]
    assert all(one["correlatedAt"] <= one["closedAt"] for one in waits)
    key = waits[0]["processInstanceKey"]
    (timer,) = get(client, "/timers", processInstanceKey=key)["content"]
    assert timer["state"] == "CANCELED"
    (decision,) = get(client, "/decisions", decisionId="fee")["content"]
    (evaluated,) = get(client, "/decision-evaluations", decisionId="fee")["content"]
    assert evaluated["decisionKey"] == decision["decisionKey"]
    assert evaluated["decisionOutput"] == '"1.50"'


def test_the_values_of_a_variable_are_in_order(client: Any) -> None:
    transfers = get(client, "/transfers", size=100)["content"]
    changed = next(one for one in transfers if (one["transactionId"] or "").endswith("-again"))
    path = f"/process-instances/{changed['workflowInstanceKey']}/variables"
    values = get(client, path, name="transactionId")
    assert [one["isLatest"] for one in values] == [False, True]
    assert values[1]["value"] == f'"{changed["transactionId"]}"'


def test_an_error_code_is_explained(client: Any) -> None:
    (failed,) = get(client, "/transfers", transactionId="t-900")["content"]
    assert failed["error"] == {
        "errorCode": "4001",
        "errorMessage": "The payer's limit",
        "recoverable": True,
    }
    assert len(get(client, "/errorcodes")) == 2
    assert get(client, "/process-definitions") == []
