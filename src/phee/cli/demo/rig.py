"""A hub with simulated banks and a scheme around it, every process supervised.

What the demo, the benches and the end-to-end tests run on.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Self

from phee.cli.data_directory import DataDirectory
from phee.cli.demo.ports import free_ports
from phee.cli.demo.world import (
    BANKS,
    DEFAULT_PACE,
    Pace,
    account_seeds,
    participant_seed,
    party_seeds,
)
from phee.cli.hub_api import HubApi
from phee.cli.settings import Settings, load_settings
from phee.cli.supervisor import ProcessSpec, Supervisor
from phee.cli.up import environment_of, hub_processes, require_hub_ports


class Rig:
    """Hub, importers and simulators on one data directory.

    Attributes:
        settings: of the hub; its outside systems are the simulators.
        simulators_port: of the ledger and the scheme.
        supervisor: starts, watches and ends the processes.
        pace: how long everybody waits.
    """

    def __init__(self, settings: Settings, simulators_port: int, pace: Pace = DEFAULT_PACE) -> None:
        url = f"http://127.0.0.1:{simulators_port}"
        expiry_ms = pace.quote_expiry_ms
        outside = {"ledger_url": url, "scheme_url": url, "quote_expiry_ms": expiry_ms}
        self.pace = pace
        self.settings = settings.model_copy(update=outside)
        self.simulators_port = simulators_port
        self.supervisor = Supervisor(
            [*hub_processes(self.settings), self._simulators()],
            settings.data / "logs",
            environment_of(self.settings),
        )
        self._directory = DataDirectory(settings.data)

    @classmethod
    def on_free_ports(cls, data: Path, pace: Pace = DEFAULT_PACE) -> Self:
        """Return a rig on ports that nobody uses now."""
        http, grpc, simulators, importer, *_ = free_ports(6)  # importers and exporter: three
        settings = load_settings(data=data, http_port=http, grpc_port=grpc, importer_port=importer)
        return cls(settings, simulators, pace)

    async def start(self) -> None:
        """Start every process and return when all are ready.

        Raises:
            phee.errors.InvalidState: a port is taken, or another hub has the data directory.
            phee.errors.Unavailable: a process is not ready in time.
        """
        require_hub_ports(self.settings)
        self._directory.hold()
        await self.supervisor.start()
        await self.supervisor.wait_ready()

    async def make_world(self, tenant_settings: dict[str, str] | None = None) -> None:
        """Open the accounts, join the scheme, onboard the tenants. Repeating it changes nothing."""
        await asyncio.to_thread(self._make_world, tenant_settings or self.pace.tenant_settings)

    async def stop(self) -> None:
        """End every process."""
        await self.supervisor.stop()
        self._directory.release()

    def _make_world(self, tenant_settings: dict[str, str]) -> None:
        hub, simulators = HubApi(self.settings.http_port), HubApi(self.simulators_port)
        for bank in BANKS:
            simulators.post("/ledger/accounts", account_seeds(bank))
            simulators.post(
                "/scheme/participants", [participant_seed(bank, self.settings.http_url)]
            )
            simulators.post("/scheme/parties", party_seeds(bank))
            tenant = {"id": bank.tenant, "name": bank.name, "settings": tenant_settings}
            hub.post("/api/v1/tenants", tenant)

    def _simulators(self) -> ProcessSpec:
        arguments = (
            *("--data", str(self.settings.data / "simulators")),
            *("--port", str(self.simulators_port)),
            *("--late-ms", str(self.pace.late_ms)),
        )
        return ProcessSpec("simulators", "phee.simulators", arguments, self.simulators_port)
