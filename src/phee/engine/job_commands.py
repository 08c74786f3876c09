"""The commands of workers: take, complete, fail, throw at and update jobs; and what time does.

Refusals are Zeebe's, word for word (reference: RPC semantics).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from phee.commands import Done
from phee.engine import codes, lifecycle
from phee.engine.errors_thrown import catcher_of, throw_to, uncaught
from phee.engine.incidents import JOB_NO_RETRIES, Failure, raise_incident
from phee.engine.job_events import activate, make_activatable, push, remove_job
from phee.engine.jobs import ACTIVATABLE, ACTIVATED, ERROR_THROWN, FAILED, STATE_NAMES, Job
from phee.engine.schedule import TIME_MAX_MS
from phee.engine.triggering import keep_trigger
from phee.engine.variables import EMPTY, Document, set_all_local
from phee.records.values import JobBatchValue, JobValue

if TYPE_CHECKING:
    from phee.commands import (
        ActivatedJob,
        ActivateJobs,
        CompleteJob,
        FailJob,
        ThrowError,
        UpdateJobRetries,
    )
    from phee.engine.core import Core
    from phee.engine.instances import ElementInstance
    from phee.engine.job_streams import JobStream

ERROR_MESSAGE_CHARACTERS_MAX = 10_000
BATCH_BYTES_MAX = 4 * 1024 * 1024
"""A batch whose variables are larger is cut (and says so)."""


def activate_jobs(core: Core, command: ActivateJobs) -> None:
    """Process ActivateJobs: take the oldest jobs of a type."""
    value = JobBatchValue(
        command.type,
        command.worker,
        command.timeout_ms,
        command.max_jobs,
        tenant_ids=list(command.tenant_ids),
    )
    core.begin(-1, codes.JOB_BATCH, codes.JOB_BATCH_ACTIVATE, value)
    reason = _activation_refusal(command)
    if reason is not None:
        core.refuse(
            "ACTIVATE",
            -1,
            codes.JOB_BATCH,
            codes.JOB_BATCH_ACTIVATE,
            value,
            codes.INVALID_ARGUMENT,
            reason,
        )
        return
    handed: list[ActivatedJob] = []
    activated = JobBatchValue(
        command.type,
        command.worker,
        command.timeout_ms,
        command.max_jobs,
        [],
        [],
        False,
        list(command.tenant_ids),
    )
    queues, size = core.state.queues, 0
    names = tuple(command.fetch_variables)
    while len(handed) < command.max_jobs:
        job = queues.first(command.type, command.tenant_ids)
        if job is None:
            break
        queues.discard(job)
        record, given = activate(core, job, command.worker, command.timeout_ms, names)
        activated.job_keys.append(job.key)
        activated.jobs.append(record)
        handed.append(given)
        size += len(bytes(record.variables))  # type: ignore[arg-type]
        if size >= BATCH_BYTES_MAX:
            activated.truncated = True
            break
    core.event(core.next_key(), codes.JOB_BATCH, codes.JOB_BATCH_ACTIVATED, activated)
    core.answer(handed)


def _activation_refusal(command: ActivateJobs) -> str | None:
    if not command.type.strip():
        return "Expected to activate job batch with type to be present, but it was blank"
    if command.timeout_ms < 1:
        return (
            "Expected to activate job batch with timeout to be greater than zero, but it was"
            f" '{command.timeout_ms}'"
        )
    if command.max_jobs < 1:
        return (
            "Expected to activate job batch with max jobs to activate to be greater than zero,"
            f" but it was '{command.max_jobs}'"
        )
    return None


def refill_stream(core: Core, stream: JobStream) -> None:
    """Give a stream the queued jobs it has room for (when it opens, or has room again)."""
    jobs: list[Job] = []
    queues = core.state.queues
    while len(jobs) < stream.credit:
        job = queues.first(stream.type, stream.tenant_ids)
        if job is None:
            break
        queues.discard(job)
        jobs.append(job)
    if jobs:
        value = JobBatchValue(
            stream.type,
            stream.worker,
            stream.timeout_ms,
            len(jobs),
            tenant_ids=list(stream.tenant_ids),
        )
        core.begin(-1, codes.JOB_BATCH, codes.JOB_BATCH_ACTIVATE, value)
        push(core, stream, jobs)


def _live(
    core: Core,
    name: str,
    verb: str,
    job_key: int,
    intent: int,
    value: JobValue,
    states: tuple[int, ...],
) -> tuple[Job, ElementInstance] | None:
    job = core.state.jobs.get(job_key)
    if job is not None and job.state in states:
        element = core.state.element_of(job.instance_key, job.element_instance_key)
        assert element is not None, f"job {job_key} without its element"
        if not element.instance.banned:
            return job, element
        job = None
    if job is None:
        kind = codes.NOT_FOUND
        reason = f"Expected to {verb} job with key '{job_key}', but no such job was found"
    else:
        kind = codes.INVALID_STATE
        state = STATE_NAMES[job.state]
        reason = f"Expected to {verb} job with key '{job_key}', but it is in state '{state}'"
    core.refuse(name, job_key, codes.JOB, intent, value, kind, reason)
    return None


_OPEN = (ACTIVATABLE, ACTIVATED)
_ANY = (ACTIVATABLE, ACTIVATED, FAILED, ERROR_THROWN)


def complete_job(core: Core, wish: tuple[CompleteJob, Document]) -> None:
    """Process CompleteJob."""
    command, document = wish
    key = command.job_key
    value = JobValue(variables=document.raw)
    core.begin(key, codes.JOB, codes.JOB_COMPLETE, value)
    found = _live(core, "COMPLETE", "complete", key, codes.JOB_COMPLETE, value, _OPEN)
    if found is None:
        return
    job, element = found
    core.event(key, codes.JOB, codes.JOB_COMPLETED, job.record(element, document.raw))
    core.answer(Done(key, core.position))
    core.state.stats.jobs["completed", job.type] += 1
    core.state.stats.job_life_ms.add(core.now - job.created_at)
    remove_job(core, job, element)
    keep_trigger(core, element, document)
    lifecycle.issue_completion(core, element)


def fail_job(core: Core, wish: tuple[FailJob, Document]) -> None:
    """Process FailJob: again at once, after a back-off, or not before someone helps."""
    command, document = wish
    key = command.job_key
    message = command.error_message[:ERROR_MESSAGE_CHARACTERS_MAX]
    value = JobValue(
        retries=command.retries,
        retry_backoff=command.retry_backoff_ms,
        error_message=message,
        variables=document.raw,
    )
    core.begin(key, codes.JOB, codes.JOB_FAIL, value)
    found = _live(core, "FAIL", "fail", key, codes.JOB_FAIL, value, _OPEN)
    if found is None:
        return
    job, element = found
    core.state.unqueue_job(job)
    job.retries, job.error_message = command.retries, message
    job.backoff_ms = command.retry_backoff_ms
    waits = command.retries > 0 and command.retry_backoff_ms > 0
    job.recurring_at = min(core.now + command.retry_backoff_ms, TIME_MAX_MS) if waits else -1
    job.state = FAILED
    core.dirty(job)
    core.event(key, codes.JOB, codes.JOB_FAILED, job.record(element, document.raw))
    core.answer(Done(key, core.position))
    core.state.stats.jobs["failed", job.type] += 1
    if document.values:
        set_all_local(core, element, document.values)
    if waits:
        core.state.job_backoffs.add(job.recurring_at, key, job)
    elif command.retries > 0:
        make_activatable(core, job)
    else:
        failure = Failure(JOB_NO_RETRIES, message or "No more retries left.")
        raise_incident(core, element, failure, key)


def throw_error(core: Core, wish: tuple[ThrowError, Document]) -> None:
    """Process ThrowError: the innermost catching boundary event takes over, or an incident."""
    command, document = wish
    key, code = command.job_key, command.error_code
    message = command.error_message[:ERROR_MESSAGE_CHARACTERS_MAX]
    value = JobValue(error_code=code, error_message=message, variables=document.raw)
    core.begin(key, codes.JOB, codes.JOB_THROW_ERROR, value)
    verb = "throw an error for"
    found = _live(core, "THROW_ERROR", verb, key, codes.JOB_THROW_ERROR, value, _OPEN)
    if found is None:
        return
    job, element = found
    catcher = catcher_of(core, element, code)
    core.state.unqueue_job(job)
    job.error_code, job.error_message = code, message
    job.state = ERROR_THROWN
    if catcher is None:
        job.element_id = "NO_CATCH_EVENT_FOUND"
    core.dirty(job)
    core.event(key, codes.JOB, codes.JOB_ERROR_THROWN, job.record(element, document.raw))
    core.answer(Done(key, core.position))
    core.state.stats.jobs["error thrown", job.type] += 1
    if catcher is None:
        failure = uncaught(core, element, code, message)
        raise_incident(core, element, failure, key, job.element_id)
        return
    remove_job(core, job, element)
    throw_to(core, catcher, document)


def update_retries(core: Core, command: UpdateJobRetries) -> None:
    """Process UpdateJobRetries."""
    key = command.job_key
    value = JobValue(retries=command.retries, variables=EMPTY.raw)
    core.begin(key, codes.JOB, codes.JOB_UPDATE_RETRIES, value)
    verb, name = "update retries for", "UPDATE_RETRIES"
    if command.retries < 1:
        reason = (
            f"Expected to update retries for job with key '{key}' with a positive amount of"
            f" retries, but the amount given was '{command.retries}'"
        )
        intent = codes.JOB_UPDATE_RETRIES
        core.refuse(name, key, codes.JOB, intent, value, codes.INVALID_ARGUMENT, reason)
        return
    found = _live(core, name, verb, key, codes.JOB_UPDATE_RETRIES, value, _ANY)
    if found is None:
        return
    job, element = found
    job.retries = command.retries
    core.dirty(job)
    core.event(key, codes.JOB, codes.JOB_RETRIES_UPDATED, job.record(element))
    core.answer(Done(key, core.position))


def time_out(core: Core, key: int) -> None:
    """Process JOB.TIME_OUT: the worker had its time."""
    job = core.state.jobs.get(key)
    if job is None:
        return
    element = core.state.element_of(job.instance_key, job.element_instance_key)
    assert element is not None, f"job {job.key} without its element"
    core.begin(job.key, codes.JOB, codes.JOB_TIME_OUT, job.record(element))
    core.state.unqueue_job(job)
    core.event(job.key, codes.JOB, codes.JOB_TIMED_OUT, job.record(element))
    core.state.stats.jobs["timed out", job.type] += 1
    make_activatable(core, job)


def recur(core: Core, key: int) -> None:
    """Process JOB.RECUR_AFTER_BACKOFF."""
    job = core.state.jobs.get(key)
    if job is None:
        return
    element = core.state.element_of(job.instance_key, job.element_instance_key)
    assert element is not None, f"job {job.key} without its element"
    core.begin(job.key, codes.JOB, codes.JOB_RECUR, job.record(element))
    core.state.unqueue_job(job)
    core.event(job.key, codes.JOB, codes.JOB_RECURRED, job.record(element))
    make_activatable(core, job)


def yield_job(core: Core, job_key: int) -> None:
    """Process JOB.YIELD: a pushed job that could not be delivered is offered again."""
    value = JobValue(variables=EMPTY.raw)
    core.begin(job_key, codes.JOB, codes.JOB_YIELD, value)
    found = _live(core, "YIELD", "yield", job_key, codes.JOB_YIELD, value, (ACTIVATED,))
    if found is None:
        return
    job, element = found
    core.state.unqueue_job(job)
    core.event(job_key, codes.JOB, codes.JOB_YIELDED, job.record(element))
    make_activatable(core, job)
