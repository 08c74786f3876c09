"""How a job ends, decided from what its handler returned or raised (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from phee.errors import InvalidInput
from phee.workers.failures import BpmnError, JobFailed
from phee.workers.handler import JobHandler
from phee.workers.job import Job

MESSAGE_LENGTH_MAX = 2_000
"""Characters of an error text that go into the flow's history."""


@dataclass(frozen=True, slots=True)
class Completed:
    """Go on in the flow with ``variables``."""

    variables: Mapping[str, Any]
    action: str = "completed"


@dataclass(frozen=True, slots=True)
class Failed:
    """Give the job back; with no retries left an incident asks people for help."""

    retries: int
    message: str
    backoff_ms: int = 0
    variables: Mapping[str, Any] = field(default_factory=dict)
    action: str = "failed"


@dataclass(frozen=True, slots=True)
class Thrown:
    """Go on where the drawing catches ``error_code``."""

    error_code: str
    message: str
    variables: Mapping[str, Any]
    action: str = "error_thrown"


Outcome = Completed | Failed | Thrown


def outcome_of(error: Exception, job: Job, handler: JobHandler) -> Outcome:
    """How ``job`` ends when its handler raised ``error``.

    A wrong input stays wrong on every try, so it raises an incident at once; anything else is
    tried again after a growing wait, as long as tries are left.
    """
    if isinstance(error, BpmnError):
        return Thrown(error.error_code, error.message, error.variables)
    if isinstance(error, JobFailed):
        retries = job.retries - 1 if error.retries is None else error.retries
        wait_ms = backoff_ms(job, handler) if error.backoff_ms is None else error.backoff_ms
        return Failed(max(retries, 0), _cut(str(error)), wait_ms, error.variables)
    if isinstance(error, InvalidInput):
        return Failed(0, _cut(str(error)))
    text = f"{type(error).__name__}: {error}"
    return Failed(max(job.retries - 1, 0), _cut(text), backoff_ms(job, handler))


def backoff_ms(job: Job, handler: JobHandler) -> int:
    """The wait before the next try, counted from the retries the drawing gave the job."""
    tries_done = handler.retries - job.retries + 1
    return handler.backoff.delay_ms(tries_done, str(job.key))


def _cut(text: str) -> str:
    return text if len(text) <= MESSAGE_LENGTH_MAX else text[: MESSAGE_LENGTH_MAX - 1] + "…"
