"""The operations API over real stores: right totals, stable paging, every filter, one tenant."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fake_hub import two_tenants
from litestar.testing import TestClient
from store_rows import (
    BASE_MS,
    EPOCH,
    document_row,
    transfer_row,
    write_relational,
    write_search,
)

from phee.operations import (
    OperationsQueries,
    SearchWaiter,
    StoreOwnershipLookup,
    StoreTransferLookup,
    TenantStores,
    relational_waiter,
    routes,
)
from phee.stores.paths import search_path
from phee.stores.relational.queries import open_reader
from phee.stores.search.fts5 import Fts5Search
from phee.stores.sqlite import reader_engine
from phee.web import HubApp, Position, TenantResolver, create_app

RHINO = {"Platform-TenantId": "rhino"}
GORILLA = {"Platform-TenantId": "gorilla"}
NULLS = {
    "worker": None, "retries": 3, "error_code": None, "error_message": None, "ended_at": None,
}  # fmt: skip


def rows() -> dict[str, list[dict[str, Any]]]:
    transfers = [transfer_row(number) for number in range(1, 26)]
    transfers[0] |= {"amount": Decimal("0.1"), "status": "FAILED",
                     "error_information": '"{\\"errorCode\\": \\"3204\\"}"'}  # fmt: skip
    transfers[1] |= {"amount": Decimal("0.2"), "status": "FAILED", "error_information": "plain"}
    transfers[2] |= {"currency": "JPY", "direction": "INCOMING", "batch_id": "b-1"}
    transfers[3] |= {"status": "IN_PROGRESS", "completed_at": None}
    of_3 = {"epoch": EPOCH, "workflow_instance_key": 1003, "workflow_key": 1, "timestamp": BASE_MS}
    instance = {"epoch": EPOCH, "process_instance_key": 1003, "process_definition_key": 1}
    return {
        "transfers": transfers,
        "tasks": [
            of_3 | NULLS | {"job_key": 1, "element_id": "Task_A", "type": "a", "created_at": 1,
                            "intent": "COMPLETED", "record_type": "EVENT"},
        ],
        "variables": [of_3 | {"scope_key": 1003, "name": "amount", "value": '{"amount":"3"}'}],
        "flow_node_instances": [
            instance | {"element_instance_key": 7, "element_id": "Task_A", "state": "ACTIVE",
                        "element_type": "SERVICE_TASK", "started_at": 1},
        ],
        "incidents": [
            instance | {"incident_key": 9, "bpmn_process_id": "P", "element_id": "Task_A",
                        "element_instance_key": 7, "job_key": 1, "error_type": "JOB_NO_RETRIES",
                        "error_message": "no", "state": "OPEN", "created_at": 1},
        ],
        "process_instances": [
            instance | {"bpmn_process_id": "P", "flow": "P", "version": 1, "state": "ACTIVE",
                        "parent_process_instance_key": None, "started_at": BASE_MS},
            instance | {"process_instance_key": 1004, "bpmn_process_id": "Q", "flow": "Q",
                        "version": 1, "state": "COMPLETED", "parent_process_instance_key": 1003,
                        "started_at": BASE_MS + 1},
        ],
        "dead_letters": [
            {"consumer": "relational", "epoch": EPOCH, "partition_id": 1, "position": 5,
             "reason_code": "x", "reason": "because", "timestamp": 1, "state": "OPEN"},
        ],
    }  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    two_tenants(data)
    written = rows()
    write_relational(data, "rhino", written)
    write_relational(data, "gorilla", {"transfers": [transfer_row(1, transaction_id="g")]})
    documents = [document_row(number) for number in range(1, 26)]
    documents[4] |= {"note": "Rent for May"}
    incident = {"kind": "incident", "key": 9, "error_type": "JOB_NO_RETRIES", "status": "OPEN"}
    write_search(data, "rhino", [*documents, document_row(26, **incident)])
    write_search(data, "gorilla", [])
    return data


@pytest.fixture
def stores(data: Path) -> Iterator[TenantStores]:
    stores = TenantStores(
        lambda tenant_id: open_reader(data, tenant_id),
        lambda tenant_id: Fts5Search(reader_engine(search_path(data, tenant_id))),
    )
    yield stores
    stores.close()


@pytest.fixture
def client(data: Path, stores: TenantStores) -> Iterator[TestClient[HubApp]]:
    api = routes(
        TenantResolver(two_tenants(data)),
        OperationsQueries(stores),
        relational=relational_waiter(stores),
        search=SearchWaiter(stores),
        wait_s=0.1,
    )
    with TestClient(create_app([api])) as client:
        yield client


def get(client: TestClient[HubApp], path: str, tenant: dict[str, str] = RHINO) -> Any:
    response = client.get(f"/api/v1{path}", headers=tenant)
    assert response.status_code == 200, response.text
    return response.json()


def keys(page: Any) -> list[int]:
    return [row["workflowInstanceKey"] - 1000 for row in page["content"]]


def test_a_page_counts_everything_that_matches(client: TestClient[HubApp]) -> None:
    page = get(client, "/transfers?size=10")
    cursor = page.pop("nextCursor")
    assert {name: value for name, value in page.items() if name != "content"} == {
        "totalElements": 25, "totalPages": 3, "number": 0, "size": 10, "numberOfElements": 10,
        "first": True, "last": False, "empty": False, "totalIsExact": True,
    }  # fmt: skip
    second = get(client, f"/transfers?size=10&cursor={cursor}")
    assert second["content"] == get(client, "/transfers?size=10&page=1")["content"]
    assert (second["first"], second["last"], second["totalElements"]) == (False, False, 25)
    last = get(client, "/transfers?size=10&page=2")
    assert (last["numberOfElements"], last["last"], last["first"]) == (5, True, False)
    beyond = get(client, "/transfers?size=10&page=3")
    assert (beyond["content"], beyond["empty"], beyond["totalElements"]) == ([], True, 25)


@pytest.mark.parametrize("order", ["ASC", "DESC"])
@pytest.mark.parametrize("by", ["status", "currency", "startedAt", "amount", "payerPartyId"])
def test_paging_is_stable_whatever_it_is_sorted_by(
    client: TestClient[HubApp], by: str, order: str
) -> None:
    query = f"/transfers?sortedBy={by}&sortedOrder={order}"
    seen = [key for page in range(5) for key in keys(get(client, f"{query}&size=6&page={page}"))]
    assert seen == keys(get(client, f"{query}&size=100"))
    assert sorted(seen) == list(range(1, 26))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=FAILED", [2, 1]),
        ("status=IN_PROGRESS", [4]),
        ("amount=0.1", [1]),
        ("amount=5.00", [5]),
        ("currency=JPY", [3]),
        ("direction=INCOMING", [3]),
        ("batchId=b-1", [3]),
        ("transactionId=t-7", [7]),
        ("clientCorrelationId=c-8", [8]),
        ("payeePartyId=27719", [9]),
        ("payerPartyId=%2B27710101999&transactionId=t-7", [7]),
        ("payerPartyId=+27710101999&transactionId=t-7", [7]),
        ("partyId=277110", [10]),
        ("partyId=%2B27710101999&transactionId=t-7", [7]),
        ("partyIdType=ACCOUNT_ID&transactionId=t-7", [7]),
        ("partyIdType=MSISDN&partyId=277110", []),
        ("payerDfspId=gorilla", []),
        ("payeeDfspId=gorilla&transactionId=t-7", [7]),
        ("startFrom=2025-06-15T15:07:04Z", [25, 24]),
        ("startFrom=2025-06-15+15:07:04", [25, 24]),
        ("startFrom=2025-06-15T17:07:04%2B02:00", [25, 24]),
        ("startTo=2025-06-15T15:06:42Z", [2, 1]),
        ("startFrom=2025-06-15T15:06:42Z&startTo=2025-06-15 15:06:42", [2]),
        ("transactionId=' OR 1=1 --", []),
    ],
)
def test_filters(client: TestClient[HubApp], query: str, expected: list[int]) -> None:
    page = get(client, f"/transfers?{query}")
    assert keys(page) == expected
    assert page["totalElements"] == len(expected)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("size=0", "query.size"),
        ("size=1001", "query.size"),
        ("page=-1", "query.page"),
        ("cursor=", "query.cursor"),
        ("page=x", "query.page"),
        ("sortedBy=password", "query.sortedBy"),
        ("sortedOrder=down", "query.sortedOrder"),
        ("status=LOST", "query.status"),
        ("direction=UP", "query.direction"),
        ("amount=-1", "query.amount"),
        ("amount=1e3", "query.amount"),
        ("currency=usd", "query.currency"),
        ("startFrom=yesterday", "query.startFrom"),
        ("startTo=2025-13-01 00:00:00", "query.startTo"),
        ("startTo=0001-01-01T00:00:00%2B14:00", "query.startTo"),
        ("colour=red", "query.colour"),
        ("status=FAILED&status=COMPLETED", "query.status"),
        ("transactionId=", "query.transactionId"),
    ],
)
def test_bad_questions_name_the_parameter(
    client: TestClient[HubApp], query: str, field: str
) -> None:
    response = client.get(f"/api/v1/transfers?{query}", headers=RHINO)
    assert response.status_code == 400, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"][0]["field"] == field


def test_a_transfer_is_answered_exactly(client: TestClient[HubApp]) -> None:
    row = get(client, "/transfers?transactionId=t-1")["content"][0]
    assert row["amount"] == "0.10"
    assert row["errorInformation"] == {"errorCode": "3204"}
    assert row["startedAt"] == BASE_MS + 1000
    assert row["payerPartyId"] == "+27710101999"
    assert get(client, "/transfers?transactionId=t-2")["content"][0]["errorInformation"] == "plain"
    assert get(client, "/transfers?transactionId=t-3")["content"][0]["amount"] == "3"


def test_one_transfer_with_everything_that_happened(client: TestClient[HubApp]) -> None:
    detail = get(client, "/transfer/1003")
    assert detail["transfer"]["transactionId"] == "t-3"
    assert [task["type"] for task in detail["tasks"]] == ["a"]
    assert [(v["name"], v["value"]) for v in detail["variables"]] == [("amount", '{"amount":"3"}')]
    assert [node["elementId"] for node in detail["flowNodes"]] == ["Task_A"]
    assert [incident["incidentKey"] for incident in detail["incidents"]] == [9]


def test_runs_incidents_and_dead_letters(client: TestClient[HubApp]) -> None:
    runs = get(client, "/process-instances?state=ACTIVE")
    assert [run["processInstanceKey"] for run in runs["content"]] == [1003]
    detail = get(client, "/process-instances/1003")
    assert detail["processInstance"]["bpmnProcessId"] == "P"
    assert len(detail["tasks"]) == 1
    assert get(client, "/incidents?state=OPEN")["totalElements"] == 1
    assert get(client, "/incidents?state=RESOLVED")["totalElements"] == 0
    assert get(client, "/incidents?processInstanceKey=1003")["content"][0]["jobKey"] == 1
    assert get(client, "/deadletters")["content"][0]["reason"] == "because"
    assert get(client, "/deadletters?state=ALL")["totalElements"] == 1
    assert get(client, "/deadletters?state=REPLAYED")["totalElements"] == 0


@pytest.mark.parametrize("path", ["/transfer/9", "/process-instances/9"])
def test_what_is_not_there_is_not_found(client: TestClient[HubApp], path: str) -> None:
    response = client.get(f"/api/v1{path}", headers=RHINO)
    assert (response.status_code, response.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize("path", ["/transfer/x", "/transfer/0", "/transfer/99999999999999999999"])
def test_a_malformed_key_is_named(client: TestClient[HubApp], path: str) -> None:
    response = client.get(f"/api/v1{path}", headers=RHINO)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "workflow_instance_key"


def test_sums_are_exact_over_both_stores(client: TestClient[HubApp]) -> None:
    window = "startFrom=2025-06-15T00:00:00Z&startTo=2025-06-15T23:59:59Z"
    statistics = get(client, f"/transfers/statistics?interval=minute&{window}")
    totals = {(t["status"], t["currency"]): (t["count"], t["amount"]) for t in statistics["totals"]}
    assert totals["FAILED", "USD"] == (2, "0.30")
    assert totals["COMPLETED", "JPY"] == (1, "3")
    assert totals["COMPLETED", "USD"] == (21, f"{sum(range(5, 26))}.00")
    assert statistics["intervalMs"] == 60_000
    assert sum(bucket["count"] for bucket in statistics["buckets"]) == 25
    assert len(statistics["buckets"]) == 2
    only = get(client, f"/transfers/statistics?{window}&direction=INCOMING")
    assert [total["currency"] for total in only["totals"]] == ["JPY"]
    bad = client.get("/api/v1/transfers/statistics?interval=week", headers=RHINO)
    assert bad.status_code == 400


def test_words_and_fields_are_searched(client: TestClient[HubApp]) -> None:
    assert [d["transactionId"] for d in get(client, "/search?q=rent")["documents"]] == ["t-5"]
    assert get(client, "/search?q=rent&fields=payeePartyId")["total"] == 0
    assert get(client, "/search?q=rent&fields=note,payeePartyId")["total"] == 1
    assert get(client, "/search?kind=incident&errorType=JOB_NO_RETRIES")["total"] == 1
    assert get(client, "/search?kind=payment&transactionId=t-9")["documents"][0]["amount"] == "9.00"
    assert get(client, "/search?kind=payment&amountFrom=24&amountTo=25")["total"] == 2
    assert get(client, '/search?q="; DROP TABLE documents; --')["total"] == 0


def test_search_in_another_order(client: TestClient[HubApp]) -> None:
    page = get(client, "/search?kind=payment&sortedBy=amount&sortedOrder=ASC&size=2")
    assert [document["amount"] for document in page["documents"]] == ["1.00", "2.00"]


def test_analytics_over_time(client: TestClient[HubApp]) -> None:
    span = "&startFrom=2020-01-01&startTo=2025-12-31"
    found = get(client, f"/analytics/histogram?kind=payment&interval=day&by=payerPartyId{span}")
    assert found["by"] == "payerPartyId"
    parts = [part for bucket in found["buckets"] for part in bucket["parts"]]
    assert sum(Decimal(part["amount"]) for part in parts) == sum(range(1, 26))


def test_analytics_of_values(client: TestClient[HubApp]) -> None:
    found = get(client, "/analytics/terms?kind=payment&field=currency&by=status&terms=5")
    (term,) = found["terms"]
    assert (term["value"], term["count"], found["otherCount"]) == ("USD", 25, 0)
    assert term["amounts"] == [{"currency": "USD", "count": 25, "amount": "325.00"}]
    assert sum(part["count"] for part in term["parts"]["terms"]) == 25


def test_analytics_percentiles(client: TestClient[HubApp]) -> None:
    found = get(client, "/analytics/percentiles?field=amount&percents=50,100&kind=payment")
    assert found["isExact"] is True
    (group,) = found["groups"]
    assert group["percentiles"] == [
        {"percent": "50", "value": "13.00"}, {"percent": "100", "value": "25.00"},
    ]  # fmt: skip
    for percents in ("0", "101", "5,,6", "x"):
        url = f"/api/v1/analytics/percentiles?percents={percents}"
        assert client.get(url, headers=RHINO).status_code == 400


def test_search_pages_by_cursor(client: TestClient[HubApp]) -> None:
    seen: list[str] = []
    cursor = ""
    while True:
        page = get(client, f"/search?kind=payment&size=7{cursor}")
        assert page["total"] == 25
        seen += [document["transactionId"] for document in page["documents"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert seen == [f"t-{number}" for number in range(25, 0, -1)]


@pytest.mark.parametrize("query", ["fields=colour&q=x", "cursor=zzz", "size=0", "kind=cat"])
def test_bad_searches(client: TestClient[HubApp], query: str) -> None:
    response = client.get(f"/api/v1/search?{query}", headers=RHINO)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    ["/transfers", "/transfer/1003", "/transfers/statistics", "/search", "/incidents",
     "/process-instances", "/process-instances/1003", "/deadletters"],
)  # fmt: skip
def test_the_tenant_is_mandatory_and_never_crosses(client: TestClient[HubApp], path: str) -> None:
    missing = client.get(f"/api/v1{path}")
    assert (missing.status_code, missing.json()["code"]) == (400, "missing-tenant")
    unknown = client.get(f"/api/v1{path}", headers={"Platform-TenantId": "lion"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown-tenant")
    theirs = client.get(f"/api/v1{path}", headers=GORILLA)
    assert "t-3" not in theirs.text
    assert theirs.status_code == (404 if path.endswith("1003") else 200)


def test_both_tenants_at_once(client: TestClient[HubApp]) -> None:
    for _ in range(3):
        assert get(client, "/transfers")["totalElements"] == 25
        assert keys(get(client, "/transfers", GORILLA)) == [1]
        assert get(client, "/transfers?transactionId=g")["totalElements"] == 0


def test_a_read_waits_for_its_position(client: TestClient[HubApp]) -> None:
    headers = RHINO | {"X-Phee-Position": f"{EPOCH}-1-100"}
    assert client.get("/api/v1/transfers", headers=headers).status_code == 200
    assert client.get("/api/v1/search", headers=headers).status_code == 200
    for path in ("/transfers", "/search", "/transfers/statistics"):
        late = client.get(f"/api/v1{path}?after={EPOCH}-1-101", headers=RHINO)
        assert (late.status_code, late.json()["code"]) == (504, "not-caught-up")
    other_life = client.get(f"/api/v1/transfers?after={EPOCH + 1}-1-1", headers=RHINO)
    assert other_life.status_code == 504


def test_a_store_that_is_not_there_yet_is_said(tmp_path: Path) -> None:
    stores = TenantStores(
        lambda tenant_id: open_reader(tmp_path, tenant_id),
        lambda tenant_id: Fts5Search(reader_engine(search_path(tmp_path, tenant_id))),
    )
    waiter = relational_waiter(stores)
    api = routes(
        TenantResolver(two_tenants(tmp_path)), OperationsQueries(stores), relational=waiter,
        search=SearchWaiter(stores), wait_s=0.05,
    )  # fmt: skip
    with TestClient(create_app([api])) as client:
        for path in ("/transfers", "/search"):
            response = client.get(f"/api/v1{path}", headers=RHINO)
            assert (response.status_code, response.json()["code"]) == (503, "unavailable")
        late = client.get(f"/api/v1/transfers?after={EPOCH}-1-1", headers=RHINO)
        assert late.json()["code"] == "not-caught-up"
    stores.close()


async def test_what_the_channel_asks(stores: TenantStores) -> None:
    lookup = StoreTransferLookup(stores, relational_waiter(stores))
    found = await lookup.by_transaction_id("rhino", "t-1")
    assert found is not None
    assert (found.status, found.error_information) == ("FAILED", {"errorCode": "3204"})
    assert await lookup.by_transaction_id("gorilla", "t-1") is None
    assert (await lookup.by_correlation_id("rhino", "c-4")).completed_at is None  # type: ignore[union-attr]
    waits = [
        lookup.wait_until("rhino", Position(EPOCH, 1, position), timeout_s=0.1)
        for position in (1, 100, 101)
    ]
    assert await asyncio.gather(*waits) == [True, True, False]


async def test_keys_belong_to_a_tenant(stores: TenantStores) -> None:
    ownership = StoreOwnershipLookup(stores)
    assert await ownership.owns_instance("rhino", 1003)
    assert not await ownership.owns_instance("rhino", 1004), "a child instance cannot be cancelled"
    assert not await ownership.owns_instance("gorilla", 1003)
    incident = ownership.owns_incident
    assert await incident("rhino", 9, element_instance_key=7, job_key=1)
    assert await incident("rhino", 9, element_instance_key=7, job_key=None)
    assert not await incident("rhino", 9, element_instance_key=8, job_key=1)
    assert not await incident("rhino", 9, element_instance_key=7, job_key=2)
    assert not await incident("gorilla", 9, element_instance_key=7, job_key=1)
