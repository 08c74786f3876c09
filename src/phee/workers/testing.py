"""Run a handler on given variables, without an orchestrator: for the tests of connectors.

::

    outcome = await run_handler(block_funds, {"transactionId": "t1", ...})
    assert outcome == Completed({"transferPrepareFailed": False})
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from phee.commands import ActivatedJob
from phee.records import DEFAULT_TENANT
from phee.workers.handler import JobHandler, call, result_variables
from phee.workers.job import Job
from phee.workers.outcome import Completed, Failed, Outcome, Thrown, outcome_of

__all__ = ["Completed", "Failed", "Outcome", "Thrown", "job_for", "run_handler"]

_FAR_FUTURE_MS = 4_102_444_800_000  # 2100-01-01


def job_for(
    handler: JobHandler,
    variables: Mapping[str, Any],
    *,
    key: int = 2251799813685250,
    tenant_id: str = DEFAULT_TENANT,
    headers: Mapping[str, str] | None = None,
    retries: int | None = None,
) -> Job:
    """A job for ``handler``, as a worker would hand it over."""
    wanted = handler.fetch_variables or tuple(variables)
    return Job(
        ActivatedJob(
            key=key,
            type=handler.type,
            process_instance_key=key - 1,
            bpmn_process_id="test",
            process_definition_version=1,
            process_definition_key=key - 2,
            element_id="task",
            element_instance_key=key + 1,
            custom_headers=headers or {},
            worker="test",
            retries=handler.retries if retries is None else retries,
            deadline=_FAR_FUTURE_MS,
            variables={name: variables[name] for name in wanted if name in variables},
            tenant_id=tenant_id,
        )
    )


async def run_handler(
    handler: JobHandler, variables: Mapping[str, Any], **job_options: Any
) -> Outcome:
    """How a job of ``handler`` with ``variables`` ends; see :func:`job_for` for the options.

    Exceptions become outcomes by the worker's own rules.
    """
    job = job_for(handler, variables, **job_options)
    try:
        return Completed(result_variables(await call(handler, job, asyncio.to_thread)))
    except Exception as error:  # noqa: BLE001 - exactly what a worker does
        return outcome_of(error, job, handler)
