"""Whole payments: engine, workers, connectors and drawings against the simulators over HTTP.

However a payment meets the scheme, money is where it belongs at its end, and no hold is left.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from payment_hub import TENANTS, Hub, hub
from payment_world import PAYEE, PAYER, POOR_PAYER, UNKNOWN_PAYEE, Outside, outside

from phee.bpmn import replace_tenant
from phee.commands import Resource
from phee.flows import FLOWS, resources
from phee.simulators.config import parse_rates

OPENING = Decimal(1_000_000)
LATE_MS = 1_500
FAULTS_TO_OVERCOME = ("00092", "00094", "00095", "00096", "00194", "00195", "00196")
"""Of lookups and quotes; a lookup that answers late answers the next one."""
FAULTS_TO_GIVE_UP_AT = ("00091", "00093", "00097", "00191", "00192", "00193", "00197")
"""A quote that is always later than the flow waits never comes: asking again is a new quote."""
UPSTREAM = Path(__file__).parents[3] / "shared" / "flows"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Outside]:
    async with outside(tmp_path / "simulators", late_ms=LATE_MS) as running:
        yield running


@pytest.fixture
async def ours(world: Outside, tmp_path: Path) -> AsyncIterator[Hub]:
    async with hub(tmp_path / "hub", world, quote_expiry_ms=2_500) as running:
        await running.deploy({tenant: resources(tenant) for tenant in TENANTS})
        yield running


async def assert_paid(world: Outside, amount: str, *, settled: bool = True) -> None:
    """Exactly ``amount`` went from payer to payee; nothing is held; both banks add up."""
    paid = Decimal(amount) if settled else Decimal(0)
    assert await world.balance("rhino", PAYER) == OPENING - paid
    assert await world.balance("gorilla", PAYEE) == paid
    assert await world.holds() == []
    settlement = await world.settlement()
    assert settlement["rhino"] + settlement["gorilla"] == 0


@pytest.mark.parametrize(
    ("amount", "what"),
    [
        ("12.50", "nothing goes wrong"),
        ("12.94", "every callback comes twice"),
        ("12.95", "callbacks are overtaken"),
    ],
)
async def test_a_payment_reaches_its_payee(
    ours: Hub, world: Outside, amount: str, what: str
) -> None:
    key = await ours.pay(amount)
    assert await ours.end_of(key) == "EndEvent_Completed", what
    await ours.all_finished()
    assert ours.ends_of("PayeeQuoteTransfer-gorilla") == ["EndEvent_Completed"]
    await assert_paid(world, amount)
    assert ours.incidents == []


async def test_an_answer_that_is_late_or_never_comes_is_asked_for(
    ours: Hub, world: Outside
) -> None:
    late, never = await ours.pay("12.92"), await ours.pay("12.93")
    assert await ours.end_of(late) == "EndEvent_Completed"
    assert await ours.end_of(never) == "EndEvent_Completed"
    assert "Task_AskScheme" in ours.visited[never]
    await ours.all_finished()
    await assert_paid(world, "25.85")


async def test_a_lost_request_is_sent_again_as_the_same_transfer(ours: Hub, world: Outside) -> None:
    key = await ours.pay("12.96")
    assert await ours.end_of(key) == "EndEvent_Completed"
    assert ours.visited[key].count("Task_SendTransfer") == 2
    await ours.all_finished()
    await assert_paid(world, "12.96")


async def test_a_payer_without_funds_is_told_before_the_scheme(ours: Hub, world: Outside) -> None:
    key = await ours.pay("12.50", payer=POOR_PAYER)
    assert await ours.end_of(key) == "EndEvent_Failed_NotBlocked"
    await assert_paid(world, "0")
    assert (await world.get("/scheme/totals"))["states"] == {}
    await ours.all_finished()
    assert ours.ends_of("PayeeQuoteTransfer-gorilla") == ["EndEvent_Failed_NoTransfer"]


async def test_an_unknown_payee_ends_the_payment(ours: Hub, world: Outside) -> None:
    key = await ours.pay(payee=UNKNOWN_PAYEE)
    assert await ours.end_of(key) == "EndEvent_Failed_Aborted"
    assert "Task_BlockFunds" not in ours.visited[key]
    await assert_paid(world, "0")


async def test_a_rejected_transfer_gives_the_money_back(ours: Hub, world: Outside) -> None:
    key = await ours.pay("12.91")
    assert await ours.end_of(key) == "EndEvent_Failed_Released"
    await ours.all_finished()
    await assert_paid(world, "0")


async def test_a_transfer_that_never_reaches_the_payee_expires(ours: Hub, world: Outside) -> None:
    key = await ours.pay("12.97")
    assert await ours.end_of(key) == "EndEvent_Failed_Released"
    await ours.all_finished()
    await assert_paid(world, "0")


async def test_lookups_and_quotes_that_meet_faults(ours: Hub, world: Outside) -> None:
    identifiers = [f"2771020{fault}" for fault in FAULTS_TO_OVERCOME]
    await world.set_up_payees(identifiers)
    keys = [await ours.pay("1.00", payee=each) for each in identifiers]
    for identifier, key in zip(identifiers, keys, strict=True):
        assert await ours.end_of(key) == "EndEvent_Completed", identifier
        assert await world.balance("gorilla", identifier) == Decimal("1.00")
    await ours.all_finished()
    assert await world.holds() == []


async def test_lookups_and_quotes_that_fail_for_good(ours: Hub, world: Outside) -> None:
    identifiers = [f"2771020{fault}" for fault in FAULTS_TO_GIVE_UP_AT]
    await world.set_up_payees(identifiers)
    keys = [await ours.pay("1.00", payee=each) for each in identifiers]
    for identifier, key in zip(identifiers, keys, strict=True):
        assert await ours.end_of(key) == "EndEvent_Failed_Aborted", identifier
    await ours.all_finished()
    await assert_paid(world, "0")


async def test_many_payments_at_once_add_up(ours: Hub, world: Outside) -> None:
    amounts = [f"{n}.{cents:02d}" for n in range(1, 11) for cents in (10, 20, 91, 93, 94)]
    # Patient, so that a busy machine does not make a lookup seem lost three times.
    keys = await asyncio.gather(*(ours.pay(each, responseTimeout="PT5S") for each in amounts))
    ends = [await ours.end_of(key, timeout_s=60) for key in keys]
    for amount, end in zip(amounts, ends, strict=True):
        failed = amount.endswith(".91")
        assert end == ("EndEvent_Failed_Released" if failed else "EndEvent_Completed"), amount
    await ours.all_finished(timeout_s=60)
    paid = sum((Decimal(each) for each in amounts if not each.endswith(".91")), Decimal(0))
    await assert_paid(world, str(paid))
    assert ours.incidents == []
    [line] = (await world.get("/scheme/totals"))["committed"]
    assert Decimal(line["amount"]) == paid
    assert line["count"] == 40


async def test_whatever_gets_lost_money_does_not(tmp_path: Path) -> None:
    seed = int(os.environ.get("PHEE_TEST_SEED", str(random.SystemRandom().randrange(10**9))))
    print(f"PHEE_TEST_SEED={seed}")
    rates = parse_rates(["*:drop=0.1,delay=0.1,duplicate=0.2,reorder=0.2"])
    async with (
        outside(tmp_path / "simulators", seed=seed, rates=rates, late_ms=700) as world,
        hub(tmp_path / "hub", world, quote_expiry_ms=2_500) as running,
    ):
        await running.deploy({tenant: resources(tenant) for tenant in TENANTS})
        # The faults follow from the seed and the identifiers, so these must not be random.
        keys = [await running.pay("2.50", transactionId=f"{seed}-{number}") for number in range(40)]
        ends = [await running.end_of(key, timeout_s=60) for key in keys]
        await running.all_finished(timeout_s=60)
        paid = ends.count("EndEvent_Completed")
        assert paid > 10
        await assert_paid(world, str(paid * Decimal("2.50")))
        assert running.incidents == []
        [line] = (await world.get("/scheme/totals"))["committed"]
        assert line["count"] == paid


# -- upstream's drawings on the same workers ---------------------------------------------------


def upstream_resources(tenant_id: str) -> list[Resource]:
    return [
        Resource(
            f"{flow}-{tenant_id}.bpmn",
            replace_tenant((UPSTREAM / f"{flow}-DFSPID.bpmn").read_bytes(), tenant_id),
        )
        for flow in FLOWS
    ]


@pytest.fixture
async def theirs(world: Outside, tmp_path: Path) -> AsyncIterator[Hub]:
    if not UPSTREAM.is_dir():
        pytest.skip(f"SKIPPED LOUDLY: upstream's drawings are not at {UPSTREAM.name}/")
    async with hub(tmp_path / "hub", world) as running:
        await running.deploy({tenant: upstream_resources(tenant) for tenant in TENANTS})
        yield running


async def test_upstream_happy_path(theirs: Hub, world: Outside) -> None:
    for amount in ("12.50", "1.94", "1.92", "1.95"):
        key = await theirs.pay(amount)
        assert await theirs.end_of(key) == "EndEvent_1y60c95", amount
    await theirs.all_finished()
    assert theirs.ends_of("PayeeQuoteTransfer-gorilla") == ["EndEvent_Success_Transfer"] * 4
    await assert_paid(world, "18.31")
    assert theirs.incidents == []


async def test_upstream_failures(theirs: Hub, world: Outside) -> None:
    poor = await theirs.pay(payer=POOR_PAYER)
    unknown = await theirs.pay(payee=UNKNOWN_PAYEE)
    rejected = await theirs.pay("12.91")
    assert await theirs.end_of(poor) == "EndEvent_1jaizso"
    assert await theirs.end_of(unknown) == "EndEvent_Failure_Aborted"
    assert await theirs.end_of(rejected) == "EndEvent_02dm8z4"
    await theirs.advance(61)  # the payee's flow gives up waiting for a transfer
    await theirs.all_finished()
    await assert_paid(world, "0")


async def test_upstream_leaves_an_unknown_outcome_to_an_operator(
    theirs: Hub, world: Outside
) -> None:
    key = await theirs.pay("12.93", transactionId="tx-93")
    for attempt in (1, 2, 3):
        await theirs.reached(key, "ReceiveTask_1cosqwx", times=attempt)
        await theirs.advance(61)
    await theirs.reached(key, "ReceiveTask_0gecnyd")
    assert (await world.get("/transfers/tx-93"))["transferState"] == "COMMITTED"
    await theirs.client.publish_message(
        "operator-manual-recovery",
        "tx-93",
        {"transferState": "COMMITTED", "transferFailed": False},
        time_to_live_ms=30_000,
        tenant_id="rhino",
    )
    assert await theirs.end_of(key) == "EndEvent_1y60c95"
    await assert_paid(world, "12.93")
