"""Payments over HTTP: read-your-writes, repetitions, and what their ends look like."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from running_hub import Answer, Http, eventually, payment
from running_world import GORILLA, RHINO, World, ordinary_payment

ENDED = ("COMMITTED", "FAILED")


def state(tenant: Http, transaction_id: str, token: str) -> Answer:
    return tenant.get(f"/channel/transfer/{transaction_id}", {"X-Phee-Position": token})


def test_an_accepted_payment_is_never_unknown(world: World) -> None:
    correlation_id = f"fresh-{uuid.uuid4()}"
    accepted = world.pay(correlation_id)
    assert accepted.status == 200
    assert accepted.headers["x-correlationid"] == correlation_id
    transaction_id = accepted.json["transactionId"]
    token = accepted.headers["x-phee-position"]
    first = state(world.rhino, transaction_id, token)
    assert first.status == 200
    assert first.json["transferState"] in ("RECEIVED", "PENDING", "COMMITTED")

    def ended() -> dict[str, str] | None:
        answer = state(world.rhino, transaction_id, token)
        assert answer.status == 200
        return answer.json if answer.json["transferState"] in ENDED else None

    last = eventually(ended)
    assert last["transferState"] == "COMMITTED"
    assert last["completedTimestamp"]
    assert last["transactionId"] == last["transferId"] == transaction_id
    by_correlation = world.rhino.get(
        f"/channel/txnState/{correlation_id}", {"requestType": "transfers"}
    )
    assert by_correlation.json == last


def test_many_payments_are_readable_at_once_with_their_tokens(world: World) -> None:
    def pay_and_read(number: int) -> int:
        accepted = world.pay(f"rw-{uuid.uuid4()}", ordinary_payment("1.00", number))
        token = accepted.headers["x-phee-position"]
        return state(world.rhino, accepted.json["transactionId"], token).status

    with ThreadPoolExecutor(10) as threads:
        assert set(threads.map(pay_and_read, range(30))) == {200}


def test_money_moves_once(world: World) -> None:
    payer, payee = RHINO.customers[30], GORILLA.customers[30]
    before = Decimal(world.balance(payer)), Decimal(world.balance(payee))
    row = world.pay_to_its_end(f"once-{uuid.uuid4()}", payment(payer, payee, "7.30"))
    assert (row["status"], row["amount"], row["currency"]) == ("COMPLETED", "7.30", "USD")
    assert (row["payerPartyId"], row["payeePartyId"]) == (payer, payee)
    eventually(lambda: Decimal(world.balance(payee)) == before[1] + Decimal("7.30"))
    assert Decimal(world.balance(payer)) == before[0] - Decimal("7.30")


def test_twenty_identical_posts_at_once_are_one_payment(world: World) -> None:
    payer, payee = RHINO.customers[31], GORILLA.customers[31]
    before = Decimal(world.balance(payer))
    correlation_id = f"twenty-{uuid.uuid4()}"
    body = payment(payer, payee, "3.21")
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: world.pay(correlation_id, body), range(20)))
    assert {answer.status for answer in answers} == {200}
    (transaction_id,) = {answer.json["transactionId"] for answer in answers}
    repeated = [answer.headers.get("x-phee-repeated") for answer in answers]
    assert sorted(repeated, key=str) == [None, *["true"] * 19]
    row = world.pay_to_its_end(correlation_id, body)
    assert row["status"] == "COMPLETED"
    found = world.rhino.read("/api/v1/transfers", clientCorrelationId=correlation_id)
    assert [each["transactionId"] for each in found["content"]] == [transaction_id]
    assert Decimal(world.balance(payer)) == before - Decimal("3.21")


def test_the_same_correlation_id_with_another_body_is_refused(world: World) -> None:
    correlation_id = f"reused-{uuid.uuid4()}"
    first = world.pay(correlation_id, ordinary_payment("2.00", 1))
    again = world.pay(correlation_id, ordinary_payment("2.00", 1))
    assert again.json == first.json
    assert again.headers["x-phee-repeated"] == "true"
    assert again.headers["x-phee-position"] == first.headers["x-phee-position"]
    other = world.pay(correlation_id, ordinary_payment("2.01", 1))
    other.problem(409, "correlation-id-reused")
    elsewhere = world.gorilla.post(
        "/channel/transfer",
        payment(GORILLA.customers[1], RHINO.customers[1], "2.01"),
        {"X-CorrelationID": correlation_id},
    )
    assert elsewhere.status == 200, "correlation ids are a tenant's own"
    assert elsewhere.json["transactionId"] != first.json["transactionId"]


@pytest.mark.parametrize(
    ("name", "payer", "payee", "amount", "error_code"),
    [
        ("poor", RHINO.poor_customer, GORILLA.customers[32], "50.00", "PayerInsufficientBalance"),
        ("stranger", RHINO.customers[32], GORILLA.stranger, "5.00", "3204"),
        ("rejected", RHINO.customers[33], GORILLA.customers[33], "5.91", None),
    ],
)
def test_payments_that_fail_say_why_and_cost_nothing(
    world: World, name: str, payer: str, payee: str, amount: str, error_code: str | None
) -> None:
    before = Decimal(world.balance(payer))
    correlation_id = f"{name}-{uuid.uuid4()}"
    row = world.pay_to_its_end(correlation_id, payment(payer, payee, amount))
    assert row["status"] == "FAILED"
    told = world.rhino.get(f"/channel/transfer/{row['transactionId']}").json
    assert told["transferState"] == "FAILED"
    information = told["errorInformation"]
    assert information["errorCode"]
    assert information["errorDescription"]
    if error_code:
        assert information["errorCode"] == error_code
    assert Decimal(world.balance(payer)) == before


def test_a_payment_nobody_made_is_not_found(world: World) -> None:
    world.rhino.get(f"/channel/transfer/{uuid.uuid4()}").problem(404, "transfer-not-found")
    world.rhino.get("/channel/txnState/never", {"requestType": "transfers"}).problem(
        404, "transfer-not-found"
    )
