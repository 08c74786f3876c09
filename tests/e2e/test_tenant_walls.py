"""What one tenant has, another never sees; and a new tenant works at once."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from running_hub import Answer, Http, eventually, party, payment
from running_world import GORILLA, RHINO, World, ordinary_payment

from phee.flows import resources

THIRD = {"id": "hippo", "name": "Hippo Savings", "settings": {"transferWindow": "PT10S"}}


@pytest.fixture(scope="module")
def rhinos(world: World) -> dict[str, Any]:
    """A payment of rhino's to a stranger, which concerns gorilla in no way."""
    body = payment(RHINO.customers[5], RHINO.stranger, "4.44") | {"note": "zanzibarshells"}
    return world.pay_to_its_end(f"wall-{uuid.uuid4()}", body)


def found_nothing(answer: Answer) -> bool:
    """Whether the answer holds nothing of anyone."""
    if answer.status == 404:
        return True
    assert answer.status == 200, answer.body
    listing = answer.json
    return listing.get("totalElements", listing.get("total")) == 0


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/transfers?transactionId={transactionId}",
        "/api/v1/transfers?clientCorrelationId={clientCorrelationId}",
        "/api/v1/transfers?payerPartyId={payerPartyId}&amount=4.44",
        "/api/v1/transfer/{workflowInstanceKey}",
        "/api/v1/process-instances/{workflowInstanceKey}",
        "/api/v1/process-instances?processInstanceKey={workflowInstanceKey}",
        "/api/v1/process-instances?bpmnProcessId=PayerFundTransfer-rhino",
        "/api/v1/incidents?processInstanceKey={workflowInstanceKey}",
        "/api/v1/search?q=zanzibarshells",
        "/api/v1/search?transactionId={transactionId}",
        "/channel/transfer/{transactionId}",
        "/channel/txnState/{clientCorrelationId}?requestType=transfers",
    ],
)
def test_gorilla_sees_nothing_of_rhinos(world: World, rhinos: dict[str, Any], path: str) -> None:
    asked = path.format(**rhinos)
    if "/incidents" not in asked:
        eventually(lambda: not found_nothing(world.rhino.get(asked)), what="rhino sees its own")
    answer = world.gorilla.get(asked)
    assert found_nothing(answer)
    if answer.status == 404:
        answer.problem(404, answer.json["code"])
    assert b"zanzibar" not in answer.body
    assert str(rhinos["transactionId"]).encode() not in answer.body.replace(asked.encode(), b"")


def test_gorilla_cannot_act_on_rhinos_payment(world: World, rhinos: dict[str, Any]) -> None:
    key = rhinos["workflowInstanceKey"]
    world.gorilla.post(f"/channel/workflow/{key}/cancel", {}).problem(404, "key-not-found")
    reference = {"key": key, "elementInstanceKey": key}
    world.gorilla.post("/channel/job/resolve", {"incident": reference}).problem(
        404, "key-not-found"
    )


@pytest.mark.parametrize("tenant", ["RHINO", "rhino,gorilla", "..", "nobody", "%", "ü"])
def test_a_tenant_that_is_not_there_is_refused(world: World, tenant: str) -> None:
    for path in ("/api/v1/transfers", "/api/v1/search?q=a"):
        answer = Http(world.hub.port, tenant.encode().decode("latin-1")).get(path)
        answer.problem(404, "unknown-tenant")


def test_a_third_tenant_works_at_once(world: World) -> None:
    simulators = world.simulators
    account = {
        "accountId": "hippo-1",
        "partyIdType": "MSISDN",
        "partyIdentifier": "27730000001",
        "currency": "USD",
        "balance": "100.00",
        "name": "First",
    }
    seeds = {"tenant": "hippo", "accounts": [account]}
    assert simulators.post("/ledger/accounts", seeds).status == 200
    callback = f"http://127.0.0.1:{world.hub.port}/switch"
    joined = [{"fspId": "hippo", "callbackUrl": callback}]
    assert simulators.post("/scheme/participants", joined).status == 200
    known = [{"partyIdType": "MSISDN", "partyIdentifier": "27730000001", "fspId": "hippo"}]
    assert simulators.post("/scheme/parties", known).status == 200

    hippo = Http(world.hub.port, "hippo")
    hippo.get("/api/v1/transfers").problem(404, "unknown-tenant")
    onboarded = world.hub.post("/api/v1/tenants", THIRD)
    assert onboarded.status == 200, onboarded.body
    assert hippo.read("/api/v1/transfers")["totalElements"] == 0, "its stores are there"
    assert hippo.read("/api/v1/search", q="anything")["total"] == 0
    for name in ("relational.db", "search.db"):
        assert (world.data / "tenants" / "hippo" / name).is_file()
    assert hippo.read("/api/v1/tenants")
    incoming = world.rhino.post(
        "/channel/transfer", payment(RHINO.customers[6], "27730000001", "9.00")
    )
    assert incoming.status == 200
    arrived = eventually(
        lambda: hippo.read("/api/v1/transfers", status="COMPLETED", direction="INCOMING")["content"]
    )
    assert arrived[0]["transactionId"] == incoming.json["transactionId"]
    outgoing = hippo.post(
        "/channel/transfer",
        {"payer": party("27730000001"), "payee": party(GORILLA.customers[6])}
        | {"amount": {"amount": "3.00", "currency": "USD"}},
    )
    eventually(
        lambda: hippo.read("/api/v1/transfers", status="COMPLETED", direction="OUTGOING")["content"]
    )
    assert outgoing.status == 200


def test_onboarding_again_is_harmless_and_otherwise_refused(world: World) -> None:
    tenant = {"id": "okapi", "name": "Okapi", "currencies": ["EUR"]}
    first = world.hub.post("/api/v1/tenants", tenant)
    again = world.hub.post("/api/v1/tenants", tenant)
    assert first.status == again.status == 200
    assert first.json == again.json
    world.hub.post("/api/v1/tenants", tenant | {"name": "Other"}).problem(409, "tenant-exists")
    world.hub.post("/api/v1/tenants", {"id": "impostor", "fspId": "okapi"}).problem(
        409, "tenant-exists"
    )
    okapi = Http(world.hub.port, "okapi")
    flows = [{"name": each.name, "content": each.content.decode()} for each in resources("okapi")]
    deployed = okapi.post("/api/v1/deployments", {"resources": flows}).json["processes"]
    assert [(each["version"], each["duplicate"]) for each in deployed] == [(1, True)] * 3
    ids = {each["id"] for each in world.hub.read("/api/v1/tenants")}
    assert {"rhino", "gorilla", "okapi"} <= ids
    assert "impostor" not in ids
    dollars = ordinary_payment()
    problem = okapi.post("/channel/transfer", dollars).problem(400, "invalid-fields")
    assert problem["errors"][0]["field"] == "amount.currency"


@pytest.mark.parametrize(
    "tenant",
    [
        {},
        {"id": "../up"},
        {"id": "UPPER"},
        {"id": "a" * 32},
        {"id": "<default>"},
        {"id": "x", "currencies": ["XYZ"]},
        {"id": "x", "settings": {"responseTimeout": "soon"}},
        {"id": "x", "unknown": 1},
        {"id": "x", "name": "line\nbreak"},
    ],
    ids=json.dumps,
)
def test_a_malformed_tenant_is_refused_and_leaves_nothing(
    world: World, tenant: dict[str, Any]
) -> None:
    before = world.hub.read("/api/v1/tenants")
    answer = world.hub.post("/api/v1/tenants", tenant)
    answer.problem(400, answer.json["code"])
    assert world.hub.read("/api/v1/tenants") == before
