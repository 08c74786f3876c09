"""What a hub needs of whatever runs its flows: the engine in its own process, or a Zeebe cluster.

The one place that reads the line ``PHEE_ORCHESTRATOR``; nothing else in a hub knows which it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from phee.cli.settings import Settings
from phee.exporter.watch import ConsumerLag
from phee.gateway.client import OrchestratorClient
from phee.tenants import TenantRegistry

ReadMetrics = Callable[[], Iterable[Metric]]


@dataclass(frozen=True, slots=True)
class LogPlace:
    """How far a record log is, and who reads it how far behind."""

    partition_id: int
    durable_position: int
    readers: Sequence[ConsumerLag]


@dataclass(frozen=True, slots=True)
class Running:
    """The keys of the instances that run, by tenant and process id, as of a position."""

    partition_id: int
    position: int
    groups: Mapping[tuple[str, str], Sequence[int]]


class Orchestrator(Protocol):
    """Runs flows. Made without effect; it works from :meth:`start` on.

    Attributes:
        address: where it is, as one would say it.
        client: sends it commands and takes its jobs.
        epoch: the life of its data; keys are unique within it.
        intake_limited_by: why new payments are refused for a while; None when they are not.
    """

    address: str
    client: OrchestratorClient
    epoch: int
    intake_limited_by: str | None

    async def start(self, running: AsyncExitStack, registry: CollectorRegistry) -> None:
        """Begin to work; what must be undone at the end goes onto ``running``."""

    def metrics(self) -> Sequence[ReadMetrics]:
        """Return what reads its metrics."""

    def serves(self, job_type: str) -> bool:
        """Return whether workers other than this hub's own are known to take jobs of this type."""

    def trouble(self) -> str | None:
        """Return why it cannot work now; None when it can."""

    def log_place(self) -> LogPlace | None:
        """Return how far its record log is; None when it has none that can be seen from here."""

    async def running_instances(self) -> Running:
        """Return what runs now.

        Raises:
            NotSupported: this orchestrator does not tell.
        """


def open_orchestrator(settings: Settings, tenants: TenantRegistry) -> Orchestrator:
    """Return the orchestrator that the settings name.

    Raises:
        InvalidInput: its address is malformed.
    """
    if settings.is_embedded:
        from phee.cli.embedded_orchestrator import EmbeddedOrchestrator

        return EmbeddedOrchestrator(settings, tenants)
    from phee.cli.zeebe_orchestrator import ZeebeOrchestrator

    return ZeebeOrchestrator(settings, tenants)
