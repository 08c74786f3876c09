"""From a command to what processes it: checked, copied, compiled before it enters the core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from phee.commands import (
    ActivateJobs,
    CancelProcessInstance,
    Command,
    CompleteJob,
    CreateProcessInstance,
    DeployResources,
    FailJob,
    PublishMessage,
    ResolveIncident,
    SetVariables,
    ThrowError,
    UpdateJobRetries,
)
from phee.engine.core import Handler
from phee.engine.deployment import deploy, read_resources
from phee.engine.instance_commands import cancel, resolve, set_variables
from phee.engine.job_commands import (
    activate_jobs,
    complete_job,
    fail_job,
    throw_error,
    update_retries,
)
from phee.engine.messages.publishing import publish
from phee.engine.starting import create
from phee.engine.variables import received_document
from phee.errors import InvalidInput


def _with_document(command: Any) -> Any:
    return command, received_document(command.variables)


def _itself(command: Any) -> Any:
    return command


def _with_drawings(command: DeployResources) -> Any:
    return command, read_resources(command)


_encode = msgspec.msgpack.Encoder().encode

_KINDS: dict[type, tuple[Handler, Callable[[Any], Any]]] = {
    DeployResources: (deploy, _with_drawings),
    CreateProcessInstance: (create, _with_document),
    CancelProcessInstance: (cancel, _itself),
    ActivateJobs: (activate_jobs, _itself),
    CompleteJob: (complete_job, _with_document),
    FailJob: (fail_job, _with_document),
    ThrowError: (throw_error, _with_document),
    UpdateJobRetries: (update_retries, _itself),
    PublishMessage: (publish, _with_document),
    SetVariables: (set_variables, _with_document),
    ResolveIncident: (resolve, _itself),
}

NEVER_REFUSED = (CompleteJob, FailJob, ThrowError, CancelProcessInstance, ResolveIncident)
"""Commands that finish work: refusing them would keep the load up."""


def prepare(command: Command) -> tuple[Handler, Any]:
    """Return the handler of ``command`` and its argument.

    Raises:
        InvalidInput: it is no command, or its variables are no JSON object.
        InputTooLarge: its variables are too large.
    """
    kind = _KINDS.get(type(command))
    if kind is None:
        raise InvalidInput(f"{type(command).__name__} is not a command of the engine")
    try:
        _encode(command)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidInput(
            f"{type(command).__name__} cannot be put on record: {error}",
            fix="send text that is valid Unicode, numbers of 64 bits and JSON values",
        ) from error
    handler, preparing = kind
    return handler, preparing(command)
