"""``phee demo`` from beginning to end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from phee.cli.demo import proof, report
from phee.cli.demo.freshness import read_freshness
from phee.cli.demo.ports import free_ports
from phee.cli.demo.posting import Accepted, post_payments
from phee.cli.demo.rig import Rig
from phee.cli.demo.settling import fetch_documents, fetch_transfers, settle
from phee.cli.demo.traffic import Payment, make_payments
from phee.cli.demo.world import BANKS
from phee.cli.settings import load_settings
from phee.cli.up import IMPORTERS, orchestrator_address, stop_signal
from phee.errors import InvalidState

SETTLE_TIMEOUT_S = 180.0
INTERRUPTED = 130
TENANTS = [bank.tenant for bank in BANKS]


def run_demo(
    *,
    payments: int,
    seed: int,
    leave: bool,
    data: Path | None,
    http_port: int | None,
    grpc_port: int | None,
) -> int:
    """Run the demo; return 0 if every payment ended as it must and the money adds up.

    Raises:
        InvalidState: the data directory holds a hub already, whose payments would be counted too.
    """
    folder = data or Path("data") / f"demo-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    if (folder / "engine").exists():
        raise InvalidState(
            "the demo needs a fresh data directory",
            where=str(folder),
            fix="Leave --data out, or name a directory that is not there yet",
        )
    settings = load_settings(data=folder, http_port=http_port, grpc_port=grpc_port)
    rig = Rig(settings, free_ports(1)[0])
    return asyncio.run(Demo(rig, make_payments(payments, seed)).run(leave=leave))


class Demo:
    """One run of the demo on a rig."""

    def __init__(self, rig: Rig, payments: Sequence[Payment]) -> None:
        self.rig = rig
        self.settings = rig.settings
        self.payments = payments
        self.console = Console()

    async def run(self, *, leave: bool, afterwards: Callable[[], list[str]] | None = None) -> int:
        """Start everything, post the payments, prove and show what came out.

        ``afterwards`` may look at what runs, and returns what is wrong with it, as sentences.
        """
        stopping = stop_signal()
        work = asyncio.create_task(self._work(afterwards))
        try:
            first: list[asyncio.Future[Any]] = [work, stopping]
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                return INTERRUPTED
            faults = work.result()
            if not leave:
                self._show_addresses()
                await stopping
            return 1 if faults else 0
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            await self.rig.stop()

    async def _work(self, afterwards: Callable[[], list[str]] | None) -> list[str]:
        await self._start()
        before = await asyncio.to_thread(proof.ledger_totals, self.settings.ledger_url)
        accepted = await self._post_and_settle()
        outcome = await asyncio.to_thread(self._read_outcome, before)
        faults = proof.prove(accepted, outcome)
        report.show(self.console, accepted, outcome)
        ports = [self.settings.port_of(kind) for kind in IMPORTERS]
        report.show_freshness(self.console, await asyncio.to_thread(read_freshness, ports))
        if afterwards is not None:
            faults += await asyncio.to_thread(afterwards)
        report.show_verdict(self.console, faults, len(accepted))
        return faults

    async def _start(self) -> None:
        started = time.monotonic()
        with self.console.status("starting the hub, its importers and the simulated banks"):
            await self.rig.start()
        seconds = time.monotonic() - started
        self.console.print(f"hub ready in {seconds:.1f} s, data in {self.settings.data}")
        await self.rig.make_world()
        self.console.print(f"onboarded {' and '.join(TENANTS)}, deployed their flows")

    async def _post_and_settle(self) -> list[Accepted]:
        columns = (
            TextColumn("[bold]{task.description:<18}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        count = len(self.payments)
        with Progress(*columns, console=self.console) as progress:
            posting = progress.add_task("payments accepted", total=count)
            settling = progress.add_task("payments ended", total=count)
            accepted = await post_payments(
                self.settings.http_url,
                self.payments,
                accepted=lambda: progress.advance(posting),
                per_s=self.rig.pace.payments_per_s,
            )

            def ended(under_way: int) -> None:
                progress.update(settling, completed=max(0, count - under_way))

            await settle(
                self.settings,
                TENANTS,
                timeout_s=SETTLE_TIMEOUT_S * self.rig.pace.patience,
                progress=ended,
            )
        return accepted

    def _read_outcome(self, ledger_before: list[dict[str, Any]]) -> proof.Outcome:
        port = self.settings.http_port
        return proof.Outcome(
            transfers={tenant: fetch_transfers(port, tenant) for tenant in TENANTS},
            documents={tenant: fetch_documents(port, tenant) for tenant in TENANTS},
            ledger_before=ledger_before,
            ledger_after=proof.ledger_totals(self.settings.ledger_url),
        )

    def _show_addresses(self) -> None:
        url = self.settings.http_url
        rows = [
            ("the API, described", f"{url}/schema"),
            ("failed transfers", f"{url}/api/v1/transfers?status=FAILED  (send Platform-TenantId)"),
            ("health, metrics", f"{url}/health/ready  {url}/metrics"),
            ("the flows run on", orchestrator_address(self.settings)),
            ("the banks' ledgers", f"{self.settings.ledger_url}/ledger/totals"),
        ]
        self.console.print()
        for what, where in rows:
            self.console.print(f"  {what:<20} {where}", highlight=False, markup=False)
        self.console.print("\nThe hub runs on; Ctrl-C ends it.", style="bold")
