"""Kill any process of a hub under load, again and again: nothing is lost, nothing is doubled.

Goal: promises 1 to 5 of docs/architecture.md hold on the whole hub. Method: post payments all the
time, `kill -9` a random process (hub, an importer, the simulated banks) at random moments, let all
of it settle, then compare both stores with each other, with the banks' ledgers, and with a fold of
the whole record log made afresh.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from phee.cli.demo import proof
from phee.cli.demo.posting import Accepted, post_one
from phee.cli.demo.rig import Rig
from phee.cli.demo.settling import fetch_documents, fetch_transfers, settle
from phee.cli.demo.traffic import make_payments
from phee.cli.demo.world import BANKS
from phee.cli.hub_api import HubApi
from phee.cli.upkeep_place import runtimes_of
from phee.cli.verify import running
from phee.projections.mapping import default_mapping
from phee.upkeep.report import Verification
from phee.upkeep.verification import Verifier

KILLS = int(os.environ.get("PHEE_KILLS", "50"))
SEED = int(os.environ.get("PHEE_SEED", str(time.time_ns() % 1_000_000)))
PAYMENTS_PER_S = 15
SETTLE_TIMEOUT_S = 240
TENANTS = [bank.tenant for bank in BANKS]


class Load:
    """Posts payments at a steady pace until told to stop."""

    def __init__(self, url: str, seed: int) -> None:
        self._url = url
        self._payments = iter(make_payments(50_000, seed))
        self._stopped = asyncio.Event()
        self.accepted: list[Accepted] = []

    async def run(self) -> None:
        async with aiohttp.ClientSession(self._url) as session, asyncio.TaskGroup() as group:
            while not self._stopped.is_set():
                group.create_task(self._post(session))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopped.wait(), 1 / PAYMENTS_PER_S)

    async def _post(self, session: aiohttp.ClientSession) -> None:
        self.accepted.append(await post_one(session, next(self._payments)))

    def stop(self) -> None:
        self._stopped.set()


async def kill_at_random(rig: Rig, source: random.Random) -> Counter[str]:
    killed: Counter[str] = Counter()
    while killed.total() < KILLS:
        await asyncio.sleep(source.uniform(0.05, 2.5))
        processes = rig.supervisor.process_ids()
        if not processes:
            continue
        name = source.choice(sorted(processes))
        with suppress(ProcessLookupError):
            os.kill(processes[name], signal.SIGKILL)
            killed[name] += 1
    return killed


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_kills_lose_nothing_and_double_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    print(f"PHEE_SEED={SEED} PHEE_KILLS={KILLS}")
    for name in [name for name in os.environ if name.startswith("PHEE_")]:
        monkeypatch.delenv(name)
    source = random.Random(SEED)
    rig = Rig.on_free_ports(tmp_path / "hub")
    try:
        await rig.start()
        await rig.make_world()
        before = await asyncio.to_thread(proof.ledger_totals, rig.settings.ledger_url)
        load = Load(rig.settings.http_url, SEED)
        posting = asyncio.create_task(load.run())
        killed = await kill_at_random(rig, source)
        load.stop()
        await posting
        await rig.supervisor.wait_ready()
        await settle(rig.settings, TENANTS, timeout_s=SETTLE_TIMEOUT_S, progress=lambda _: None)
        outcome = await asyncio.to_thread(read_outcome, rig, before)
        verified = await asyncio.to_thread(verify, rig)
    finally:
        await rig.stop()
    print(f"killed {dict(killed)}, {len(load.accepted)} payments accepted")
    assert proof.prove(load.accepted, outcome, undisturbed=False) == []
    print(verified)
    assert verified.is_clean
    for tenant in verified.tenants:
        assert all(store.open_dead_letters == 0 for store in tenant.stores)


def verify(rig: Rig) -> Verification:
    """Compare engine, log and stores, as ``phee verify`` does."""
    runtimes = runtimes_of(rig.settings)
    history = runtimes.open_history()
    api = HubApi(rig.settings.http_port)
    try:
        verifier = Verifier(runtimes, history, default_mapping(), list_running=lambda: running(api))
        return verifier.verify(TENANTS)
    finally:
        history.close()


def read_outcome(rig: Rig, before: list[dict[str, Any]]) -> proof.Outcome:
    port = rig.settings.http_port
    return proof.Outcome(
        transfers={tenant: fetch_transfers(port, tenant) for tenant in TENANTS},
        documents={tenant: fetch_documents(port, tenant) for tenant in TENANTS},
        ledger_before=before,
        ledger_after=proof.ledger_totals(rig.settings.ledger_url),
    )
