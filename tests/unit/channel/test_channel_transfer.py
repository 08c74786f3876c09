"""POST /channel/transfer: nothing half done, the same answer to the same request."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_hub import EPOCH, FakeLookup, FakeOrchestrator, channel_app, transfer_body, two_tenants
from litestar.testing import TestClient

from phee.channel import transaction_id_of
from phee.errors import Overloaded, Unavailable
from phee.web import HubApp

RHINO = {"Platform-TenantId": "rhino"}


@pytest.fixture
def orchestrator() -> FakeOrchestrator:
    return FakeOrchestrator()


@pytest.fixture
def client(tmp_path: Path, orchestrator: FakeOrchestrator) -> Iterator[TestClient[HubApp]]:
    app = channel_app(two_tenants(tmp_path), orchestrator, FakeLookup())
    with TestClient(app) as client:
        yield client


def post(client: TestClient[HubApp], body: Any = None, **headers: str) -> Any:
    sent = RHINO | {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/channel/transfer", json=body or transfer_body(), headers=sent)


def refused(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["code"] == code
    return body


def test_a_payment_starts_the_flow_of_its_tenant(
    client: TestClient[HubApp], orchestrator: FakeOrchestrator
) -> None:
    body = transfer_body(note="Rent", clientRefId="r1", customData=[{"key": "k", "value": 1}])
    response = post(
        client, body, X_CorrelationID="c-1", X_BatchID="b-1", X_PayeeDFSP_ID="gorilla-bank"
    )
    assert response.status_code == 200
    assert response.json() == {"transactionId": transaction_id_of("rhino", "c-1")}
    assert response.headers["x-correlationid"] == "c-1"
    assert response.headers["x-phee-position"] == f"{EPOCH}-1-10"
    assert "x-phee-repeated" not in response.headers
    ((process_id, variables, tenant_id),) = orchestrator.instances
    assert (process_id, tenant_id) == ("PayerFundTransfer-rhino", "rhino")
    channel_request = json.loads(variables.pop("channelRequest"))
    assert channel_request["payer"] == body["payer"]
    assert channel_request["transactionType"]["scenario"] == "TRANSFER"
    assert variables == {
        "transactionId": transaction_id_of("rhino", "c-1"),
        "originDate": 1_750_000_000_500,
        "isRtpRequest": False,
        "tenantId": "rhino",
        "clientCorrelationId": "c-1",
        "currency": "USD",
        "amount": {"amount": "12.50", "currency": "USD"},
        "initiator": "PAYER",
        "initiatorType": "CONSUMER",
        "scenario": "TRANSFER",
        "initiatorFspId": "rhino",
        "destinationFspId": "gorilla-bank",
        "batchId": "b-1",
        "note": "Rent",
        "clientRefId": "r1",
        "customData": [{"key": "k", "value": 1}],
        "responseTimeout": "PT60S",
        "payerDecisionTimeout": "PT5M",
        "transferWindow": "PT5M",
        "operatorRecheckInterval": "PT15M",
    }


def test_the_same_request_gets_the_first_answer(
    client: TestClient[HubApp], orchestrator: FakeOrchestrator
) -> None:
    first = post(client, X_CorrelationID="c-1")
    reordered = dict(reversed(transfer_body().items()))
    again = post(client, reordered, X_CorrelationID="c-1")
    assert again.status_code == 200
    assert again.json() == first.json()
    assert again.headers["x-phee-repeated"] == "true"
    assert again.headers["x-phee-position"] == first.headers["x-phee-position"]
    assert len(orchestrator.instances) == 1


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (transfer_body(amount={"amount": "12.51", "currency": "USD"}), {}),
        (transfer_body(note="other"), {}),
        (transfer_body(), {"X_BatchID": "b"}),
        (transfer_body(), {"X_PayeeDFSP_ID": "b"}),
        (transfer_body(), {"X_Registering_Institution_ID": "b"}),
    ],
)
def test_the_same_correlation_id_for_something_else_is_a_conflict(
    client: TestClient[HubApp], orchestrator: FakeOrchestrator, body: Any, headers: dict[str, str]
) -> None:
    post(client, X_CorrelationID="c-1")
    problem = refused(post(client, body, X_CorrelationID="c-1", **headers), 409,
                      "correlation-id-reused")  # fmt: skip
    assert problem["fix"]
    assert len(orchestrator.instances) == 1


def test_tenants_may_use_the_same_correlation_id(
    client: TestClient[HubApp], orchestrator: FakeOrchestrator
) -> None:
    orchestrator.deployed.add("PayerFundTransfer-gorilla")
    ours = post(client, X_CorrelationID="c-1").json()
    theirs = client.post(
        "/channel/transfer",
        json=transfer_body(),
        headers={"Platform-TenantId": "gorilla", "X-CorrelationID": "c-1"},
    ).json()
    assert ours != theirs
    assert [tenant for _, _, tenant in orchestrator.instances] == ["rhino", "gorilla"]
    assert orchestrator.instances[1][1]["initiatorFspId"] == "gorilla-bank"


def test_without_a_correlation_id_one_is_made_and_returned(client: TestClient[HubApp]) -> None:
    first, second = post(client), post(client)
    made = first.headers["x-correlationid"]
    assert uuid.UUID(made).version == 4
    assert first.json()["transactionId"] == transaction_id_of("rhino", made)
    assert first.json() != second.json()


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 400, "missing-tenant"),
        ({"Platform-TenantId": ""}, 400, "missing-tenant"),
        ({"Platform-TenantId": "nobody"}, 404, "unknown-tenant"),
        ({"Platform-TenantId": "../rhino"}, 404, "unknown-tenant"),
        ({"Platform-TenantId": "RHINO"}, 404, "unknown-tenant"),
        (RHINO | {"X-CorrelationID": "a b"}, 400, "invalid-fields"),
        (RHINO | {"X-CorrelationID": "a" * 129}, 400, "invalid-fields"),
        (RHINO | {"X-PayeeDFSP-ID": "a/b"}, 400, "invalid-fields"),
    ],
)
def test_bad_headers(
    client: TestClient[HubApp],
    orchestrator: FakeOrchestrator,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    refused(client.post("/channel/transfer", json=transfer_body(), headers=headers), status, code)
    assert orchestrator.instances == []


AMOUNTS = [
    ("-1", "USD", "is negative"),
    ("−1", "USD", "is negative"),
    ("0", "USD", "is zero"),
    ("0.00", "USD", "is zero"),
    ("12.505", "USD", "is more precise than USD, which has 2 decimal places"),
    ("12.5", "JPY", "is more precise than JPY, which has 0 decimal places"),
    ("1.0005", "BHD", "is more precise than BHD"),
    ("10000000000000", "USD", "is absurdly large"),
    ("9" * 40, "USD", "is absurdly large"),
    ("1e3", "USD", "has an exponent"),
    ("1,50", "USD", "has a comma"),
    ("1.000,50", "USD", "has a comma"),
    ("١٢", "USD", "has digits that are not ASCII"),
    ("１２", "USD", "has digits that are not ASCII"),
    ("", "USD", "is not a decimal number"),
    ("NaN", "USD", "is not a decimal number"),
    ("Infinity", "USD", "is not a decimal number"),
    ("+5", "USD", "is not a decimal number"),
    ("05", "USD", "is not a decimal number"),
    ("5.", "USD", "is not a decimal number"),
    (".5", "USD", "is not a decimal number"),
    (" 5", "USD", "is not a decimal number"),
    ("5\n", "USD", "is not a decimal number"),
    ("0x10", "USD", "is not a decimal number"),
    ("5 USD", "USD", "is not a decimal number"),
]


@pytest.mark.parametrize(("amount", "currency", "what"), AMOUNTS)
def test_bad_amounts(
    client: TestClient[HubApp],
    orchestrator: FakeOrchestrator,
    amount: str,
    currency: str,
    what: str,
) -> None:
    body = transfer_body(amount={"amount": amount, "currency": currency})
    problem = refused(post(client, body), 400, "invalid-fields")
    assert problem["errors"][0]["field"] == "amount.amount"
    assert what in problem["errors"][0]["what"]
    assert problem["errors"][0]["fix"]
    assert orchestrator.instances == []


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("9999999999999.99", "USD"),
        ("1.005", "BHD"),
        ("5", "JPY"),
        ("0.01", "EUR"),
        ("1.0", "KES"),
    ],
)
def test_good_amounts(client: TestClient[HubApp], amount: str, currency: str) -> None:
    assert post(client, transfer_body(amount={"amount": amount, "currency": currency})).is_success


@pytest.mark.parametrize("currency", ["XXX", "XAU", "HRK", "ZWL", "usd", "US", "", "EURO", "€"])
def test_bad_currencies(client: TestClient[HubApp], currency: str) -> None:
    body = transfer_body(amount={"amount": "1", "currency": currency})
    problem = refused(post(client, body), 400, "invalid-fields")
    assert problem["errors"][0]["field"] == "amount.currency"


def test_currencies_of_the_tenant(
    client: TestClient[HubApp], orchestrator: FakeOrchestrator
) -> None:
    body = transfer_body(amount={"amount": "1", "currency": "EUR"})
    headers = {"Platform-TenantId": "gorilla"}
    problem = refused(
        client.post("/channel/transfer", json=body, headers=headers), 400, "invalid-fields"
    )
    assert "USD, JPY, BHD" in problem["errors"][0]["fix"]
    assert orchestrator.instances == []


def party(kind: str, identifier: str, **more: str) -> dict[str, Any]:
    return {"partyIdInfo": {"partyIdType": kind, "partyIdentifier": identifier} | more}


@pytest.mark.parametrize(
    ("payer", "payee"),
    [
        (party("MSISDN", "27710101999"), party("MSISDN", "27710101999")),
        (party("MSISDN", "27710101999"), party("MSISDN", "+27710101999")),
        (party("EMAIL", "a@b.org"), party("EMAIL", "A@B.org")),
        (party("ALIAS", "x", fspId="rhino"), party("ALIAS", "x")),
        (party("ALIAS", "x", fspId="rhino"), party("ALIAS", "x", fspId="rhino")),
    ],
)
def test_payer_and_payee_must_differ(client: TestClient[HubApp], payer: Any, payee: Any) -> None:
    problem = refused(post(client, transfer_body(payer=payer, payee=payee)), 400, "invalid-fields")
    assert problem["errors"][0]["field"] == "payee"


def test_one_person_at_two_institutions(client: TestClient[HubApp]) -> None:
    payer, payee = party("ALIAS", "x", fspId="rhino"), party("ALIAS", "x", fspId="gorilla")
    assert post(client, transfer_body(payer=payer, payee=payee)).is_success


@pytest.mark.parametrize(
    ("kind", "identifier", "what"),
    [
        ("MSISDN", "0800-FLOWERS", "is not an MSISDN"),
        ("MSISDN", "1234", "is not an MSISDN"),
        ("MSISDN", "1234567890123456", "is not an MSISDN"),
        ("MSISDN", "٢٧٧١٠١٠١٩٩٩", "is not an MSISDN"),
        ("EMAIL", "nobody", "is not an email address"),
        ("EMAIL", "a b@c.org", "is not an email address"),
        ("IBAN", "DE89370400440532013001", "wrong checksum"),
        ("IBAN", "de89370400440532013000", "is not an IBAN"),
        ("ACCOUNT_ID", " 17", "space"),
    ],
)
def test_bad_identifiers(client: TestClient[HubApp], kind: str, identifier: str, what: str) -> None:
    body = transfer_body(payee=party(kind, identifier))
    problem = refused(post(client, body), 400, "invalid-fields")
    assert problem["errors"][0]["field"] == "payee.partyIdInfo.partyIdentifier"
    assert what in problem["errors"][0]["what"]
    assert identifier not in json.dumps(problem, ensure_ascii=False)


@pytest.mark.parametrize(
    ("kind", "identifier"),
    [
        ("IBAN", "DE89370400440532013000"),
        ("EMAIL", "first.last+tag@mail.example.org"),
        ("MSISDN", "+27713803912"),
        ("ACCOUNT_ID", "L000000001"),
        ("PERSONAL_ID", "Ñandú 7"),
    ],
)
def test_good_identifiers(client: TestClient[HubApp], kind: str, identifier: str) -> None:
    assert post(client, transfer_body(payee=party(kind, identifier))).is_success


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "payer"),
        ({"payer": party("MSISDN", "27710101999")}, "payee"),
        (transfer_body(payee={}), "payee.partyIdInfo"),
        (transfer_body(payee=party("PHONE", "1")), "payee.partyIdInfo.partyIdType"),
        (transfer_body(payee=party("ALIAS", "")), "payee.partyIdInfo.partyIdentifier"),
        (transfer_body(payee=party("ALIAS", "x" * 129)), "payee.partyIdInfo.partyIdentifier"),
        (transfer_body(amount={"amount": 12.5, "currency": "USD"}), "amount.amount"),
        (transfer_body(amount={"amount": "1"}), "amount.currency"),
        (transfer_body(ammount={}), "ammount"),
        (transfer_body(note="a\nb"), "note"),
        (transfer_body(note="a\n"), "note"),
        (transfer_body(note="a\x00"), "note"),
        (transfer_body(note="a\u202eb"), "note"),
        (transfer_body(note="x" * 257), "note"),
        (transfer_body(customData=[{"key": "k", "value": "a\x07"}]), "customData[0].value"),
        (transfer_body(expiration="tomorrow"), "expiration"),
        (transfer_body(expiration="2031-05-01T12:00:00"), "expiration"),
        (transfer_body(extensionList={"extension": []}), "extensionList.extension"),
        (transfer_body(transactionType={"scenario": "GIFT"}), "transactionType.scenario"),
        (transfer_body(geoCode={"latitude": "x", "longitude": "1"}), "geoCode.latitude"),
    ],
)
def test_bad_bodies_name_the_field(
    client: TestClient[HubApp], orchestrator: FakeOrchestrator, body: Any, field: str
) -> None:
    response = client.post("/channel/transfer", json=body, headers=RHINO)
    assert refused(response, 400, "invalid-fields")["errors"][0]["field"] == field
    assert orchestrator.instances == []


def test_every_wrong_field_is_named_at_once(client: TestClient[HubApp]) -> None:
    same = party("MSISDN", "x")
    body = transfer_body(payer=same, payee=same, amount={"amount": "-1", "currency": "ABC"})
    problem = refused(post(client, body), 400, "invalid-fields")
    assert {entry["field"] for entry in problem["errors"]} == {
        "amount.amount",
        "amount.currency",
        "payer.partyIdInfo.partyIdentifier",
        "payee.partyIdInfo.partyIdentifier",
        "payee",
    }


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 100_000])
def test_malformed_json(
    client: TestClient[HubApp], orchestrator: FakeOrchestrator, content: bytes
) -> None:
    headers = RHINO | {"content-type": "application/json"}
    response = client.post("/channel/transfer", content=content, headers=headers)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert orchestrator.instances == []


def test_a_body_of_ten_megabytes(
    client: TestClient[HubApp], orchestrator: FakeOrchestrator
) -> None:
    problem = refused(post(client, transfer_body(note="x" * 10_000_000)), 413, "body-too-large")
    assert problem["fix"]
    assert orchestrator.instances == []


def test_a_tenant_without_the_flow_is_told_what_to_do(client: TestClient[HubApp]) -> None:
    response = client.post(
        "/channel/transfer", json=transfer_body(), headers={"Platform-TenantId": "gorilla"}
    )
    problem = refused(response, 404, "flow-not-deployed")
    assert "PayerFundTransfer-gorilla" in problem["detail"]
    assert "phee deploy" in problem["fix"]


def test_an_overloaded_hub_says_when_to_come_back(
    client: TestClient[HubApp], orchestrator: FakeOrchestrator
) -> None:
    orchestrator.fails_with = Overloaded("too much", fix="Send it again")
    response = post(client)
    refused(response, 429, "overloaded")
    assert int(response.headers["retry-after"]) >= 1


def test_an_unknown_outcome_can_be_asked_for_again(
    client: TestClient[HubApp], orchestrator: FakeOrchestrator
) -> None:
    orchestrator.fails_with = Unavailable("gone")
    response = post(client)
    refused(response, 503, "unavailable")
    made = response.headers["x-correlationid"]
    orchestrator.fails_with = None
    assert post(client, X_CorrelationID=made).json() == {
        "transactionId": transaction_id_of("rhino", made)
    }
