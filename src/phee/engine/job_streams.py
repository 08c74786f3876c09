"""Who gets jobs pushed: streams by job type, each with as many jobs as it can hold.

Invariant: ``0 <= active``; a stream is offered a job only while ``active < max_active``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phee.commands import ActivatedJob
    from phee.engine.jobs import Job


class JobStream:
    """A standing wish for jobs of one type.

    ``active`` counts the jobs that were given to it and are not yet :meth:`done`.
    """

    __slots__ = (
        "_on_close",
        "_on_credit",
        "active",
        "closed",
        "deliver",
        "fetch_variables",
        "max_active",
        "tenant_ids",
        "timeout_ms",
        "type",
        "worker",
    )

    def __init__(
        self,
        type: str,  # noqa: A002 - Zeebe's name
        worker: str,
        timeout_ms: int,
        tenant_ids: Sequence[str],
        fetch_variables: Sequence[str],
        max_active: int,
        deliver: Callable[[list[ActivatedJob]], None],
        *,
        on_credit: Callable[[JobStream], None],
        on_close: Callable[[JobStream], None],
    ) -> None:
        self.type = type
        self.worker = worker
        self.timeout_ms = timeout_ms
        self.tenant_ids = tuple(tenant_ids)
        self.fetch_variables = tuple(fetch_variables)
        self.max_active = max_active
        self.deliver = deliver
        self.active = 0
        self.closed = False
        self._on_credit = on_credit
        self._on_close = on_close

    @property
    def credit(self) -> int:
        """How many more jobs it takes."""
        return 0 if self.closed else self.max_active - self.active

    def done(self, count: int = 1) -> None:
        """Say that ``count`` delivered jobs are off this stream's hands: as many may follow."""
        self.active = max(0, self.active - count)
        if not self.closed:
            self._on_credit(self)

    def close(self) -> None:
        """Take no more jobs; those not yet delivered go back to the queue."""
        if not self.closed:
            self.closed = True
            self._on_close(self)


class JobStreams:
    """The open streams by job type, served in turn."""

    def __init__(self) -> None:
        self._by_type: dict[str, list[JobStream]] = {}

    def add(self, stream: JobStream) -> None:
        """Serve a stream from now on."""
        self._by_type.setdefault(stream.type, []).append(stream)

    def remove(self, stream: JobStream) -> None:
        """Serve a stream no more."""
        same = self._by_type.get(stream.type, [])
        if stream in same:
            same.remove(stream)
        if not same:
            self._by_type.pop(stream.type, None)

    def taker(self, job: Job) -> JobStream | None:
        """Return the stream whose turn it is and that takes ``job``, if any does."""
        same = self._by_type.get(job.type)
        if not same:
            return None
        for index, stream in enumerate(same):
            if stream.active < stream.max_active and job.tenant_id in stream.tenant_ids:
                same.append(same.pop(index))
                return stream
        return None

    def count(self, job_type: str) -> int:
        """Return how many streams of a type are open."""
        return len(self._by_type.get(job_type, ()))
