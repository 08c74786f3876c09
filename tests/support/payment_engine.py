"""A bare engine as a process: it makes payments for two tenants and serves its record log.

    python payment_engine.py DATA [FAILPOINT, as JSON]

A line on standard input is an order, a line on standard output its answer, written once everything
is on disk: ``pay FIRST LAST`` makes payments of these numbers (each once, however often it is
ordered) and answers ``paid POSITION`` when none is under way any more; ``huge FIRST`` makes one
whose variables are too large for a message of Kafka.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from failpoints import Failpoint, arm
from record_stream import channel_request
from running_hub import drawing, service_task

from phee.commands import (
    ActivatedJob,
    CompleteJob,
    CreateProcessInstance,
    DeployResources,
    FailJob,
    RequestId,
    ResolveIncident,
    Resource,
    UpdateJobRetries,
)
from phee.engine import Engine
from phee.errors import PheeError
from phee.monitoring import configure_logging
from phee.stream import LogServer, stream_path

TENANTS = ("gorilla", "rhino")
STRANGER = "nobody"
"""Has payments and was never onboarded."""
HUGE = '"' * 1_300_000
"""Four bytes each in the JSON of a record: more than 5 MB."""
JOBS = ("block", "book")
_CALL = (
    '<callActivity id="settle"><extensionElements>'
    '<zeebe:calledElement processId="settlement" propagateAllChildVariables="false"/>'
    "</extensionElements></callActivity>"
)


def drawings(tenant: str) -> list[Resource]:
    """A payment of two tasks around a call activity, and what that calls."""
    steps = (service_task("block", "block"), _CALL, service_task("book", "book"))
    return [
        Resource("payment.bpmn", drawing(f"PayerFundTransfer-{tenant}", *steps)),
        Resource("settlement.bpmn", drawing("settlement", service_task("settle", "block"))),
    ]


def tenant_of(number: int) -> str:
    return STRANGER if number % 12 == 11 else TENANTS[number % 2]


def variables_of(number: int) -> dict[str, Any]:
    return {
        "transactionId": f"tx-{number:06d}",
        "clientCorrelationId": f"corr-{number:06d}",
        "channelRequest": channel_request(f"{number + 1}.{number % 100:02d}"),
        "currency": "EUR",
        "fails": number % 5 == 4,
    }


class Payments:
    """Makes payments on one engine and does their jobs; every fifth meets an incident first."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._mended: set[int] = set()

    async def begin(self) -> None:
        tenants = (*TENANTS, STRANGER)
        for tenant in tenants:
            await self._engine.submit(DeployResources(drawings(tenant), tenant))
        for job_type in JOBS:
            self._serve(job_type, tenants)

    async def pay(self, first: int, last: int, **more: Any) -> int:
        """Return the position of the log once nothing is under way."""
        await asyncio.gather(*(self._create(number, more) for number in range(first, last)))
        while True:
            await self._mend()
            position, running = await self._engine.running_instances()
            if not running:
                return position
            await asyncio.sleep(0.01)

    async def _create(self, number: int, more: dict[str, Any]) -> None:
        tenant = tenant_of(number)
        await self._engine.submit(
            CreateProcessInstance(
                f"PayerFundTransfer-{tenant}",
                variables=variables_of(number) | more,
                tenant_id=tenant,
                request=RequestId(f"payment-{number}", "same"),
            )
        )

    def _serve(self, job_type: str, tenants: tuple[str, ...]) -> None:
        def deliver(jobs: list[ActivatedJob]) -> None:
            for job in jobs:
                self._engine.submit_nowait(self._outcome(job)).add_done_callback(answered)

        def answered(done: asyncio.Future[Any]) -> None:
            if not done.cancelled() and done.exception() is None:
                stream.done()

        stream = self._engine.open_job_stream(
            job_type, "tests", 60_000, tenants, ("fails",), 50, deliver
        )

    def _outcome(self, job: ActivatedJob) -> CompleteJob | FailJob:
        if job.element_id == "book" and job.variables.get("fails") and job.key not in self._mended:
            self._mended.add(job.key)
            return FailJob(job.key, 0, "the ledger does not answer")
        return CompleteJob(job.key, {f"{job.element_id}Code": f"ok-{job.key}"})

    async def _mend(self) -> None:
        """Resolve every incident."""
        for incident in list(self._engine.state.incidents.values()):
            await self._engine.submit(UpdateJobRetries(incident.value.job_key, 1))
            await self._engine.submit(ResolveIncident(incident.key))


def tell(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def run(data: Path) -> None:
    """Obey orders until standard input ends."""
    engine = Engine.open(data, keep_log=True)
    await engine.start()
    server = LogServer(engine.log, stream_path(data))
    await server.start()
    payments = Payments(engine)
    await payments.begin()
    tell("ready", engine.log.epoch)
    while order := (await asyncio.to_thread(sys.stdin.readline)).split():
        what, first = order[0], int(order[1])
        try:
            if what == "huge":
                position = await payments.pay(first, first + 1, huge=HUGE)
            else:
                position = await payments.pay(first, int(order[2]))
        except PheeError as error:
            tell("failed", error.code)
        else:
            tell("paid", position)
    await server.stop()
    await engine.close()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        arm(Failpoint(**json.loads(sys.argv[2])))
    configure_logging(level="ERROR")
    asyncio.run(run(Path(sys.argv[1])))
