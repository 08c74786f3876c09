"""The payer's jobs against the running simulators."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import pytest
from payment_world import PAYEE, PAYER, POOR_PAYER, UNKNOWN_PAYEE, Outside

from phee.connectors import Http, handlers
from phee.connectors.channel_request import Amount
from phee.connectors.mojaloop.ilp import Ilp, Transaction, minor_units, pack
from phee.workers.testing import Completed, Failed, run_handler

TYPES = {
    "party-lookup-request", "quote", "payer-local-quote", "payer-request-confirm", "block-funds",
    "send-transfer-request", "get-transfer-state", "book-funds", "release-block",
    "send-error-to-channel", "send-success-to-channel", "send-unknown-to-channel",
    "notify-operator", "notify-ams-failure", "party-lookup-local", "party-lookup-local-response",
    "payee-quote", "payee-quote-response", "payee-prepare-transfer", "payee-transfer-response",
    "payee-commit-transfer", "payee-release-transfer",
}  # fmt: skip


def channel_request(payer: str = PAYER, payee: str = PAYEE, amount: str = "12.50") -> str:
    def party(number: str) -> dict[str, Any]:
        return {"partyIdInfo": {"partyIdType": "MSISDN", "partyIdentifier": number}}

    return json.dumps(
        {
            "payer": party(payer),
            "payee": party(payee),
            "amount": {"amount": amount, "currency": "USD"},
            "clientRefId": "not needed here",
        }
    )


def payment(transaction_id: str = "tx-1", **request: str) -> dict[str, Any]:
    return {
        "transactionId": transaction_id,
        "channelRequest": channel_request(**request),
        "originDate": time.time_ns() // 1_000_000,
        "partyLookupFspId": "gorilla",
    }


def quote_response(amount: str = "12.5", packet: str = "") -> str:
    money = Amount(amount, "USD")
    packet = packet or pack(Transaction("tx-1"), minor_units(money), "g.gorilla")
    return json.dumps(
        {
            "transferAmount": {"amount": amount, "currency": "USD"},
            "expiration": "2099-01-01T00:00:00.000Z",
            "ilpPacket": packet,
            "condition": Ilp("only for tests").condition("gorilla", packet),
        }
    )


def test_every_job_type_has_one_handler(jobs: Any) -> None:
    assert set(jobs.by_type) == TYPES


async def test_funds_are_held_then_booked_however_often_asked(jobs: Any, world: Outside) -> None:
    for _ in range(2):
        blocked = await jobs.run("block-funds", payment())
        assert blocked == Completed({"transferPrepareFailed": False, "transferCode": "tx-1"})
    assert len(await world.holds()) == 1
    for _ in range(2):
        booked = await jobs.run("book-funds", payment())
        assert booked == Completed({"transferCreateFailed": False})
    assert (await world.settlement())["rhino"] == Decimal("12.50")
    assert await world.holds() == []


async def test_funds_can_be_released(jobs: Any, world: Outside) -> None:
    await jobs.run("block-funds", payment())
    for _ in range(2):
        released = await jobs.run("release-block", payment())
        assert released == Completed({"transferReleaseFailed": False})
    assert await world.holds() == []
    booked = await jobs.run("book-funds", payment())
    assert booked.variables["transferCreateFailed"] is True
    assert json.loads(booked.variables["errorInformation"])["errorCode"] == "HoldFinished"


async def test_a_payer_without_funds_is_a_matter_for_the_flow(jobs: Any) -> None:
    outcome = await jobs.run("block-funds", payment(payer=POOR_PAYER))
    assert outcome.variables["transferPrepareFailed"] is True
    error = json.loads(outcome.variables["errorInformation"])
    assert error["errorCode"] == "PayerInsufficientBalance"


async def test_an_unknown_bank_is_a_matter_for_people(jobs: Any) -> None:
    outcome = await jobs.run("block-funds", payment(), tenant_id="nowhere")
    assert isinstance(outcome, Failed)
    assert outcome.retries == 0
    assert "BankNotFound" in outcome.message


async def test_a_silent_core_banking_is_tried_again(world: Outside, client: Any) -> None:
    settings = world.settings(ledger_url="http://127.0.0.1:9")
    async with Http(settings) as http:
        by_type = {each.type: each for each in handlers(settings, client, http)}
        outcome = await run_handler(by_type["block-funds"], payment(), tenant_id="rhino")
    assert isinstance(outcome, Failed)
    assert outcome.retries > 0
    assert outcome.backoff_ms > 0
    assert PAYER not in outcome.message


async def test_a_wrong_fulfilment_is_never_booked(jobs: Any, world: Outside) -> None:
    await jobs.run("block-funds", payment())
    packet = pack(Transaction("tx-1"), 1250, "g.gorilla")
    answered = payment() | {"payeeQuoteResponse": quote_response(packet=packet)}
    for wrong in (Ilp("someone else").fulfilment("gorilla", packet), "%", "é"):
        outcome = await jobs.run("book-funds", answered | {"fulfilment": wrong})
        assert outcome.variables["transferCreateFailed"] is True
    assert (await world.settlement())["rhino"] == 0
    right = Ilp("only for tests").fulfilment("gorilla", packet)
    outcome = await jobs.run("book-funds", answered | {"fulfilment": right})
    assert outcome == Completed({"transferCreateFailed": False})


async def test_the_local_quote_refuses_another_amount(jobs: Any) -> None:
    good = await jobs.run("payer-local-quote", payment() | {"payeeQuoteResponse": quote_response()})
    assert good.variables == {
        "localQuoteFailed": False,
        "fspFee": {"amount": "0.00", "currency": "USD"},
        "fspCommission": {"amount": "0.00", "currency": "USD"},
    }
    more = payment() | {"payeeQuoteResponse": quote_response("13")}
    bad = await jobs.run("payer-local-quote", more)
    assert bad.variables["localQuoteFailed"] is True


async def test_the_payer_confirms_once(jobs: Any, client: Any) -> None:
    for _ in range(2):
        assert await jobs.run("payer-request-confirm", payment()) == Completed({})
    assert client.published == [
        {
            "name": "accept-quote",
            "key": "tx-1",
            "variables": {"payerConfirmed": True},
            "tenant": "rhino",
        }
    ]


async def test_lookup_and_quote_count_their_attempts(jobs: Any) -> None:
    looked_up = await jobs.run("party-lookup-request", payment(payee=UNKNOWN_PAYEE))
    assert looked_up == Completed({"partyLookupRetryCount": 1})
    first = await jobs.run("quote", payment())
    assert first.variables["quoteRetryCount"] == 1
    assert await jobs.run("quote", payment()) == first, "a retried job asks for the same quote"
    second = await jobs.run("quote", payment() | {"quoteRetryCount": 1})
    assert second.variables["quoteRetryCount"] == 2
    assert second.variables["quoteId"] != first.variables["quoteId"]


async def test_a_transfer_is_asked_for_once_and_its_state_can_be_asked(
    jobs: Any, world: Outside
) -> None:
    unknown = await jobs.run("get-transfer-state", payment())
    assert unknown.variables == {
        "transferStateKnown": False,
        "transferState": "NOT_FOUND",
        "transferQueryCount": 1,
    }
    ready = payment() | {"payeeQuoteResponse": quote_response()}
    for count in (0, 1):
        asked = await jobs.run("send-transfer-request", ready | {"transferRetryCount": count})
        assert asked == Completed({"transferRetryCount": count + 1})
    reserved = await jobs.run("get-transfer-state", payment() | {"transferQueryCount": 1})
    assert reserved.variables["transferState"] == "RESERVED"
    assert reserved.variables["transferQueryCount"] == 2
    assert (await world.get("/scheme/totals"))["states"] == {"RESERVED": 1}


async def test_a_rejected_transfer_is_known_as_failed(jobs: Any) -> None:
    rejected = payment(amount="12.91") | {"payeeQuoteResponse": quote_response("12.91")}
    await jobs.run("send-transfer-request", rejected)
    outcome = await jobs.run("get-transfer-state", rejected)
    assert outcome.variables["transferStateKnown"] is True
    assert outcome.variables["transferState"] == "ABORTED"
    assert outcome.variables["transferFailed"] is True
    assert json.loads(outcome.variables["errorInformation"])["errorCode"] == "4001"


async def test_what_the_scheme_does_not_take_raises_an_incident(jobs: Any) -> None:
    ready = payment() | {"payeeQuoteResponse": quote_response(), "partyLookupFspId": "nobody"}
    outcome = await jobs.run("send-transfer-request", ready)
    assert isinstance(outcome, Failed)
    assert outcome.retries == 0


@pytest.mark.parametrize("broken", ["", "{", '{"payer": 1}', "[]"])
async def test_a_broken_request_raises_an_incident(jobs: Any, broken: str) -> None:
    outcome = await jobs.run("block-funds", payment() | {"channelRequest": broken})
    assert isinstance(outcome, Failed)
    assert outcome.retries == 0


async def test_without_tenant_in_the_deployment_the_variable_counts(jobs: Any) -> None:
    variables = payment() | {"tenantId": "rhino"}
    outcome = await jobs.run("block-funds", variables, tenant_id="<default>")
    assert isinstance(outcome, Completed)
    outcome = await jobs.run("block-funds", payment(), tenant_id="<default>")
    assert isinstance(outcome, Failed)


@pytest.mark.parametrize(
    "name",
    ["send-success-to-channel", "send-unknown-to-channel", "notify-operator", "notify-ams-failure"],
)
async def test_news_complete_and_echo_nothing(jobs: Any, name: str) -> None:
    assert await jobs.run(name, payment()) == Completed({})


@pytest.mark.parametrize(
    ("known", "code"),
    [({}, "2004"), ({"payeeQuoteResponse": "{}"}, "4100")],
    ids=["nobody answered", "the payer did not confirm"],
)
async def test_a_payment_that_failed_in_silence_says_so(
    jobs: Any, known: dict[str, str], code: str
) -> None:
    outcome = await jobs.run("send-error-to-channel", payment() | known)
    assert isinstance(outcome, Completed)
    assert json.loads(outcome.variables["errorInformation"])["errorCode"] == code


async def test_a_refusal_keeps_its_reason(jobs: Any) -> None:
    refused = {"errorInformation": '{"errorCode":"3204","errorDescription":"Party not found"}'}
    assert await jobs.run("send-error-to-channel", payment() | refused) == Completed({})
