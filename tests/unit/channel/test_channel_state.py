"""What became of a payment, told truthfully; and what operators can do about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fake_hub import EPOCH, FakeLookup, FakeOrchestrator, channel_app, two_tenants
from litestar.testing import TestClient

from phee.channel import TransferView, transaction_id_of
from phee.errors import Unavailable
from phee.web import HubApp, Position

RHINO = {"Platform-TenantId": "rhino"}
ID = transaction_id_of("rhino", "c-1")


@pytest.fixture
def orchestrator() -> FakeOrchestrator:
    return FakeOrchestrator()


@pytest.fixture
def lookup() -> FakeLookup:
    return FakeLookup()


@pytest.fixture
def client(
    tmp_path: Path, orchestrator: FakeOrchestrator, lookup: FakeLookup
) -> Iterator[TestClient[HubApp]]:
    with TestClient(channel_app(two_tenants(tmp_path), orchestrator, lookup)) as client:
        yield client


def view(status: str) -> TransferView:
    done = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC) if status in ("COMPLETED", "FAILED") else None
    error = {"errorCode": "3204"} if status == "FAILED" else None
    return TransferView(ID, "c-1", None, status, done, error)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("IN_PROGRESS", "PENDING"),
        ("COMPLETED", "COMMITTED"),
        ("FAILED", "FAILED"),
        ("EXCEPTION", "UNKNOWN"),
        ("UNKNOWN", "UNKNOWN"),
        ("something new", "UNKNOWN"),
    ],
)
def test_states_are_truthful(
    client: TestClient[HubApp], lookup: FakeLookup, status: str, state: str
) -> None:
    lookup.views["rhino", ID] = lookup.views["rhino", "c-1"] = view(status)
    answer = client.get(f"/channel/transfer/{ID}", headers=RHINO).json()
    assert answer["transferState"] == state
    assert answer["transactionId"] == ID
    assert answer["clientRefId"] == "c-1"
    final = status in ("COMPLETED", "FAILED")
    assert answer["completedTimestamp"] == ("2025-01-02T03:04:05+00:00" if final else None)
    assert (answer["errorInformation"] is not None) == (status == "FAILED")
    correlated = client.get("/channel/txnState/c-1", headers=RHINO | {"requestType": "transfers"})
    assert correlated.json() == answer
    by_parameter = client.get("/channel/txnState/c-1?requestType=transfers", headers=RHINO)
    assert by_parameter.json() == answer


def test_another_tenant_sees_nothing(client: TestClient[HubApp], lookup: FakeLookup) -> None:
    lookup.views["rhino", ID] = view("COMPLETED")
    response = client.get(f"/channel/transfer/{ID}", headers={"Platform-TenantId": "gorilla"})
    assert (response.status_code, response.json()["code"]) == (404, "transfer-not-found")


@pytest.mark.parametrize("way", ["header", "parameter"])
@pytest.mark.parametrize("path", [f"/channel/transfer/{ID}", "/channel/txnState/c-1"])
def test_an_accepted_payment_is_never_not_found(
    client: TestClient[HubApp], lookup: FakeLookup, way: str, path: str
) -> None:
    lookup.reached = 9
    token = f"{EPOCH}-1-10"
    headers = RHINO | {"requestType": "transfers"}
    if way == "header":
        headers["X-Phee-Position"] = token
    else:
        path += f"?after={token}"
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200
    assert (answer.json()["transferState"], answer.json()["transactionId"]) == ("RECEIVED", ID)
    assert lookup.waited_for == [Position(EPOCH, 1, 10)]
    lookup.reached = 10
    assert client.get(path, headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("/channel/transfer/x", {}, 400, "invalid-fields"),
        (f"/channel/transfer/{ID}", {"X-Phee-Position": "x"}, 400, "invalid-fields"),
        (f"/channel/transfer/{ID}?after=1-1-1x", {}, 400, "invalid-fields"),
        (f"/channel/transfer/{ID}?befor=1", {}, 400, "invalid-fields"),
        ("/channel/txnState/c-1", {}, 400, "invalid-fields"),
        ("/channel/txnState/c-1", {"requestType": "other"}, 400, "invalid-fields"),
        ("/channel/txnState/c-1", {"requestType": "transactionReq"}, 501, "not-supported"),
        ("/channel/txnState/a%20b", {"requestType": "transfers"}, 400, "invalid-fields"),
    ],
)
def test_bad_questions(
    client: TestClient[HubApp], path: str, headers: dict[str, str], status: int, code: str
) -> None:
    response = client.get(path, headers=RHINO | headers)
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_a_decision_reaches_the_waiting_flow_once(
    client: TestClient[HubApp], orchestrator: FakeOrchestrator
) -> None:
    decision = {"operatorManualOverride": True}
    path = f"/channel/transaction/{ID}/resolve"
    first = client.post(path, json=decision, headers=RHINO)
    assert first.json() == {"accepted": True}
    assert first.headers["x-phee-position"] == f"{EPOCH}-1-77"
    assert client.post(path, json=decision, headers=RHINO).status_code == 200
    assert orchestrator.messages == [("operator-manual-recovery", ID, decision, "rhino")]
    client.post(path, json={"operatorManualOverride": False}, headers=RHINO)
    assert len(orchestrator.messages) == 2


@pytest.mark.parametrize("body", [[], {"": 1}, {"a" * 200: 1}, {str(n): n for n in range(101)}])
def test_a_decision_must_be_variables(
    client: TestClient[HubApp], orchestrator: FakeOrchestrator, body: Any
) -> None:
    response = client.post(f"/channel/transaction/{ID}/resolve", json=body, headers=RHINO)
    assert response.status_code == 400
    assert orchestrator.messages == []


INCIDENT = {"incident": {"key": 7, "elementInstanceKey": 8, "jobKey": 9, "newRetries": 2}}


@pytest.mark.parametrize("path", ["/channel/job/resolve", "/channel/workflow/resolve"])
def test_an_incident_is_resolved_in_order(
    client: TestClient[HubApp], orchestrator: FakeOrchestrator, path: str
) -> None:
    body = INCIDENT | {"variables": {"a": 1}}
    assert client.post(path, json=body, headers=RHINO).status_code == 200
    assert orchestrator.calls == [
        ("set_variables", 8, {"a": 1}),
        ("update_job_retries", 9, 2),
        ("resolve_incident", 7),
    ]


@pytest.mark.parametrize(
    ("tenant", "changes"),
    [
        ("gorilla", {}),
        ("rhino", {"key": 70}),
        ("rhino", {"elementInstanceKey": 80}),
        ("rhino", {"jobKey": 90}),
    ],
)
def test_incidents_of_others_are_not_found(
    client: TestClient[HubApp],
    orchestrator: FakeOrchestrator,
    tenant: str,
    changes: dict[str, int],
) -> None:
    body = {"incident": INCIDENT["incident"] | changes, "variables": {"a": 1}}
    headers = {"Platform-TenantId": tenant}
    response = client.post("/channel/job/resolve", json=body, headers=headers)
    assert (response.status_code, response.json()["code"]) == (404, "key-not-found")
    assert orchestrator.calls == []


def test_only_own_instances_are_cancelled(
    client: TestClient[HubApp], orchestrator: FakeOrchestrator
) -> None:
    path = "/channel/workflow/100/cancel"
    assert client.post(path, headers={"Platform-TenantId": "gorilla"}).status_code == 404
    assert client.post("/channel/workflow/0/cancel", headers=RHINO).status_code == 400
    assert orchestrator.calls == []
    assert client.post(path, headers=RHINO).status_code == 200
    assert orchestrator.calls == [("cancel_instance", 100)]


class NoStoreYet(FakeLookup):
    """A data side that has not made this tenant's store yet."""

    async def by_transaction_id(self, tenant_id: str, transaction_id: str) -> TransferView | None:
        raise Unavailable("no store")

    by_correlation_id = by_transaction_id


@pytest.mark.parametrize("path", [f"/channel/transfer/{ID}", "/channel/txnState/c-1"])
def test_an_accepted_payment_is_received_even_before_its_store_exists(
    tmp_path: Path, path: str
) -> None:
    app = channel_app(two_tenants(tmp_path), FakeOrchestrator(), NoStoreYet(reached=-1))
    headers = RHINO | {"requestType": "transfers"}
    with TestClient(app) as client:
        fresh = headers | {"X-Phee-Position": f"{EPOCH}-1-5"}
        assert client.get(path, headers=fresh).json()["transferState"] == "RECEIVED"
        assert client.get(path, headers=headers).status_code == 503
