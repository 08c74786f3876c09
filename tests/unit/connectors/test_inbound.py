"""What the scheme sends becomes commands: durable, once, and refused clearly when it is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from phee.connectors.mojaloop.ilp import Transaction, pack
from phee.connectors.mojaloop.inbound import MAX_BODY_BYTES, Recipient, SwitchInbound, mount
from phee.errors import NotFound, Overloaded, Unavailable

HEADERS = {
    "FSPIOP-Source": "gorilla",
    "FSPIOP-Destination": "rhino-fsp",
    "X-Correlation-ID": "tx-1",
    "Content-Type": "application/json",
}


def resolve(fsp_id: str) -> Recipient:
    if fsp_id != "rhino-fsp":
        raise NotFound("no such tenant")
    return Recipient("rhino", {"responseTimeout": "PT60S"})


@pytest.fixture
def http(client: Any) -> Iterator[TestClient[Litestar]]:
    app = Litestar([mount(SwitchInbound(client, resolve))])
    with TestClient(app) as http:
        yield http


def quote_request() -> dict[str, Any]:
    party = {"partyIdInfo": {"partyIdType": "MSISDN", "partyIdentifier": "27710101"}}
    return {
        "quoteId": "q-1",
        "transactionId": "tx-1",
        "payee": party,
        "payer": party,
        "amountType": "SEND",
        "amount": {"amount": "12.5", "currency": "USD"},
        "transactionType": {"scenario": "TRANSFER"},
        "extensionList": {"extension": [{"key": "k", "value": "v"}]},
    }


def transfer_request() -> dict[str, Any]:
    return {
        "transferId": "transfer-1",
        "payerFsp": "gorilla",
        "payeeFsp": "rhino-fsp",
        "amount": {"amount": "12.5", "currency": "USD"},
        "ilpPacket": pack(Transaction("tx-1"), 1250, "g.rhino"),
        "condition": "c",
        "expiration": "2099-01-01T00:00:00Z",
    }


ERROR = {"errorInformation": {"errorCode": "3204", "errorDescription": "Party not found"}}
ERROR_TEXT = '{"errorCode":"3204","errorDescription":"Party not found"}'
QUOTE = {
    "transferAmount": {"amount": "12.5", "currency": "USD"},
    "expiration": "2099-01-01T00:00:00Z",
    "ilpPacket": "p",
    "condition": "c",
}
PARTY = {
    "party": {
        "partyIdInfo": {"partyIdType": "MSISDN", "partyIdentifier": "2771", "fspId": "gorilla"}
    }
}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "name", "key", "variables"),
    [
        ("PUT", "/parties/MSISDN/2771", PARTY, 200, "party-lookup", "tx-1",
         {"partyLookupFailed": False, "partyLookupFspId": "gorilla"}),
        ("PUT", "/parties/MSISDN/2771/error", ERROR, 200, "party-lookup", "tx-1",
         {"partyLookupFailed": True, "errorInformation": ERROR_TEXT}),
        ("PUT", "/quotes/q-1", QUOTE, 200, "quote-callback", "q-1",
         {"quoteFailed": False, "payeeQuoteResponse": json.dumps(QUOTE)}),
        ("PUT", "/quotes/q-1/error", ERROR, 200, "quote-error", "q-1",
         {"quoteFailed": True, "errorInformation": ERROR_TEXT}),
        ("POST", "/transfers", transfer_request(), 202, "transfer-message", "tx-1",
         {"switchTransferRequest": json.dumps(transfer_request()), "transferExpired": False}),
        ("PUT", "/transfers/tx-1", {"transferState": "COMMITTED", "fulfilment": "f"}, 200,
         "transfer-response", "tx-1",
         {"transferFailed": False, "transferState": "COMMITTED", "fulfilment": "f"}),
        ("PUT", "/transfers/tx-1/error", ERROR, 200, "transfer-response", "tx-1",
         {"transferFailed": True, "transferState": "ABORTED", "errorInformation": ERROR_TEXT}),
        ("PATCH", "/transfers/tx-1", {"transferState": "ABORTED"}, 200, "transfer-committed",
         "tx-1", {"transferState": "ABORTED"}),
    ],
)  # fmt: skip
def test_a_callback_becomes_one_message(
    http: TestClient[Litestar],
    client: Any,
    method: str,
    path: str,
    body: Any,
    status: int,
    name: str,
    key: str,
    variables: dict[str, Any],
) -> None:
    for _ in range(2):  # a repetition is a success and changes nothing
        answer = http.request(method, f"/switch{path}", content=json.dumps(body), headers=HEADERS)
        assert answer.status_code == status, answer.text
    assert client.published == [
        {"name": name, "key": key, "variables": variables, "tenant": "rhino"}
    ]


def test_a_quote_request_starts_one_flow(http: TestClient[Litestar], client: Any) -> None:
    for _ in range(2):
        answer = http.post("/switch/quotes", json=quote_request(), headers=HEADERS)
        assert answer.status_code == 202
    [created] = client.created
    assert created["process"] == "PayeeQuoteTransfer-rhino"
    assert created["tenant"] == "rhino"
    variables = created["variables"]
    assert json.loads(variables.pop("quoteSwitchRequest")) == quote_request()
    assert variables.pop("originDate") > 0
    assert variables == {
        "tenantId": "rhino",
        "transactionId": "tx-1",
        "partyIdType": "MSISDN",
        "partyId": "27710101",
        "quoteId": "q-1",
        "initiatorFspId": "gorilla",
        "responseTimeout": "PT60S",
    }
    other = quote_request() | {"amountType": "RECEIVE"}
    answer = http.post("/switch/quotes", json=other, headers=HEADERS)
    assert answer.status_code == 400
    assert answer.json()["errorInformation"]["errorCode"] == "3106"


def test_a_lookup_starts_a_flow(http: TestClient[Litestar], client: Any) -> None:
    answer = http.get("/switch/parties/ALIAS/a%2Fb%20c", headers=HEADERS)
    assert answer.status_code == 202
    [created] = client.created
    assert created["process"] == "PayeePartyLookup-rhino"
    assert created["variables"]["partyId"] == "a/b c"
    assert created["variables"]["transactionId"] == "tx-1"


def test_an_error_about_our_request_is_no_outcome(http: TestClient[Litestar], client: Any) -> None:
    body = {"errorInformation": {"errorCode": "3106", "errorDescription": "modified"}}
    assert http.put("/switch/transfers/tx-1/error", json=body, headers=HEADERS).status_code == 200
    assert client.published == []


def test_states_on_the_way_are_no_outcome(http: TestClient[Litestar], client: Any) -> None:
    for method in ("PUT", "PATCH"):
        body = {"transferState": "RESERVED"}
        answer = http.request(method, "/switch/transfers/tx-1", json=body, headers=HEADERS)
        assert answer.status_code == 200
    assert client.published == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/quotes", b"{", 400, "3100"),
        ("POST", "/quotes", b"\xff\xfe", 400, "3100"),
        ("POST", "/quotes", b"", 400, "3100"),
        ("POST", "/quotes", b"[" * 100_000, 400, "3100"),
        ("POST", "/quotes", b" " * (MAX_BODY_BYTES + 1), 413, "3100"),
        ("POST", "/transfers", json.dumps(transfer_request() | {"ilpPacket": "!"}).encode(),
         400, "3100"),
        ("PUT", "/transfers/tx-1", b'{"transferState": "COMMITTED"}', 400, "3100"),
        ("PUT", f"/transfers/{'x' * 200}", b'{"transferState": "ABORTED"}', 400, "3100"),
        ("PUT", "/parties/MSISDN/2771", b'{"party": null}', 400, "3100"),
        ("DELETE", "/quotes", b"", 404, "3201"),
        ("PUT", "/quotes", b"", 404, "3201"),
        ("GET", "/nothing/here", b"", 404, "3201"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_in_the_schemes_words(
    http: TestClient[Litestar],
    client: Any,
    method: str,
    path: str,
    body: bytes,
    status: int,
    code: str,
) -> None:
    answer = http.request(method, f"/switch{path}", content=body, headers=HEADERS)
    assert answer.status_code == status
    assert answer.json()["errorInformation"]["errorCode"] == code
    assert not client.created
    assert not client.published


@pytest.mark.parametrize(
    ("missing", "status"),
    [("FSPIOP-Source", 400), ("FSPIOP-Destination", 400), ("X-Correlation-ID", 400)],
)
def test_missing_headers_are_named(http: TestClient[Litestar], missing: str, status: int) -> None:
    headers = {name: value for name, value in HEADERS.items() if name != missing}
    answer = http.get("/switch/parties/MSISDN/1", headers=headers)
    assert answer.status_code == status
    assert missing in answer.json()["errorInformation"]["errorDescription"]


def test_an_unknown_fsp_is_not_served(http: TestClient[Litestar]) -> None:
    headers = HEADERS | {"FSPIOP-Destination": "stranger"}
    assert http.get("/switch/parties/MSISDN/1", headers=headers).status_code == 404


@pytest.mark.parametrize(("error", "status"), [(Unavailable("x"), 503), (Overloaded("x"), 429)])
def test_what_could_not_be_stored_is_not_accepted(
    http: TestClient[Litestar], client: Any, error: Exception, status: int
) -> None:
    client.fail_with = error
    for path, method in (("/parties/MSISDN/1", "GET"), ("/quotes/q", "PUT")):
        answer = http.request(method, f"/switch{path}", json=QUOTE, headers=HEADERS)
        assert answer.status_code == status
