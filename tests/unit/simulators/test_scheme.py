"""The scheme over HTTP between two participants, and every fault by its magic value."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from scheme_participants import FULFILMENT, Participant, Received, base64url

from phee.simulators import SimulatorConfig, Simulators
from phee.simulators.config import CallbackKind, FaultRates, parse_rates

LATE_MS = 300


@dataclass
class World:
    """A scheme with the payer's FSP rhino and the payee's FSP gorilla."""

    url: str
    http: aiohttp.ClientSession
    rhino: Participant
    gorilla: Participant

    async def post(self, path: str, body: Any, method: str = "POST") -> int:
        async with self.http.request(method, self.url + path, json=body) as response:
            await response.read()
            return response.status

    async def totals(self) -> Any:
        async with self.http.get(f"{self.url}/scheme/totals") as response:
            return await response.json()

    async def settled(self) -> None:
        """Every callback has been accepted."""
        async with asyncio.timeout(10):
            while (await self.totals())["callbacks"]:
                await asyncio.sleep(0.01)


@pytest.fixture
async def world(http: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        config = SimulatorConfig(data=tmp_path, late_ms=LATE_MS, reorder_window_ms=200)
        simulators = await stack.enter_async_context(Simulators(config))
        rhino, gorilla = [
            await stack.enter_async_context(Participant(name, http, simulators.url).serving())
            for name in ("rhino", "gorilla")
        ]
        world = World(simulators.url, http, rhino, gorilla)
        await register(world)
        yield world


async def register(world: World) -> None:
    participants = [
        {"fspId": each.fsp_id, "callbackUrl": f"http://127.0.0.1:{each.port}/switch"}
        for each in (world.rhino, world.gorilla)
    ]
    assert await world.post("/scheme/participants", participants) == 200
    parties = [
        {"partyIdType": "MSISDN", "partyIdentifier": identifier, "fspId": "gorilla"}
        for identifier in ("27710101", *(f"2771000{n}" for n in range(91, 98)),
                           *(f"2771001{n}" for n in range(91, 98)))
    ]  # fmt: skip
    assert await world.post("/scheme/parties", parties) == 200


def on(method: str, path: str) -> Any:
    return lambda each: (each.method, each.path) == (method, f"/switch{path}")


# -- parties -----------------------------------------------------------------------------------


async def look_up(world: World, identifier: str, correlation: str = "tx-1") -> None:
    path = f"/parties/MSISDN/{identifier}"
    assert await world.rhino.send("GET", path, correlation=correlation) == 202


async def answer_lookup(world: World, request: Received) -> None:
    path = request.path.removeprefix("/switch")
    body = {"party": {"name": "Grace"}}
    correlation = request.headers["x-correlation-id"]
    assert await world.gorilla.send("PUT", path, body, to="rhino", correlation=correlation) == 200


async def test_a_lookup_goes_to_the_partys_fsp_and_back(world: World) -> None:
    await look_up(world, "27710101")
    [request] = await world.gorilla.wait_for(on("GET", "/parties/MSISDN/27710101"))
    assert request.headers["fspiop-source"] == "rhino"
    await answer_lookup(world, request)
    [answer] = await world.rhino.wait_for(on("PUT", "/parties/MSISDN/27710101"))
    assert answer.body == {"party": {"name": "Grace"}}
    assert answer.headers["x-correlation-id"] == "tx-1"
    assert answer.headers["fspiop-source"] == "gorilla"


async def test_an_unknown_party_is_answered_by_the_scheme(world: World) -> None:
    await look_up(world, "999")
    [answer] = await world.rhino.wait_for(on("PUT", "/parties/MSISDN/999/error"))
    assert answer.body["errorInformation"]["errorCode"] == "3204"
    assert answer.headers["x-correlation-id"] == "tx-1"


async def test_magic_lookups(world: World) -> None:
    await look_up(world, "277100091")
    await world.rhino.wait_for(on("PUT", "/parties/MSISDN/277100091/error"))

    await look_up(world, "277100096")
    await look_up(world, "277100097")
    await world.settled()
    assert not world.gorilla.received
    await look_up(world, "277100096")
    await world.gorilla.wait_for(on("GET", "/parties/MSISDN/277100096"))

    await look_up(world, "277100094")
    doubled = await world.gorilla.wait_for(on("GET", "/parties/MSISDN/277100094"), count=2)
    await answer_lookup(world, doubled[0])
    await world.rhino.wait_for(on("PUT", "/parties/MSISDN/277100094"), count=2)

    await look_up(world, "277100093")
    [request] = await world.gorilla.wait_for(on("GET", "/parties/MSISDN/277100093"))
    await answer_lookup(world, request)
    await world.settled()
    assert not [each for each in world.rhino.received if "00093" in each.path]

    await look_up(world, "277100092")
    [request] = await world.gorilla.wait_for(on("GET", "/parties/MSISDN/277100092"))
    started = time.monotonic()
    await answer_lookup(world, request)
    await world.rhino.wait_for(on("PUT", "/parties/MSISDN/277100092"))
    assert time.monotonic() - started > 0.9 * LATE_MS / 1000


# -- quotes ------------------------------------------------------------------------------------


async def ask_quote(world: World, quote_id: str, identifier: str = "27710101") -> None:
    body = {
        "quoteId": quote_id,
        "payee": {"partyIdInfo": {"partyIdType": "MSISDN", "partyIdentifier": identifier}},
        "more": ["is", "passed", "on"],
    }
    assert await world.rhino.send("POST", "/quotes", body, to="gorilla") == 202


async def test_a_quote_goes_to_the_payees_fsp_and_back(world: World) -> None:
    await ask_quote(world, "q1")
    [request] = await world.gorilla.wait_for(on("POST", "/quotes"))
    assert request.body["more"] == ["is", "passed", "on"]
    await world.gorilla.send("PUT", "/quotes/q1", {"condition": "c"}, to="rhino")
    [answer] = await world.rhino.wait_for(on("PUT", "/quotes/q1"))
    assert answer.body == {"condition": "c"}
    await world.gorilla.send("PUT", "/quotes/q1/error", {"no": 1}, to="rhino")
    await world.rhino.wait_for(on("PUT", "/quotes/q1/error"))


async def test_magic_quotes(world: World) -> None:
    await ask_quote(world, "q91", "277100191")
    await world.rhino.wait_for(on("PUT", "/quotes/q91/error"))
    await ask_quote(world, "q93", "277100193")
    await world.gorilla.wait_for(on("POST", "/quotes"))
    await world.gorilla.send("PUT", "/quotes/q93", {}, to="rhino")
    await world.settled()
    assert not [each for each in world.rhino.received if each.path == "/switch/quotes/q93"]


# -- transfers ---------------------------------------------------------------------------------


async def test_a_transfer_is_committed_once_and_both_sides_are_told(world: World) -> None:
    assert await world.rhino.prepare("t1", "12.50") == 202
    await world.gorilla.wait_for(on("POST", "/transfers"))
    assert (await world.rhino.state("t1"))["transferState"] == "RESERVED"
    for _ in range(2):
        assert await world.gorilla.fulfil("t1") == 200
    [answer] = await world.rhino.wait_for(on("PUT", "/transfers/t1"))
    assert answer.body["transferState"] == "COMMITTED"
    assert answer.body["fulfilment"] == FULFILMENT
    patches = await world.gorilla.wait_for(on("PATCH", "/transfers/t1"), count=2)
    assert patches[0].body["transferState"] == "COMMITTED"
    assert await world.rhino.prepare("t1", "12.50") == 202  # its outcome is repeated
    await world.rhino.wait_for(on("PUT", "/transfers/t1"), count=2)
    assert (await world.totals())["committed"] == [
        {"currency": "USD", "payerFsp": "rhino", "payeeFsp": "gorilla", "count": 1,
         "amount": "12.50"}
    ]  # fmt: skip


async def test_the_payee_can_refuse(world: World) -> None:
    await world.rhino.prepare("t2", "12.50")
    error = {"errorInformation": {"errorCode": "5103", "errorDescription": "no"}}
    assert await world.gorilla.send("PUT", "/transfers/t2/error", error, to="rhino") == 200
    [answer] = await world.rhino.wait_for(on("PUT", "/transfers/t2/error"))
    assert answer.body == error
    assert (await world.rhino.state("t2"))["transferState"] == "ABORTED"
    await world.gorilla.fulfil("t2")
    [patch] = await world.gorilla.wait_for(on("PATCH", "/transfers/t2"))
    assert patch.body["transferState"] == "ABORTED"
    assert (await world.totals())["states"] == {"ABORTED": 1}


async def test_a_wrong_fulfilment_aborts(world: World) -> None:
    for number, wrong in enumerate([base64url(b"not the preimage"), "%%%", "é", ""]):
        await world.rhino.prepare(f"t3-{number}", "12.50")
        await world.gorilla.fulfil(f"t3-{number}", fulfilment=wrong)
        await world.rhino.wait_for(on("PUT", f"/transfers/t3-{number}/error"))
    assert (await world.totals())["states"] == {"ABORTED": 4}


async def test_an_expired_transfer_is_aborted_and_cannot_be_fulfilled(world: World) -> None:
    soon = (datetime.now(UTC) + timedelta(milliseconds=200)).isoformat()
    await world.rhino.prepare("t4", "12.50", expiration=soon)
    await world.gorilla.wait_for(on("POST", "/transfers"))
    [answer] = await world.rhino.wait_for(on("PUT", "/transfers/t4/error"))
    assert answer.body["errorInformation"]["errorCode"] == "3303"
    await world.gorilla.fulfil("t4")
    patches = await world.gorilla.wait_for(on("PATCH", "/transfers/t4"), count=2)
    assert {each.body["transferState"] for each in patches} == {"ABORTED"}
    assert (await world.totals())["committed"] == []


async def test_another_transfer_under_the_same_id_is_refused(world: World) -> None:
    await world.rhino.prepare("t5", "12.50")
    await world.rhino.prepare("t5", "99.00")
    [answer] = await world.rhino.wait_for(on("PUT", "/transfers/t5/error"))
    assert answer.body["errorInformation"]["errorCode"] == "3106"
    assert (await world.rhino.state("t5"))["transferState"] == "RESERVED"


async def test_strangers_and_nonsense_are_refused(world: World) -> None:
    rhino = world.rhino
    assert await rhino.prepare("t6", "12.50", payeeFsp="nobody") == 400
    assert await rhino.prepare("t6", "-1") == 400
    assert await rhino.prepare("t6", "1", expiration="tomorrow") == 400
    assert await rhino.send("POST", "/transfers", {"transferId": 1}) == 400
    assert await rhino.send("POST", "/quotes", [], to="gorilla") == 400
    assert await rhino.send("PUT", "/transfers/none", {"transferState": "RESERVED"}) == 404
    assert await world.post("/transfers", {}) == 400  # no FSPIOP-Source
    assert await world.post("/scheme/participants", [{"fspId": "x", "callbackUrl": "ftp:"}]) == 400
    rates = {"transfers-put": {"reject": 0.5}}
    assert await world.post("/scheme/faults", rates, method="PUT") == 400
    assert (await world.rhino.state("t6")).get("transferState") is None
    await rhino.prepare("t7", "12.50")
    assert await rhino.fulfil("t7") == 400  # the payer cannot fulfil for the payee


async def test_magic_rejection_and_expiry(world: World) -> None:
    await world.rhino.prepare("m91", "5.91")
    [answer] = await world.rhino.wait_for(on("PUT", "/transfers/m91/error"))
    assert answer.body["errorInformation"]["errorCode"] == "4001"
    soon = (datetime.now(UTC) + timedelta(milliseconds=100)).isoformat()
    await world.rhino.prepare("m97", "5.97", expiration=soon)
    await world.rhino.wait_for(on("PUT", "/transfers/m97/error"))
    await world.settled()
    assert not world.gorilla.received


async def test_magic_late_and_never(world: World) -> None:
    for transfer_id, amount in (("m92", "5.92"), ("m93", "5.93")):
        await world.rhino.prepare(transfer_id, amount)
        await world.gorilla.fulfil(transfer_id)
        assert (await world.rhino.state(transfer_id))["transferState"] == "COMMITTED"
    started = time.monotonic()
    await world.rhino.wait_for(on("PUT", "/transfers/m92"))
    assert time.monotonic() - started > 0.8 * LATE_MS / 1000
    await world.settled()
    assert not [each for each in world.rhino.received if each.path == "/switch/transfers/m93"]


async def test_magic_duplicates(world: World) -> None:
    await world.rhino.prepare("m94", "5.94")
    await world.gorilla.wait_for(on("POST", "/transfers"), count=2)
    await world.gorilla.fulfil("m94")
    await world.rhino.wait_for(on("PUT", "/transfers/m94"), count=2)
    await world.gorilla.wait_for(on("PATCH", "/transfers/m94"), count=2)


async def test_magic_reordering_lets_a_later_callback_pass(world: World) -> None:
    for transfer_id, amount in (("m95", "5.95"), ("after", "5.00")):
        await world.rhino.prepare(transfer_id, amount)
        await world.gorilla.fulfil(transfer_id)
    await world.rhino.wait_for(on("PUT", "/transfers/m95"))
    answers = [each.path for each in world.rhino.received if each.method == "PUT"]
    assert answers == ["/switch/transfers/after", "/switch/transfers/m95"]


async def test_magic_first_request_lost(world: World) -> None:
    await world.rhino.prepare("m96", "5.96")
    assert "transferState" not in await world.rhino.state("m96")
    await world.rhino.prepare("m96", "5.96")
    assert (await world.rhino.state("m96"))["transferState"] == "RESERVED"


# -- rates, unreachable participants -----------------------------------------------------------


async def fates(http: aiohttp.ClientSession, folder: Path, seed: int) -> set[str]:
    """Which of 60 quotes reach the payee when half of them are dropped."""
    rates = {CallbackKind.QUOTES_POST: FaultRates(drop=0.5)}
    config = SimulatorConfig(data=folder, seed=seed, rates=rates)
    async with (
        Simulators(config) as simulators,
        Participant("rhino", http, simulators.url).serving() as rhino,
        Participant("gorilla", http, simulators.url).serving() as gorilla,
    ):
        world = World(simulators.url, http, rhino, gorilla)
        await register(world)
        await asyncio.gather(*(ask_quote(world, f"q{n}") for n in range(60)))
        await world.settled()
        return {each.body["quoteId"] for each in gorilla.received}


async def test_random_faults_follow_from_the_seed(
    http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    first = await fates(http, tmp_path / "a", 1)
    assert 10 < len(first) < 50
    assert await fates(http, tmp_path / "b", 1) == first
    assert await fates(http, tmp_path / "c", 2) != first


@pytest.mark.parametrize("rule", ["nothing:drop=1", "*:vanish=1", "*:drop=x", "*:drop=2", "*"])
def test_rules_that_cannot_be_read_are_refused(rule: str) -> None:
    with pytest.raises(Exception, match=r"\("):
        parse_rates([rule])


def test_rules_add_up() -> None:
    rates = parse_rates(["*:drop=0.1", "transfers-put:drop=0.2,delay=1"])
    assert rates[CallbackKind.TRANSFERS_PUT] == FaultRates(drop=0.2, delay=1)
    assert rates[CallbackKind.PARTIES_GET] == FaultRates(drop=0.1)


async def test_a_refusing_participant_is_asked_again(world: World) -> None:
    world.gorilla.status = 503
    await ask_quote(world, "q9")
    await world.gorilla.wait_for(on("POST", "/quotes"), count=2)
    world.gorilla.status = 202
    await world.settled()
