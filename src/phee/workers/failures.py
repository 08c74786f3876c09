"""What a handler raises to end its job other than by completing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phee.errors import PheeError


class BpmnError(PheeError):
    """An outcome of the business that the drawing has a path for (an error boundary event).

    Args:
        error_code: what the drawing catches.
        message: for people; no payment data.
        variables: go into the flow at the event that catches.
    """

    code = "bpmn-error"
    http_status = 422
    grpc_status = "FAILED_PRECONDITION"

    def __init__(
        self, error_code: str, message: str = "", *, variables: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message or f"BPMN error {error_code}")
        self.error_code = error_code
        self.message = message
        self.variables = variables or {}


class JobFailed(PheeError):
    """The job failed, and the handler knows better than the rule how to go on.

    Args:
        message: why, for the people who look at the incident; no payment data.
        retries: how many tries are left; one less than before when None; 0 raises an incident.
        backoff_ms: how long to wait before the next try; by the handler's rule when None.
        variables: are set on the task itself, for people and for later tries.
    """

    code = "job-failed"

    def __init__(
        self,
        message: str,
        *,
        retries: int | None = None,
        backoff_ms: int | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.retries = retries
        self.backoff_ms = backoff_ms
        self.variables = variables or {}
