"""Jobs as messages, and messages as jobs."""

from __future__ import annotations

import msgspec

from phee.commands import ActivatedJob
from phee.gateway.proto import gateway_pb2 as pb
from phee.gateway.variables import write_variables

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""The largest message either side takes, as everywhere in this protocol."""

_FRAME_BYTES = 16
"""What a job costs besides itself in a list of jobs: tag and length, rounded up."""

_decode = msgspec.json.Decoder().decode


def job_message(job: ActivatedJob) -> pb.ActivatedJob:
    """``job`` as it goes over the wire."""
    return pb.ActivatedJob(
        key=job.key,
        type=job.type,
        processInstanceKey=job.process_instance_key,
        bpmnProcessId=job.bpmn_process_id,
        processDefinitionVersion=job.process_definition_version,
        processDefinitionKey=job.process_definition_key,
        elementId=job.element_id,
        elementInstanceKey=job.element_instance_key,
        customHeaders=write_variables(job.custom_headers),
        worker=job.worker,
        retries=job.retries,
        deadline=job.deadline,
        variables=write_variables(job.variables),
        tenantId=job.tenant_id,
    )


def job_from_message(message: pb.ActivatedJob) -> ActivatedJob:
    """The job in ``message``; a gateway older than tenants leaves the tenant empty."""
    return ActivatedJob(
        key=message.key,
        type=message.type,
        process_instance_key=message.processInstanceKey,
        bpmn_process_id=message.bpmnProcessId,
        process_definition_version=message.processDefinitionVersion,
        process_definition_key=message.processDefinitionKey,
        element_id=message.elementId,
        element_instance_key=message.elementInstanceKey,
        custom_headers=_decode(message.customHeaders or "{}"),
        worker=message.worker,
        retries=message.retries,
        deadline=message.deadline,
        variables=_decode(message.variables or "{}"),
        tenant_id=message.tenantId or "<default>",
    )


def fitting(messages: list[pb.ActivatedJob], limit_bytes: int) -> int:
    """How many of ``messages``, from the first on, fit into one response."""
    size = 0
    for count, message in enumerate(messages):
        size += message.ByteSize() + _FRAME_BYTES
        if size > limit_bytes:
            return count
    return len(messages)
