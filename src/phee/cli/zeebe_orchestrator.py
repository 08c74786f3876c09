"""The orchestrator elsewhere: a Zeebe cluster, which this hub is a client of."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry

from phee.cli.orchestrator import ReadMetrics, Running
from phee.cli.settings import Settings
from phee.errors import NotSupported, PheeError
from phee.gateway.client import OrchestratorClient
from phee.gateway.zeebe import ZeebeClient, parse_zeebe_address
from phee.records import DEFAULT_TENANT
from phee.tenants import TenantRegistry

LOOK_EVERY_S = 2.0


class ZeebeOrchestrator:
    """Implements :class:`phee.cli.orchestrator.Orchestrator` on a cluster of others.

    The cluster itself refuses what is too much for it, and shows its own metrics.
    """

    intake_limited_by: str | None = None

    def __init__(self, settings: Settings, tenants: TenantRegistry) -> None:
        address = parse_zeebe_address(settings.orchestrator)
        self._zeebe = ZeebeClient(
            address,
            settings.data,
            tenant_known=lambda tenant_id: (
                tenant_id == DEFAULT_TENANT or tenants.find(tenant_id) is not None
            ),
        )
        self._trouble: str | None = "the Zeebe cluster was not asked yet"
        self.address = str(address)
        self.client: OrchestratorClient = self._zeebe
        self.epoch = address.epoch

    async def start(self, running: AsyncExitStack, registry: CollectorRegistry) -> None:  # noqa: ARG002
        """See Orchestrator."""
        running.push_async_callback(self._zeebe.close)
        watching = asyncio.create_task(self._watch(), name="watch Zeebe")
        running.callback(watching.cancel)

    def metrics(self) -> Sequence[ReadMetrics]:
        """See Orchestrator; the cluster's own metrics are at the cluster."""
        return ()

    def serves(self, job_type: str) -> bool:
        """See Orchestrator; the workers that others connect to a cluster cannot be seen."""
        return job_type in self._zeebe.open_job_types()

    def trouble(self) -> str | None:
        """See Orchestrator."""
        return self._trouble

    def log_place(self) -> None:
        """See Orchestrator; a cluster does not tell how far it is."""

    async def running_instances(self) -> Running:
        """See Orchestrator.

        Raises:
            NotSupported: always; Zeebe has no such question.
        """
        raise NotSupported(
            "a Zeebe cluster does not tell what runs on it",
            where=self.address,
            fix="Compare the stores alone",
        )

    async def _watch(self) -> None:
        while True:
            try:
                self._trouble = await self._zeebe.trouble()
            except PheeError as error:
                self._trouble = f"the Zeebe cluster does not answer: {error.what}"
            await asyncio.sleep(LOOK_EVERY_S)
