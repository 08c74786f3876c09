"""kill -9 of the broker while requests come in: each ends in one payment."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from zeebe_broker import Broker

from phee.commands import RequestId
from phee.errors import Overloaded, Unavailable
from phee.gateway.zeebe import ZeebeAddress, ZeebeClient
from phee.workers import Job, Worker, job
from phee.workers.handler import JobHandler

REQUESTS = 120
AT_ONCE = 8
KILL_AFTER = 40
"""So many answered creations before the broker dies."""

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(480)]


class Payments:
    """Requests that are repeated until they are answered, and the instances that did their jobs."""

    def __init__(self, client: ZeebeClient, name: Callable[[str], str]) -> None:
        self.client = client
        self.name = name
        self.answers: dict[str, int] = {}
        self.worked: dict[str, set[int]] = defaultdict(set)
        self.some_answered = asyncio.Event()
        self.all_worked = asyncio.Event()

    def handlers(self) -> list[JobHandler]:
        @job(self.name("block"), timeout_ms=5_000)
        async def block(job: Job, variables: dict[str, Any]) -> None:
            self.worked[variables["request"]].add(job.process_instance_key)

        @job(self.name("book"), timeout_ms=5_000)
        async def book(job: Job, variables: dict[str, Any]) -> None:
            self.worked[variables["request"]].add(job.process_instance_key)
            if len(self.worked) == REQUESTS:
                self.all_worked.set()

        return [block, book]

    async def pay_all(self) -> None:
        await asyncio.gather(*(self._pay_in_turn(first) for first in range(AT_ONCE)))

    async def _pay_in_turn(self, first: int) -> None:
        for number in range(first, REQUESTS, AT_ONCE):
            while str(number) not in self.answers:
                await self._try(str(number))
            if len(self.answers) >= KILL_AFTER:
                self.some_answered.set()

    async def _try(self, request: str) -> None:
        try:
            created = await self.client.create_instance(
                f"{self.name('payment')}-rhino",
                {"request": request},
                tenant_id="rhino",
                request=RequestId(self.name(request), "digest"),
            )
        except (Unavailable, Overloaded):
            await asyncio.sleep(0.1)
        else:
            self.answers[request] = created.process_instance_key


async def test_the_broker_dies_under_load(
    zeebe: Broker | str, tmp_path: Path, draw: Callable[..., Any], name: Callable[[str], str]
) -> None:
    if isinstance(zeebe, str):
        pytest.skip("only a broker of our own may be killed")
    client = ZeebeClient(
        ZeebeAddress(zeebe.target),
        tmp_path,
        tenant_known={"rhino"}.__contains__,
        poll_every_ms=1_000,
    )
    await client.deploy([draw("payment", "block", "book", tenant="rhino")], tenant_id="rhino")
    payments = Payments(client, name)
    worker = Worker(client, payments.handlers(), tenant_ids=["rhino"])
    await worker.start()
    paying = asyncio.ensure_future(payments.pay_all())
    await payments.some_answered.wait()
    zeebe.kill()
    assert len(payments.answers) < REQUESTS, "the broker died after the last request"
    await asyncio.to_thread(zeebe.start)
    await paying
    await payments.all_worked.wait()
    await worker.close()
    await client.close()
    answered = {request: {key} for request, key in payments.answers.items()}
    assert payments.worked == answered
