"""The ledger over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from phee.simulators import Simulators

BASE = "/fineract-provider/api/v1/interoperation"
RHINO = {"Fineract-Platform-TenantId": "rhino"}


@pytest.fixture
async def url(simulators: Simulators, http: aiohttp.ClientSession) -> str:
    accounts = [
        {
            "accountId": f"acc-{identifier}",
            "partyIdType": "MSISDN",
            "partyIdentifier": identifier,
            "currency": "USD",
            "balance": balance,
            "name": identifier.title(),
        }
        for identifier, balance in (("alice", "100.00"), ("bob", "0"))
    ]
    for _ in range(2):  # opening twice changes nothing
        async with http.post(
            f"{simulators.url}/ledger/accounts", json={"tenant": "rhino", "accounts": accounts}
        ) as response:
            assert response.status == 200
    return simulators.url


def transfer_body(code: str, party: str, amount: str, role: str = "PAYER") -> dict[str, Any]:
    return {
        "transactionCode": "tx",
        "transferCode": code,
        "party": {"partyIdType": "MSISDN", "partyIdentifier": party},
        "amount": {"amount": amount, "currency": "USD"},
        "transactionRole": role,
    }


async def step(
    http: aiohttp.ClientSession, url: str, action: str, body: dict[str, Any]
) -> tuple[int, dict[str, Any]]:
    async with http.post(
        f"{url}{BASE}/transfers", params={"action": action}, json=body, headers=RHINO
    ) as response:
        return response.status, await response.json()


async def get(http: aiohttp.ClientSession, url: str) -> Any:
    async with http.get(url, headers=RHINO) as response:
        return await response.json()


async def test_a_payment_is_held_then_booked_and_answers_repeat(
    http: aiohttp.ClientSession, url: str
) -> None:
    body = transfer_body("t1", "alice", "30.00")
    assert (await step(http, url, "PREPARE", body))[0] == 200
    [hold] = await get(http, f"{url}/ledger/holds")
    assert hold["amount"] == "30.00"

    first = await step(http, url, "CREATE", body)
    assert first == await step(http, url, "CREATE", body)
    assert first[1]["state"] == "ACCEPTED"
    assert await get(http, f"{url}/ledger/holds") == []
    [totals] = await get(http, f"{url}/ledger/totals?tenant=rhino")
    assert totals == {
        "tenant": "rhino",
        "currency": "USD",
        "balance": "0.00",
        "customers": "70.00",
        "settlement": "30.00",
        "opening": "-100.00",
        "held": "0.00",
        "reserved": "0.00",
    }


async def test_a_released_hold_cannot_be_booked(http: aiohttp.ClientSession, url: str) -> None:
    body = transfer_body("t2", "alice", "30.00")
    await step(http, url, "PREPARE", body)
    await step(http, url, "RELEASE", body)
    status, answer = await step(http, url, "CREATE", body)
    assert (status, answer["errorCode"]) == (409, "HoldFinished")


async def test_a_payee_may_be_paid_with_and_without_reservation(
    http: aiohttp.ClientSession, url: str
) -> None:
    reserved = transfer_body("t3", "bob", "5.00", "PAYEE")
    for action in ("PREPARE", "CREATE"):
        assert (await step(http, url, action, reserved))[0] == 200
    direct = transfer_body("t4", "bob", "7.50", "PAYEE")
    assert (await step(http, url, "CREATE", direct))[0] == 200
    accounts = await get(http, f"{url}/ledger/accounts?tenant=rhino")
    [bob] = [each for each in accounts if each["accountId"] == "acc-bob"]
    assert (bob["balance"], bob["reserved"]) == ("12.50", "0.00")


@pytest.mark.parametrize(
    ("action", "party", "amount", "role", "status", "code"),
    [
        ("PREPARE", "alice", "100.01", "PAYER", 403, "PayerInsufficientBalance"),
        ("PREPARE", "nobody", "1", "PAYER", 404, "PayerNotFound"),
        ("CREATE", "nobody", "1", "PAYEE", 404, "PayeeNotFound"),
        ("CREATE", "alice", "1", "PAYER", 404, "HoldNotFound"),
        ("RELEASE", "alice", "1", "PAYEE", 404, "HoldNotFound"),
        ("PREPARE", "alice", "-1", "PAYER", 400, "invalid-input"),
        ("PREPARE", "alice", "1.005", "PAYER", 400, "invalid-input"),
        ("STEAL", "alice", "1", "PAYER", 400, "invalid-input"),
    ],
)
async def test_refusals_say_why_and_stay_the_same(
    http: aiohttp.ClientSession,
    url: str,
    action: str,
    party: str,
    amount: str,
    role: str,
    status: int,
    code: str,
) -> None:
    body = transfer_body("t5", party, amount, role)
    first = await step(http, url, action, body)
    assert (first[0], first[1]["errorCode"]) == (status, code)
    assert (await step(http, url, action, body))[1]["errorCode"] == code


async def test_wrong_currency_and_unknown_bank(http: aiohttp.ClientSession, url: str) -> None:
    body = transfer_body("t6", "alice", "1") | {"amount": {"amount": "1", "currency": "EUR"}}
    assert (await step(http, url, "PREPARE", body))[1]["errorCode"] == "CurrencyNotSupported"
    async with http.post(
        f"{url}{BASE}/transfers?action=PREPARE",
        json=body,
        headers={"Fineract-Platform-TenantId": "nowhere"},
    ) as response:
        assert (await response.json())["errorCode"] == "BankNotFound"
    async with http.post(f"{url}{BASE}/transfers?action=PREPARE", data=b"{") as response:
        assert response.status == 400


async def test_the_same_code_for_something_else_is_a_conflict(
    http: aiohttp.ClientSession, url: str
) -> None:
    await step(http, url, "PREPARE", transfer_body("t7", "alice", "1.00"))
    status, answer = await step(http, url, "PREPARE", transfer_body("t7", "alice", "2.00"))
    assert (status, answer["errorCode"]) == (409, "TransferConflict")


async def test_an_account_cannot_change_hands(http: aiohttp.ClientSession, url: str) -> None:
    stolen = {
        "accountId": "acc-alice", "partyIdType": "MSISDN", "partyIdentifier": "bob",
        "currency": "USD",
    }  # fmt: skip
    fresh = {**stolen, "accountId": "acc-new", "partyIdentifier": "new"}
    for accounts in ([fresh, stolen], [fresh, fresh], [{**fresh, "accountId": "opening-USD"}]):
        async with http.post(
            f"{url}/ledger/accounts", json={"tenant": "rhino", "accounts": accounts}
        ) as response:
            assert response.status in (400, 409)
    async with http.get(f"{url}{BASE}/parties/MSISDN/new", headers=RHINO) as response:
        assert response.status == 404


async def test_lookup_and_quote(http: aiohttp.ClientSession, url: str) -> None:
    party = await get(http, f"{url}{BASE}/parties/MSISDN/alice")
    assert party == {"accountId": "acc-alice", "name": "Alice", "currencies": ["USD"]}
    quote = {
        "quoteCode": "q1",
        "party": {"partyIdType": "MSISDN", "partyIdentifier": "alice"},
        "amount": {"amount": "3", "currency": "USD"},
        "transactionRole": "PAYER",
    }
    async with http.post(f"{url}{BASE}/quotes", json=quote, headers=RHINO) as response:
        assert (await response.json())["fspFee"] == {"amount": "0.00", "currency": "USD"}


async def test_concurrent_holds_never_exceed_the_balance(
    http: aiohttp.ClientSession, url: str
) -> None:
    answers = await asyncio.gather(
        *(step(http, url, "PREPARE", transfer_body(f"c{n}", "alice", "9.00")) for n in range(30))
    )
    assert sum(status == 200 for status, _ in answers) == 11
    holds = await get(http, f"{url}/ledger/holds")
    assert len(holds) == 11
