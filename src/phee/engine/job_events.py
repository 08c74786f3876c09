"""What happens to jobs: created, handed out, completed, failed, thrown at, timed out.

A job that becomes available goes to an open stream of its type in the same step (JOB_BATCH
ACTIVATED on record, delivered once durable); only without one is it put in the queue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from phee.commands import ActivatedJob
from phee.engine import codes, lifecycle, variables
from phee.engine.jobs import ACTIVATABLE, ACTIVATED, Job
from phee.engine.schedule import TIME_MAX_MS
from phee.records.values import JobBatchValue, JobValue

if TYPE_CHECKING:
    from phee.engine.core import Core
    from phee.engine.instances import ElementInstance
    from phee.engine.job_streams import JobStream

NO_HEADERS: dict[str, str] = {}


def create_job(core: Core, element: ElementInstance, job_type: str, retries: int) -> None:
    """Offer a job for ``element``, which is active from then on."""
    node = element.node
    assert node.task is not None
    job = Job(
        core.next_key(),
        job_type,
        retries,
        element.instance.definition.tenant_id,
        element.instance.key,
        element.key,
        node.id,
        node.task.headers or NO_HEADERS,  # type: ignore[arg-type]
        core.now,
    )
    element.job = job
    core.state.jobs[job.key] = job
    core.dirty(job)
    core.event(job.key, codes.JOB, codes.JOB_CREATED, job.record(element))
    core.state.stats.jobs["created", job_type] += 1
    offer(core, job)
    lifecycle.to_activated(core, element)


def offer(core: Core, job: Job) -> None:
    """Hand an activatable job to a stream, or queue it and tell who polls."""
    stream = core.state.streams.taker(job)
    if stream is None:
        core.state.queues.add(job)
        core.available_types[job.type] = None
        return
    push(core, stream, [job])


def push(core: Core, stream: JobStream, jobs: list[Job]) -> None:
    """Activate ``jobs`` for a stream; they are delivered once the group is durable.

    As in Zeebe the record of a push does not carry the variables (the worker gets them).
    """
    pushed = [
        activate(core, job, stream.worker, stream.timeout_ms, stream.fetch_variables)
        for job in jobs
    ]
    value = JobBatchValue(
        stream.type,
        stream.worker,
        stream.timeout_ms,
        job_keys=[job.key for job in jobs],
        jobs=[_without_variables(record) for record, _ in pushed],
    )
    core.event(core.next_key(), codes.JOB_BATCH, codes.JOB_BATCH_ACTIVATED, value)
    stream.active += len(jobs)
    core.state.stats.jobs["pushed", stream.type] += len(jobs)
    core.pushes.setdefault(stream, []).extend(handed for _, handed in pushed)


def _without_variables(record: JobValue) -> JobValue:
    record.variables = variables.EMPTY.raw
    return record


def activate(
    core: Core, job: Job, worker: str, timeout_ms: int, names: tuple[str, ...]
) -> tuple[JobValue, ActivatedJob]:
    """Give an activatable job to ``worker``; return it for the record and for the worker."""
    state = core.state
    element = state.element_of(job.instance_key, job.element_instance_key)
    assert element is not None, f"job {job.key} without its element"
    job.state = ACTIVATED
    job.worker = worker
    job.deadline = min(core.now + timeout_ms, TIME_MAX_MS)
    state.job_deadlines.add(job.deadline, job.key, job)
    core.dirty(job)
    document = variables.document(variables.fetched(element, names))
    state.stats.jobs["activated", job.type] += 1
    state.stats.job_wait_ms.add(core.now - job.created_at)
    return job.record(element, document.raw), _handed(job, element, document)


def _handed(job: Job, element: ElementInstance, document: variables.Document) -> ActivatedJob:
    definition = element.instance.definition
    return ActivatedJob(
        job.key,
        job.type,
        job.instance_key,
        definition.bpmn_process_id,
        definition.version,
        definition.key,
        job.element_id,
        job.element_instance_key,
        job.headers,
        job.worker,
        job.retries,
        job.deadline,
        variables.stored_document(document.raw).values,
        job.tenant_id,
    )


def make_activatable(core: Core, job: Job) -> None:
    """Offer a job again (after time-out, failure, back-off, or a resolved incident)."""
    job.state = ACTIVATABLE
    core.dirty(job)
    offer(core, job)


def cancel_job(core: Core, element: ElementInstance) -> None:
    """Take the job of an element that terminates back."""
    job = element.job
    assert job is not None
    core.event(job.key, codes.JOB, codes.JOB_CANCELED, job.record(element))
    core.state.stats.jobs["canceled", job.type] += 1
    remove_job(core, job, element)


def remove_job(core: Core, job: Job, element: ElementInstance) -> None:
    """Forget a job that is done."""
    core.state.unqueue_job(job)
    del core.state.jobs[job.key]
    element.job = None
    core.dirty(element)
    core.drop(job)
