"""Whole payments on a whole hub: over HTTP, through the scheme, into both stores.

    python -m bench.payments [--seconds 20] [--in-flight 96] [--data DIR]

A rig as in ``phee demo`` (durable commits, both importers, simulated banks and scheme over HTTP, no
faults) takes ordinary payments as fast as it completes them. A payment counts when the record log
says that its payer's flow has completed. Beside it, every few payments are followed until both
stores show them. Prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from phee.cli.demo.posting import Accepted, post_one
from phee.cli.demo.rig import Rig
from phee.cli.demo.settling import settle
from phee.cli.demo.traffic import KINDS, ORDINARY, Payment, make_payments
from phee.cli.demo.world import BANKS
from phee.cli.render import percentile
from phee.records import Block, ValueType, decode_block
from phee.records.types import ProcessInstanceIntent
from phee.stream import LogStream, stream_path

TENANTS = [bank.tenant for bank in BANKS]
PATIENT = {
    "responseTimeout": "PT60S",
    "payerDecisionTimeout": "PT60S",
    "transferWindow": "PT60S",
    "operatorRecheckInterval": "PT60S",
}
FOLLOW_EVERY = 20
WARM_UP_S = 5.0


class Completions(threading.Thread):
    """Reads the record log and notes when each payer's flow began and completed."""

    def __init__(self, data: Path) -> None:
        super().__init__(daemon=True)
        self._stream = LogStream(stream_path(data))
        self._ended = threading.Event()
        (self.lane,) = self._stream.lanes()
        self.began_ms: dict[int, int] = {}
        self.completed_ms: dict[int, int] = {}
        self.records = 0

    def run(self) -> None:
        position = 0
        while not self._ended.is_set():
            (chunk,) = self._stream.fetch({self.lane: position}, max_bytes=1 << 20, timeout_s=0.5)
            for last, block in chunk.blocks:
                self.take(last, block, decode_block(block))
                position = last

    def take(self, position: int, block: bytes, decoded: Block) -> None:
        """Note what one commit says; ``position`` is that of its last record."""
        del position, block
        self.records += len(decoded.records)
        self._note(decoded.select({ValueType.PROCESS_INSTANCE}))

    def _note(self, records: Iterable[Any]) -> None:
        for record in records:
            value = record.value
            if value.bpmn_element_type != "PROCESS":
                continue
            if not value.bpmn_process_id.startswith("PayerFundTransfer-"):
                continue
            if record.intent == ProcessInstanceIntent.ELEMENT_ACTIVATED:
                self.began_ms[record.key] = record.timestamp
            elif record.intent == ProcessInstanceIntent.ELEMENT_COMPLETED:
                self.completed_ms[record.key] = record.timestamp

    def end(self) -> None:
        self._ended.set()
        self.join()
        self._stream.close()


class Load:
    """Posts payments, never more than ``in_flight`` of them unfinished."""

    def __init__(self, url: str, completions: Completions, in_flight: int) -> None:
        self._url = url
        self._completions = completions
        self._in_flight = in_flight
        self._payments = iter(ordinary_payments())
        self._posting = 0
        self.accepted: list[Accepted] = []
        self.visible_ms: dict[str, list[float]] = {"relational": [], "search": []}

    async def run(self, until: float) -> None:
        async with aiohttp.ClientSession(self._url) as session, asyncio.TaskGroup() as group:
            while time.monotonic() < until:
                unfinished = len(self.accepted) - len(self._completions.completed_ms)
                free = self._in_flight - unfinished - self._posting
                for _ in range(min(free, 16)):
                    self._posting += 1
                    group.create_task(self._post(session))
                await asyncio.sleep(0.01)

    async def _post(self, session: aiohttp.ClientSession) -> None:
        payment = next(self._payments)
        accepted = await post_one(session, payment)
        self._posting -= 1
        self.accepted.append(accepted)
        if len(self.accepted) % FOLLOW_EVERY == 0:
            await asyncio.gather(
                self._follow(session, accepted, "relational", "/api/v1/transfers"),
                self._follow(session, accepted, "search", "/api/v1/search"),
            )

    async def _follow(
        self, session: aiohttp.ClientSession, accepted: Accepted, store: str, path: str
    ) -> None:
        started = time.perf_counter()
        headers = {
            "Platform-TenantId": accepted.payment.tenant,
            "X-Phee-Position": accepted.position,
        }
        query = {"transactionId": accepted.transaction_id, "size": "1"}
        while True:
            async with session.get(path, params=query, headers=headers) as answer:
                if answer.status == 200:
                    self.visible_ms[store].append((time.perf_counter() - started) * 1000)
                    return
                assert answer.status == 504, await answer.text()


