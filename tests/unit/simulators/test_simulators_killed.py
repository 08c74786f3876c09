"""``kill -9`` of the simulator process loses nothing that was answered."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from scheme_participants import Participant

ROUNDS = 3
TRANSFERS = 40
BASE = "/fineract-provider/api/v1/interoperation"


@asynccontextmanager
async def process(folder: Path, *arguments: str) -> AsyncIterator[tuple[str, Any]]:
    """The simulators in a process of their own; killed at the end if not before."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "phee.simulators", "--data", str(folder), *arguments,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert child.stdout is not None
        line = await asyncio.wait_for(child.stdout.readline(), 20)
        assert line.startswith(b"simulators ready on "), line
        yield line.split()[-1].decode(), child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def prepare_until_killed(rhino: Participant, ids: list[str], pace_s: float) -> set[str]:
    """Ask for transfers one after the other; those that were accepted."""
    accepted = set()
    for transfer_id in ids:
        try:
            if await rhino.prepare(transfer_id, "1.00") == 202:
                accepted.add(transfer_id)
        except (aiohttp.ClientError, OSError):
            break
        await asyncio.sleep(pace_s)
    return accepted


@pytest.fixture
def dice() -> random.Random:
    seed = int(os.environ.get("PHEE_TEST_SEED", str(random.SystemRandom().randrange(10**9))))
    print(f"PHEE_TEST_SEED={seed}")
    return random.Random(seed)


async def test_no_callback_is_lost(
    http: aiohttp.ClientSession, tmp_path: Path, dice: random.Random
) -> None:
    accepted: set[str] = set()
    async with Participant("gorilla", http, "").serving() as gorilla:
        rhino = Participant("rhino", http, "")
        for round_number in range(ROUNDS):
            ids = [f"r{round_number}-{n}" for n in range(TRANSFERS)]
            gorilla.status = 503 if round_number == 0 else 202  # the first round only gathers
            async with process(tmp_path) as (url, child):
                rhino.scheme = gorilla.scheme = url
                await introduce(http, url, gorilla)
                loop = asyncio.get_running_loop()
                loop.call_later(dice.uniform(0.05, 0.3), child.send_signal, signal.SIGKILL)
                accepted |= await prepare_until_killed(rhino, ids, 0.002)
        assert accepted
        gorilla.status = 202
        async with process(tmp_path):

            def arrived() -> set[str]:
                return {each.body["transferId"] for each in gorilla.received}

            async with asyncio.timeout(20):
                while not accepted <= arrived():
                    await asyncio.sleep(0.02)


async def introduce(http: aiohttp.ClientSession, url: str, gorilla: Participant) -> None:
    participants = [
        {"fspId": name, "callbackUrl": f"http://127.0.0.1:{gorilla.port}/switch"}
        for name in ("rhino", "gorilla")
    ]
    async with http.post(f"{url}/scheme/participants", json=participants) as response:
        assert response.status == 200


async def test_no_hold_and_no_booking_is_lost(
    http: aiohttp.ClientSession, tmp_path: Path, dice: random.Random
) -> None:
    held: set[str] = set()
    booked: set[str] = set()
    for round_number in range(ROUNDS):
        async with process(tmp_path) as (url, child):
            await open_account(http, url)
            loop = asyncio.get_running_loop()
            loop.call_later(dice.uniform(0.05, 0.3), child.send_signal, signal.SIGKILL)
            await asyncio.gather(
                *(pay_until_killed(http, url, f"{round_number}-{lane}", held, booked)
                  for lane in range(4))
            )  # fmt: skip
    async with process(tmp_path) as (url, _):
        totals = await ledger_totals(http, url)
        assert totals["balance"] == "0.00"
        assert booked
        for code in booked:  # asking again repeats the first answer
            assert await ledger_step(http, url, "CREATE", code) == 200
        assert await ledger_totals(http, url) == totals
        for code in held - booked:  # held, or booked and the answer was lost
            assert await ledger_step(http, url, "CREATE", code) == 200
        assert Decimal((await ledger_totals(http, url))["settlement"]) >= len(held)


async def ledger_totals(http: aiohttp.ClientSession, url: str) -> Any:
    async with http.get(f"{url}/ledger/totals") as response:
        [totals] = await response.json()
        return totals


async def pay_until_killed(
    http: aiohttp.ClientSession, url: str, lane: str, held: set[str], booked: set[str]
) -> None:
    for number in range(1000):
        code = f"{lane}-{number}"
        try:
            if await ledger_step(http, url, "PREPARE", code) == 200:
                held.add(code)
            if await ledger_step(http, url, "CREATE", code) == 200:
                booked.add(code)
        except (aiohttp.ClientError, OSError):
            return


async def ledger_step(http: aiohttp.ClientSession, url: str, action: str, code: str) -> int:
    body = {
        "transferCode": code,
        "accountId": "acc",
        "amount": {"amount": "1.00", "currency": "USD"},
        "transactionRole": "PAYER",
    }
    async with http.post(
        f"{url}{BASE}/transfers?action={action}",
        json=body,
        headers={"Fineract-Platform-TenantId": "rhino"},
    ) as response:
        await response.read()
        return response.status


async def open_account(http: aiohttp.ClientSession, url: str) -> None:
    account = {
        "accountId": "acc", "partyIdType": "MSISDN", "partyIdentifier": "1", "currency": "USD",
        "balance": "1000000.00",
    }  # fmt: skip
    body = {"tenant": "rhino", "accounts": [account]}
    async with http.post(f"{url}/ledger/accounts", json=body) as response:
        assert response.status == 200


async def test_it_ends_cleanly_and_says_what_is_wrong(tmp_path: Path) -> None:
    async with process(tmp_path, "--fault", "*:duplicate=0.1") as (_, child):
        child.send_signal(signal.SIGTERM)
        assert await child.wait() == 0
    wrong = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "phee.simulators", "--data", str(tmp_path), "--fault", "no",
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await wrong.communicate()
    assert wrong.returncode == 2
    assert b"no kind of callback" in errors
