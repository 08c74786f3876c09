"""The mark of a request on an instance: a variable that says which attempt of it this is.

It goes from the instance to everything it calls, so every job shows whether its instance is the
one that the request started. No caller may set it, and no handler sees it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from phee.commands import ActivatedJob, RequestId, Variables
from phee.errors import InvalidInput

MARK = "pheeRequest"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to start ``bpmn_process_id`` for a request of a tenant; ``id`` is new each time."""

    tenant_id: str
    request: RequestId
    id: str
    bpmn_process_id: str

    def marked(self, variables: Variables) -> dict[str, Any]:
        """Return the variables of an instance that this attempt starts."""
        mark = {
            "id": self.request.id,
            "digest": self.request.digest,
            "attempt": self.id,
            "process": self.bpmn_process_id,
        }
        return {**variables, MARK: mark}


class _Mark(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    digest: str
    attempt: str
    process: str


def read_mark(job: ActivatedJob, tenant_id: str) -> Attempt | None:
    """Return the attempt that started the instance of a job; None when no request did.

    Raises:
        InvalidInput: somebody else wrote the variable.
    """
    value = job.variables.get(MARK)
    if value is None:
        return None
    try:
        mark = msgspec.convert(value, _Mark)
    except msgspec.ValidationError:
        raise InvalidInput(
            f"The variable {MARK} is not what it was at the start",
            where=f"process instance {job.process_instance_key}",
            fix=f"No drawing and no worker may write the variable {MARK}",
        ) from None
    return Attempt(tenant_id, RequestId(mark.id, mark.digest), mark.attempt, mark.process)


def unmarked(job: ActivatedJob, tenant_id: str, fetch_variables: frozenset[str]) -> ActivatedJob:
    """Return a job as its handler sees it: of its tenant, with the variables it asked for."""
    variables = {
        name: value
        for name, value in job.variables.items()
        if name != MARK and (not fetch_variables or name in fetch_variables)
    }
    return replace(job, tenant_id=tenant_id, variables=variables)


def require_no_mark(variables: Variables) -> Variables:
    """Return a caller's variables.

    Raises:
        InvalidInput: they hold the mark.
    """
    if MARK in variables:
        raise InvalidInput(
            f"The variable {MARK} is reserved", where="variables", fix="Use another name"
        )
    return variables
