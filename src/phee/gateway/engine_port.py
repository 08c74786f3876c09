"""What the gateway and the embedded client ask of the engine.

:class:`phee.engine.Engine` has these methods; naming them here keeps the protocol code free of
the engine's own imports, and lets a test stand in for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from phee.commands import ActivatedJob, Command


class EngineJobStream(Protocol):
    """A standing wish for jobs, pushed as they appear."""

    def done(self, count: int = 1) -> None:
        """Say that ``count`` delivered jobs are off this stream's hands: as many may follow."""

    def close(self) -> None:
        """Take no more jobs."""


class EnginePort(Protocol):
    """Commands in, durable answers out, jobs pushed."""

    async def submit(self, command: Command) -> Any:
        """The answer of ``command``, once its effect is on disk.

        Raises:
            phee.errors.PheeError: it was refused; nothing was done.
        """

    def open_job_stream(
        self,
        type: str,  # noqa: A002 - the word of the protocol
        worker: str,
        timeout_ms: int,
        tenant_ids: Sequence[str],
        fetch_variables: Sequence[str],
        max_active: int,
        deliver: Callable[[list[ActivatedJob]], None],
    ) -> EngineJobStream:
        """Push jobs of ``type`` to ``deliver``, at most ``max_active`` not yet done."""

    def on_jobs_available(self, callback: Callable[[str], None]) -> None:
        """Call ``callback`` with a job type whenever jobs of it wait for a worker."""
