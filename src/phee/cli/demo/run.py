"""``phee demo`` from beginning to end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from phee.cli.demo import proof, report
from phee.cli.demo.freshness import read_freshness
from phee.cli.demo.posting import Accepted, post_payments
from phee.cli.demo.settling import fetch_documents, fetch_transfers, settle
from phee.cli.demo.traffic import Payment, make_payments
from phee.cli.demo.world import BANKS, TENANT_SETTINGS, account_seeds
from phee.cli.hub_api import HubApi
from phee.cli.settings import Settings, load_settings
from phee.cli.supervisor import ProcessSpec, Supervisor
from phee.cli.up import IMPORTERS, export_settings, hub_processes, require_free, stop_signal

SETTLE_TIMEOUT_S = 180.0
LATE_MS = 4_000
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
    """Run the demo; return 0 if every payment ended as it must and the money adds up."""
    folder = data or Path("data") / f"demo-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    settings = load_settings(data=folder, http_port=http_port, grpc_port=grpc_port)
    simulators_port = _free_port()
    simulators_url = f"http://127.0.0.1:{simulators_port}"
    settings = settings.model_copy(
        update={"ledger_url": simulators_url, "scheme_url": simulators_url}
    )
    require_free([settings.http_port, settings.grpc_port, *map(settings.port_of, IMPORTERS)])
    export_settings(settings)
    demo = Demo(settings, simulators_port, make_payments(payments, seed))
    return asyncio.run(demo.run(leave=leave))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Demo:
    """One run of the demo on its own data directory."""

    def __init__(
        self, settings: Settings, simulators_port: int, payments: Sequence[Payment]
    ) -> None:
        self.settings = settings
        self.payments = payments
        self.console = Console()
        self._simulators_port = simulators_port
        self.supervisor = Supervisor(
            [*hub_processes(settings), self._simulators()], settings.data / "logs"
        )

    async def run(self, *, leave: bool) -> int:
        """Start everything, post the payments, prove and show what came out."""
        stopping = stop_signal()
        work = asyncio.create_task(self._work())
        try:
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                return 130
            faults = work.result()
            if not leave:
                self._show_addresses()
                await stopping
            return 1 if faults else 0
        finally:
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(work, return_exceptions=True)
            await self.supervisor.stop()

    async def _work(self) -> list[str]:
        await self._start()
        before = await asyncio.to_thread(proof.ledger_totals, self.settings.ledger_url)
        accepted = await self._post_and_settle()
        outcome = await asyncio.to_thread(self._read_outcome, before)
        faults = proof.prove(accepted, outcome)
        report.show(self.console, accepted, outcome)
        ports = [self.settings.port_of(kind) for kind in IMPORTERS]
        report.show_freshness(self.console, await asyncio.to_thread(read_freshness, ports))
        report.show_verdict(self.console, faults, len(accepted))
        return faults

    async def _start(self) -> None:
        started = time.monotonic()
        with self.console.status("starting the hub, its importers and the simulated banks"):
            await self.supervisor.start()
            await self.supervisor.wait_ready()
        seconds = time.monotonic() - started
        self.console.print(f"hub ready in {seconds:.1f} s, data in {self.settings.data}")
        await asyncio.to_thread(self._make_world)
        self.console.print(f"onboarded {' and '.join(TENANTS)}, deployed their flows")

    def _make_world(self) -> None:
        hub, simulators = HubApi(self.settings.http_port), HubApi(self._simulators_port)
        for bank in BANKS:
            simulators.post("/ledger/accounts", account_seeds(bank))
            simulators.post(
                "/scheme/participants",
                {
                    "fspId": bank.tenant,
                    "callbackUrl": f"{self.settings.http_url}/switch",
                    "parties": [
                        {"partyIdType": "MSISDN", "partyIdentifier": msisdn}
                        for msisdn in [*bank.customers, bank.poor_customer]
                    ],
                },
            )
            hub.post(
                "/api/v1/tenants",
                {"id": bank.tenant, "name": bank.name, "settings": TENANT_SETTINGS},
            )

    async def _post_and_settle(self) -> list[Accepted]:
        columns = (
            TextColumn("[bold]{task.description:<22}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        count = len(self.payments)
        with Progress(*columns, console=self.console) as progress:
            posting = progress.add_task("payments accepted", total=count)
            settling = progress.add_task("payments ended", total=count)
            accepted = await post_payments(
                self.settings.http_url, self.payments, accepted=lambda: progress.advance(posting)
            )

            def ended(under_way: int) -> None:
                progress.update(settling, completed=max(0, count - under_way))

            await settle(
                self.settings.http_port, TENANTS, timeout_s=SETTLE_TIMEOUT_S, progress=ended
            )
        return accepted

    def _read_outcome(self, ledger_before: list[dict[str, object]]) -> proof.Outcome:
        port = self.settings.http_port
        return proof.Outcome(
            transfers={tenant: fetch_transfers(port, tenant) for tenant in TENANTS},
            documents={tenant: fetch_documents(port, tenant) for tenant in TENANTS},
            ledger_before=ledger_before,
            ledger_after=proof.ledger_totals(self.settings.ledger_url),
        )

    def _simulators(self) -> ProcessSpec:
        arguments = (
            *("--data", str(self.settings.data / "simulators")),
            *("--port", str(self._simulators_port)),
            *("--late-ms", str(LATE_MS)),
        )
        return ProcessSpec("simulators", "phee.simulators", arguments, self._simulators_port)

    def _show_addresses(self) -> None:
        url = self.settings.http_url
        rows = [
            ("API, described", f"{url}/schema"),
            (
                "failed transfers",
                f"{url}/api/v1/transfers?status=FAILED (Platform-TenantId: rhino)",
            ),
            ("health", f"{url}/health/ready"),
            ("metrics", f"{url}/metrics"),
            ("any Zeebe client", self.settings.grpc_target),
            ("the banks' ledgers", f"{self.settings.ledger_url}/ledger/totals"),
        ]
        self.console.print()
        for what, where in rows:
            self.console.print(f"  {what:<20} {where}", highlight=False, markup=False)
        self.console.print("\nThe hub runs on; Ctrl-C ends it.", style="bold")