def ordinary_payments() -> list[Payment]:
    """Return payments that meet no fault."""
    mixed = make_payments(60_000, seed=1)
    assert ORDINARY in KINDS
    return [payment for payment in mixed if payment.kind is ORDINARY]


def usage(process_ids: dict[str, int]) -> dict[str, dict[str, float]]:
    """Return CPU seconds and peak memory (MB) of each process so far."""
    found = {}
    for name, process_id in process_ids.items():
        process = psutil.Process(process_id)
        times = process.cpu_times()
        status = Path(f"/proc/{process_id}/status").read_text()
        peak_kb = next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)
        found[name] = {"cpu_s": times.user + times.system, "peak_mb": peak_kb / 1024}
    return found


async def measure(data: Path, *, seconds: float, in_flight: int) -> dict[str, Any]:
    """Run the bench and return its figures."""
    rig = Rig.on_free_ports(data)
    try:
        await rig.start()
        await rig.make_world(PATIENT)
        completions = Completions(rig.settings.data)
        completions.start()
        load = Load(rig.settings.http_url, completions, in_flight)
        await load.run(time.monotonic() + WARM_UP_S)
        load.visible_ms = {"relational": [], "search": []}
        before = usage(rig.supervisor.process_ids())
        began = time.time()
        records = completions.records
        await load.run(time.monotonic() + seconds)
        ended = time.time()
        after = usage(rig.supervisor.process_ids())
        records = completions.records - records
        drained = time.monotonic()
        await settle(rig.settings, TENANTS, timeout_s=300, progress=lambda _: None)
        drained_s = time.monotonic() - drained
        completions.end()
    finally:
        await rig.stop()
    return figures(load, completions, began, ended, records, before, after) | {
        "in_flight": in_flight,
        "drained_s": round(drained_s, 1),
    }


def figures(
    load: Load,
    completions: Completions,
    began: float,
    ended: float,
    records: int,
    before: dict[str, dict[str, float]],
    after: dict[str, dict[str, float]],
) -> dict[str, Any]:
    """Return what the window from ``began`` to ``ended`` (seconds since 1970) showed."""
    inside = {
        key: at for key, at in completions.completed_ms.items() if began * 1000 <= at < ended * 1000
    }
    seconds = ended - began
    durations = [at - completions.began_ms[key] for key, at in inside.items()]
    count = max(len(inside), 1)
    return {
        "payments_per_s": round(len(inside) / seconds, 1),
        "records_per_s": round(records / seconds),
        "records_per_payment": round(records / count),
        "payment_ms": {"p50": percentile(durations, 0.5), "p99": percentile(durations, 0.99)},
        "accepted_to_visible_ms": {
            store: {
                "p50": round(percentile(values, 0.5) or 0),
                "p99": round(percentile(values, 0.99) or 0),
                "samples": len(values),
            }
            for store, values in load.visible_ms.items()
        },
        "cpu_ms_per_payment": {
            name: round((after[name]["cpu_s"] - before[name]["cpu_s"]) * 1000 / count, 2)
            for name in after
        },
        "peak_mb": {name: round(after[name]["peak_mb"]) for name in after},
        "peak_mb_hub_and_importers": round(
            sum(after[name]["peak_mb"] for name in after if name != "simulators")
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--in-flight", type=int, default=96)
    parser.add_argument("--data", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(
            measure(
                arguments.data or Path(folder) / "hub",
                seconds=arguments.seconds,
                in_flight=arguments.in_flight,
            )
        )
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
