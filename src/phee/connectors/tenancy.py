"""Whose job it is."""

from __future__ import annotations

from phee.errors import InvalidInput
from phee.records import DEFAULT_TENANT
from phee.workers import Job


def tenant_of(job: Job, tenant_variable: str | None) -> str:
    """The tenant of a job: by its deployment or, where that has none, by the variable ``tenantId``.

    Raises:
        InvalidInput: neither says.
    """
    if job.tenant_id != DEFAULT_TENANT:
        return job.tenant_id
    if tenant_variable:
        return tenant_variable
    raise InvalidInput(
        "nothing says whose payment this is",
        where=f"element {job.element_id} of {job.bpmn_process_id}",
        fix="Deploy the drawing for a tenant, or set the variable tenantId",
    )
