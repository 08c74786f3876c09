"""Jobs: what they hold, where they lie, and the queues of those a worker may take.

Invariants: a job is in its queue exactly while it is ACTIVATABLE; queues hand out jobs in key
order; a job belongs to a registered element instance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from phee.engine.rows import JOB_ROW, numbered
from phee.engine.variables import EMPTY
from phee.records.values import JobValue

if TYPE_CHECKING:
    from phee.engine.instances import ElementInstance

ACTIVATABLE = 0
ACTIVATED = 1
FAILED = 2
ERROR_THROWN = 4

STATE_NAMES = {ACTIVATABLE: "ACTIVATABLE", ACTIVATED: "ACTIVATED", FAILED: "FAILED"} | {
    ERROR_THROWN: "ERROR_THROWN"
}


class Job:
    """A piece of work offered to workers. Times are in ms since 1970; -1 means none."""

    __slots__ = (
        "backoff_ms",
        "created_at",
        "deadline",
        "element_id",
        "element_instance_key",
        "error_code",
        "error_message",
        "gone",
        "headers",
        "instance_key",
        "key",
        "recurring_at",
        "retries",
        "state",
        "stored",
        "tenant_id",
        "timeout_ms",
        "type",
        "worker",
    )

    def __init__(
        self,
        key: int,
        type: str,  # noqa: A002 - Zeebe's name
        retries: int,
        tenant_id: str,
        instance_key: int,
        element_instance_key: int,
        element_id: str,
        headers: dict[str, str],
        created_at: int,
    ) -> None:
        self.key = key
        self.type = type
        self.retries = retries
        self.tenant_id = tenant_id
        self.instance_key = instance_key
        self.element_instance_key = element_instance_key
        self.element_id = element_id
        self.headers = headers
        self.created_at = created_at
        self.state = ACTIVATABLE
        self.worker = ""
        self.deadline = -1
        self.timeout_ms = -1
        self.backoff_ms = 0
        self.recurring_at = -1
        self.error_message = ""
        self.error_code = ""
        self.stored = False
        self.gone = False

    def row_key(self) -> bytes:
        """Return where it lies."""
        return numbered(JOB_ROW, self.key)

    def row(self) -> tuple[Any, ...]:
        """Return what lies there."""
        return (
            self.key,
            self.type,
            self.retries,
            self.tenant_id,
            self.instance_key,
            self.element_instance_key,
            self.element_id,
            self.headers,
            self.created_at,
            self.state,
            self.worker,
            self.deadline,
            self.timeout_ms,
            self.backoff_ms,
            self.recurring_at,
            self.error_message,
            self.error_code,
        )

    @classmethod
    def load(cls, row: Any) -> Job:
        """Return the job of a row."""
        job = cls(*row[:9])
        job.state, job.worker, job.deadline, job.timeout_ms = row[9:13]
        job.backoff_ms, job.recurring_at, job.error_message, job.error_code = row[13:17]
        job.stored = True
        return job

    def record(self, element: ElementInstance, variables: Any = EMPTY.raw) -> JobValue:
        """Return the value of a JOB record about this job as it is now."""
        definition = element.instance.definition
        return JobValue(
            self.type,
            self.worker,
            self.retries,
            self.deadline,
            self.timeout_ms,
            self.backoff_ms,
            self.recurring_at,
            self.error_message,
            self.error_code,
            self.headers,
            variables,
            self.element_id,
            self.element_instance_key,
            definition.bpmn_process_id,
            definition.version,
            definition.key,
            self.instance_key,
            "BPMN_ELEMENT",
            self.tenant_id,
        )


class JobQueue:
    """The activatable jobs of one type and tenant, in key order."""

    __slots__ = ("_heap", "_jobs")

    def __init__(self) -> None:
        self._heap: list[int] = []
        self._jobs: dict[int, Job] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: Job) -> None:
        """Offer a job."""
        if job.key not in self._jobs:
            self._jobs[job.key] = job
            heappush(self._heap, job.key)

    def discard(self, job: Job) -> None:
        """Take a job out, wherever it stands."""
        if self._jobs.pop(job.key, None) is not None and len(self._heap) > 2 * len(self._jobs) + 64:
            self._heap = sorted(self._jobs)

    def first(self) -> Job | None:
        """Return the job that is next, and leave it in."""
        heap, jobs = self._heap, self._jobs
        while heap:
            job = jobs.get(heap[0])
            if job is not None:
                return job
            heappop(heap)
        return None


class JobQueues:
    """The queues of all types and tenants."""

    __slots__ = ("_queues",)

    def __init__(self) -> None:
        self._queues: dict[str, dict[str, JobQueue]] = {}

    def add(self, job: Job) -> None:
        """Offer a job."""
        by_tenant = self._queues.setdefault(job.type, {})
        queue = by_tenant.get(job.tenant_id)
        if queue is None:
            queue = by_tenant[job.tenant_id] = JobQueue()
        queue.add(job)

    def discard(self, job: Job) -> None:
        """Take a job out; empty queues are forgotten, since types may be computed names."""
        by_tenant = self._queues.get(job.type)
        if by_tenant is None or (queue := by_tenant.get(job.tenant_id)) is None:
            return
        queue.discard(job)
        if not queue:
            del by_tenant[job.tenant_id]
            if not by_tenant:
                del self._queues[job.type]

    def count(self, job_type: str, tenant_ids: Iterable[str]) -> int:
        """Return how many jobs wait for a worker."""
        by_tenant = self._queues.get(job_type)
        return sum(len(by_tenant[t]) for t in tenant_ids if t in by_tenant) if by_tenant else 0

    def first(self, job_type: str, tenant_ids: Iterable[str]) -> Job | None:
        """Return the oldest job of these tenants, and leave it in."""
        by_tenant = self._queues.get(job_type)
        if by_tenant is None:
            return None
        heads = [
            job for t in tenant_ids if t in by_tenant and (job := by_tenant[t].first()) is not None
        ]
        return min(heads, key=lambda job: job.key) if heads else None

    def __iter__(self) -> Iterator[str]:
        return iter(self._queues)
