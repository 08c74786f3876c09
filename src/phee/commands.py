"""What can be asked of an orchestrator, and what it answers (pure data).

Commands are plain data. Times are in ms; keys are Zeebe keys (partition id in the top bits);
variables are JSON objects as Python dicts. An answer exists only once its effect is on disk; a
refused command raises :class:`Rejected` (or a subclass of it) instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from phee.records import DEFAULT_TENANT

Variables = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Resource:
    """A file to deploy: its name decides its kind (``.bpmn`` or ``.xml``)."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class DeployResources:
    """Deploy all or none of ``resources``."""

    resources: Sequence[Resource]
    tenant_id: str = DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class DeployedProcess:
    bpmn_process_id: str
    version: int
    process_definition_key: int
    resource_name: str
    tenant_id: str
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Deployed:
    key: int
    processes: Sequence[DeployedProcess]
    tenant_id: str


@dataclass(frozen=True, slots=True)
class RequestId:
    """Makes a creation repeatable: the same ``id`` (per tenant) creates one instance ever.

    A repetition with the same ``digest`` (of the request body) gets the first answer with
    ``repeated`` set; one with another digest is refused with :class:`phee.errors.AlreadyExists`.
    """

    id: str
    digest: str


@dataclass(frozen=True, slots=True)
class CreateProcessInstance:
    """Start a process by definition key, or by id and version (-1: latest).

    ``await_result`` answers only when the instance has completed, with the root variables named
    in ``fetch_variables`` (all when empty).
    """

    bpmn_process_id: str = ""
    version: int = -1
    process_definition_key: int = -1
    variables: Variables = field(default_factory=dict)
    tenant_id: str = DEFAULT_TENANT
    request: RequestId | None = None
    await_result: bool = False
    fetch_variables: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class CreatedProcessInstance:
    """``position`` is that of the CREATED record: a reader past it sees the instance."""

    process_instance_key: int
    process_definition_key: int
    bpmn_process_id: str
    version: int
    tenant_id: str
    position: int
    repeated: bool = False
    result: Variables | None = None


@dataclass(frozen=True, slots=True)
class CancelProcessInstance:
    process_instance_key: int


@dataclass(frozen=True, slots=True)
class ActivateJobs:
    """Take up to ``max_jobs`` jobs of ``type``, in key order, for ``timeout_ms``."""

    type: str
    worker: str
    timeout_ms: int
    max_jobs: int
    fetch_variables: Sequence[str] = ()
    tenant_ids: Sequence[str] = (DEFAULT_TENANT,)


@dataclass(frozen=True, slots=True)
class ActivatedJob:
    """A job in the hands of a worker until ``deadline`` (ms since 1970)."""

    key: int
    type: str
    process_instance_key: int
    bpmn_process_id: str
    process_definition_version: int
    process_definition_key: int
    element_id: str
    element_instance_key: int
    custom_headers: Mapping[str, str]
    worker: str
    retries: int
    deadline: int
    variables: Variables
    tenant_id: str


@dataclass(frozen=True, slots=True)
class CompleteJob:
    job_key: int
    variables: Variables = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FailJob:
    job_key: int
    retries: int
    error_message: str = ""
    retry_backoff_ms: int = 0
    variables: Variables = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ThrowError:
    job_key: int
    error_code: str
    error_message: str = ""
    variables: Variables = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdateJobRetries:
    job_key: int
    retries: int


@dataclass(frozen=True, slots=True)
class PublishMessage:
    name: str
    correlation_key: str
    time_to_live_ms: int = 0
    message_id: str = ""
    variables: Variables = field(default_factory=dict)
    tenant_id: str = DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class PublishedMessage:
    key: int
    tenant_id: str
    position: int


@dataclass(frozen=True, slots=True)
class SetVariables:
    element_instance_key: int
    variables: Variables
    local: bool = False


@dataclass(frozen=True, slots=True)
class ResolveIncident:
    incident_key: int


@dataclass(frozen=True, slots=True)
class Done:
    """The answer of a command that has nothing more to say; ``key`` names the written record."""

    key: int = -1
    position: int = -1


Command = (
    DeployResources
    | CreateProcessInstance
    | CancelProcessInstance
    | ActivateJobs
    | CompleteJob
    | FailJob
    | ThrowError
    | UpdateJobRetries
    | PublishMessage
    | SetVariables
    | ResolveIncident
)
