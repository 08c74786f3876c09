"""A job in the hands of a handler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phee.commands import ActivatedJob


class Job:
    """What a handler may know about its job.

    Attributes:
        key: the job's key, the same for all its tries.
        type: as drawn (with the tenant's suffix, if the drawing has one).
        element_id: of the task in the drawing.
        bpmn_process_id: of the drawing.
        process_instance_key: of the running instance.
        tenant_id: whose it is.
        headers: the task headers of the drawing.
        variables: what was fetched, untyped.
        retries: tries that are left, this one included.
        deadline: when another worker gets the job, in ms since 1970.
        operation_id: for calls to other systems: the same text on every try of this job, and no
            other job's; they recognise a repetition by it.
    """

    __slots__ = (
        "bpmn_process_id",
        "deadline",
        "element_id",
        "headers",
        "key",
        "operation_id",
        "process_instance_key",
        "retries",
        "tenant_id",
        "type",
        "variables",
    )

    def __init__(self, activated: ActivatedJob, operation_scope: str = "job") -> None:
        self.key = activated.key
        self.type = activated.type
        self.element_id = activated.element_id
        self.bpmn_process_id = activated.bpmn_process_id
        self.process_instance_key = activated.process_instance_key
        self.tenant_id = activated.tenant_id
        self.headers: Mapping[str, str] = activated.custom_headers
        self.variables: Mapping[str, Any] = activated.variables
        self.retries = activated.retries
        self.deadline = activated.deadline
        self.operation_id = f"{operation_scope}-{activated.key}"
