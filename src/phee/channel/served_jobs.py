"""A drawing whose jobs nobody works on parks payments for ever, so it is refused at deployment."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Protocol

from phee.errors import InvalidState


class DrawnProcess(Protocol):
    """What the check needs of a compiled process (:class:`phee.bpmn.model.Process` has it)."""

    id: str

    @property
    def job_types(self) -> AbstractSet[str]:
        """Every job type the drawing names as static text."""


class JobTypeNotServed(InvalidState):
    """A drawing needs jobs that no worker of this hub does."""

    code = "job-type-not-served"


def unserved_job_types(
    processes: Iterable[DrawnProcess], is_served: Callable[[str], bool]
) -> dict[str, list[str]]:
    """Return the job types nobody serves, sorted, with the ids of the processes that need them."""
    missing: dict[str, list[str]] = {}
    for process in processes:
        for job_type in process.job_types:
            if not is_served(job_type):
                missing.setdefault(job_type, []).append(process.id)
    return dict(sorted(missing.items()))


def require_served_jobs(
    processes: Iterable[DrawnProcess],
    served: AbstractSet[str] | Callable[[str], bool],
    *,
    force: bool = False,
) -> None:
    """Accept drawings whose job types are all served; ``force`` accepts any.

    ``served`` is a set of job types, or a function that says whether one is served.

    Raises:
        JobTypeNotServed: a payment would wait for ever; names the job types and processes.
    """
    if force:
        return
    is_served = served if callable(served) else served.__contains__
    missing = unserved_job_types(processes, is_served)
    if missing:
        named = "; ".join(f"{job_type} (in {', '.join(ids)})" for job_type, ids in missing.items())
        raise JobTypeNotServed(
            f"Nobody serves these job types: {named}",
            fix="Correct the type, start a worker for it, or force the deployment",
        )
