"""The payee's jobs against the running simulators."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from payment_world import PAYEE, PAYER, UNKNOWN_PAYEE, Outside

from phee.connectors.mojaloop.ilp import Ilp, Transaction, pack
from phee.workers.testing import Completed, Failed

ILP = Ilp("only for tests")
PACKET = pack(Transaction("tx-1"), 1250, "g.gorilla")


def quote_request(payee: str = PAYEE, currency: str = "USD") -> str:
    def party(number: str) -> dict[str, Any]:
        return {"partyIdInfo": {"partyIdType": "MSISDN", "partyIdentifier": number}}

    return json.dumps(
        {
            "quoteId": "q-1",
            "transactionId": "tx-1",
            "payee": party(payee),
            "payer": party(PAYER),
            "amountType": "SEND",
            "amount": {"amount": "12.5", "currency": currency},
            "transactionType": {"scenario": "TRANSFER", "initiator": "PAYER"},
        }
    )


def transfer_request(**changes: Any) -> str:
    request = {
        "transferId": "tx-1",
        "payerFsp": "rhino",
        "payeeFsp": "gorilla",
        "amount": {"amount": "12.50", "currency": "USD"},
        "ilpPacket": PACKET,
        "condition": ILP.condition("gorilla", PACKET),
        "expiration": "2099-01-01T00:00:00.000Z",
    }
    return json.dumps(request | changes)


def incoming(**more: Any) -> dict[str, Any]:
    return {
        "transactionId": "tx-1",
        "quoteId": "q-1",
        "partyIdType": "MSISDN",
        "partyId": PAYEE,
        "initiatorFspId": "rhino",
        "quoteSwitchRequest": quote_request(),
        "switchTransferRequest": transfer_request(),
        **more,
    }


@pytest.fixture
def run(jobs: Any) -> Any:
    async def run(job_type: str, **more: Any) -> Any:
        return await jobs.run(job_type, incoming(**more), tenant_id="gorilla")

    return run


async def test_a_known_party_is_found_and_an_unknown_is_not(run: Any) -> None:
    found = await run("party-lookup-local")
    assert json.loads(found.variables["payeePartyResponse"]) == {"name": "Grace Hopper"}
    missing = await run("party-lookup-local", partyId=UNKNOWN_PAYEE)
    assert json.loads(missing.variables["errorInformation"])["errorCode"] == "3204"
    assert await run("party-lookup-local-response", **found.variables) == Completed({})
    assert await run("party-lookup-local-response", **missing.variables) == Completed({})


async def test_a_quote_is_given_or_refused(run: Any) -> None:
    quoted = await run("payee-quote")
    assert quoted.variables["quoteFailed"] is False
    assert await run("payee-quote-response", **quoted.variables) == Completed({})
    for payee, currency, code in ((UNKNOWN_PAYEE, "USD", "5103"), (PAYEE, "EUR", "5106")):
        refused = await run("payee-quote", quoteSwitchRequest=quote_request(payee, currency))
        assert refused.variables["quoteFailed"] is True
        assert json.loads(refused.variables["errorInformation"])["errorCode"] == code
        assert await run("payee-quote-response", **refused.variables) == Completed({})


async def test_a_deposit_is_reserved_then_made_once(run: Any, world: Outside) -> None:
    for _ in range(2):
        prepared = await run("payee-prepare-transfer")
        assert prepared.variables["transferPrepareFailed"] is False
    [hold] = await world.holds()
    assert (hold["role"], hold["tenant"]) == ("PAYEE", "gorilla")
    for _ in range(2):
        committed = await run("payee-commit-transfer", transferPrepareFailed=False)
        assert committed == Completed({"transferCreateFailed": False})
    assert await world.balance("gorilla", PAYEE) == Decimal("12.50")
    assert await world.holds() == []


async def test_a_reservation_can_be_dropped(run: Any, world: Outside) -> None:
    await run("payee-prepare-transfer")
    for _ in range(2):
        assert await run("payee-release-transfer") == Completed({})
    assert await world.holds() == []
    assert await world.balance("gorilla", PAYEE) == 0


async def test_releasing_nothing_is_a_matter_for_people(run: Any) -> None:
    outcome = await run("payee-release-transfer")
    assert isinstance(outcome, Failed)
    assert outcome.retries == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": {"amount": "13", "currency": "USD"}}, "5105"),
        ({"condition": "A" * 43}, "3100"),
        ({"ilpPacket": PACKET[:-4] + "AAAA"}, "3100"),
    ],
)
async def test_a_transfer_that_was_not_quoted_is_refused(
    run: Any, world: Outside, changes: dict[str, Any], code: str
) -> None:
    request = transfer_request(**changes)
    prepared = await run("payee-prepare-transfer", switchTransferRequest=request)
    assert prepared.variables["transferPrepareFailed"] is True
    assert json.loads(prepared.variables["errorInformation"])["errorCode"] == code
    booked = await run("payee-commit-transfer", switchTransferRequest=request)
    assert booked.variables["transferCreateFailed"] is True
    assert await world.balance("gorilla", PAYEE) == 0
    assert await world.holds() == []


async def test_an_expired_transfer_is_refused(run: Any, world: Outside) -> None:
    prepared = await run("payee-prepare-transfer", transferExpired=True)
    assert prepared.variables["transferPrepareFailed"] is True
    assert json.loads(prepared.variables["errorInformation"])["errorCode"] == "3303"
    assert await world.holds() == []


async def test_a_try_again_after_the_expiry_keeps_to_what_was_reserved(run: Any) -> None:
    request = transfer_request(expiration="2020-01-01T00:00:00.000Z")
    for _ in range(2):
        prepared = await run("payee-prepare-transfer", switchTransferRequest=request)
        assert prepared.variables["transferPrepareFailed"] is False


async def test_a_drawing_without_reservation_deposits_directly(run: Any, world: Outside) -> None:
    for _ in range(2):
        assert await run("payee-commit-transfer") == Completed({"transferCreateFailed": False})
    assert await world.balance("gorilla", PAYEE) == Decimal("12.50")


async def test_the_fulfilment_commits_the_transfer(run: Any, world: Outside) -> None:
    body = json.loads(transfer_request())
    async with world.http.post(
        f"{world.url}/transfers", json=body, headers={"FSPIOP-Source": "rhino"}
    ) as response:
        assert response.status == 202
    answered = await run("payee-transfer-response", transferPrepareFailed=False)
    assert answered == Completed({})
    state = await world.get("/transfers/tx-1")
    assert state["transferState"] == "COMMITTED"
    assert state["fulfilment"] == ILP.fulfilment("gorilla", PACKET)


async def test_a_refusal_aborts_the_transfer(run: Any, world: Outside) -> None:
    body = json.loads(transfer_request())
    async with world.http.post(
        f"{world.url}/transfers", json=body, headers={"FSPIOP-Source": "rhino"}
    ) as response:
        assert response.status == 202
    await run("payee-transfer-response", transferPrepareFailed=True)
    state = await world.get("/transfers/tx-1")
    assert state["transferState"] == "ABORTED"
    assert state["errorInformation"]["errorCode"] == "5105"
