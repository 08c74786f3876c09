"""The records of real payments, kept to be committed again at any rate.

A whole hub with simulated banks and scheme takes ordinary payments over HTTP, as ``bench.payments``
has it; what its record log says is kept, block by block as it was committed.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.payments import PATIENT, Completions, Load

from phee.cli.demo.rig import Rig
from phee.records import Block, ValueType
from phee.records.types import ProcessInstanceIntent

IN_FLIGHT = 96
SETTLE_S_MAX = 30.0


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit, its last position, and a payer's flow that begins in it (0: none)."""

    position: int
    block: bytes
    tenant: str = ""
    key: int = 0


class Keeping(Completions):
    """Keeps what it reads; ``first_payment`` is the position before any payment."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.commits: list[Commit] = []

    def take(self, position: int, block: bytes, decoded: Block) -> None:
        """See Completions."""
        super().take(position, block, decoded)
        self.commits.append(Commit(position, block, *_begun(decoded)))


@dataclass(frozen=True, slots=True)
class Recording:
    """The log of ``payments`` payments, after the deployments and whatever else comes first."""

    epoch: int
    partition_id: int
    prelude: list[Commit]
    commits: list[Commit]
    payments: int

    @property
    def records_per_payment(self) -> float:
        """How many positions a payment takes."""
        return (self.commits[-1].position - self.prelude[-1].position) / self.payments

    def first(self, payments: float) -> list[Commit]:
        """Return the commits of about so many payments, without the prelude."""
        end = self.prelude[-1].position + payments * self.records_per_payment
        return [commit for commit in self.commits if commit.position <= end]


async def record(payments: int) -> Recording:
    """Have a hub take at least ``payments`` payments, and return its log."""
    rig = Rig.on_free_ports(Path(tempfile.mkdtemp(prefix="phee-bench-")))
    try:
        await rig.start()
        await rig.make_world(PATIENT)
        keeping = Keeping(rig.settings.data)
        keeping.start()
        load = Load(rig.settings.http_url, keeping, IN_FLIGHT)
        while len(load.accepted) < payments:
            await load.run(time.monotonic() + 1.0)
        await _completed(keeping, len(load.accepted))
        keeping.end()
    finally:
        await rig.stop()
    began = next(number for number, commit in enumerate(keeping.commits) if commit.key)
    return Recording(
        keeping.lane.epoch,
        keeping.lane.partition_id,
        keeping.commits[:began],
        keeping.commits[began:],
        len(load.accepted),
    )


async def _completed(keeping: Keeping, payments: int) -> None:
    deadline = time.monotonic() + SETTLE_S_MAX
    while len(keeping.completed_ms) < payments:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{payments - len(keeping.completed_ms)} payments do not complete")
        await asyncio.sleep(0.1)


def _begun(decoded: Block) -> tuple[str, int]:
    for one in decoded.select({ValueType.PROCESS_INSTANCE}):
        value = one.value
        if (
            value.bpmn_element_type == "PROCESS"
            and value.bpmn_process_id.startswith("PayerFundTransfer-")
            and one.intent == ProcessInstanceIntent.ELEMENT_ACTIVATED
        ):
            return value.tenant_id, one.key
    return "", 0
