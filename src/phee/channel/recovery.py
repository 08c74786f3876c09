"""What an operator sends to a payment that waits for a decision, or to stop one.

Keys of incidents, jobs and instances are global at the orchestrator, so each one is looked up in
the tenant's own store first: a key of another tenant is not found.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta

from phee.commands import Variables
from phee.errors import AlreadyExists, NotFound
from phee.gateway.client import OrchestratorClient
from phee.web import KEY_MAX, FieldProblem, InvalidFields
from phee.web.position import Position, position_of

OPERATOR_MESSAGE = "operator-manual-recovery"
MESSAGE_TTL_MS = 60_000
MAX_VARIABLES = 100

Key = Annotated[int, Meta(ge=1, le=KEY_MAX)]


class KeyNotFound(NotFound):
    """The tenant has no instance or incident with this key."""

    code = "key-not-found"


class OwnershipLookup(Protocol):
    """Says whose a key is. Implemented on the relational store."""

    async def owns_instance(self, tenant_id: str, process_instance_key: int) -> bool:
        """Return whether this is a root process instance of the tenant."""

    async def owns_incident(
        self, tenant_id: str, incident_key: int, *, element_instance_key: int, job_key: int | None
    ) -> bool:
        """Return whether the tenant has such an open incident, on that element and that job."""


class IncidentReference(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """An incident and what it stopped; ``job_key`` only when a job failed."""

    key: Key
    element_instance_key: Key
    job_key: Key | None = None
    new_retries: Annotated[int, Meta(ge=1, le=100)] = 1


class IncidentResolution(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which incident to resolve, after which variables were set."""

    incident: IncidentReference
    variables: dict[str, Any] = {}


class Recovery:
    """Operator commands for the payments of one tenant at a time."""

    def __init__(
        self, client: OrchestratorClient, ownership: OwnershipLookup, *, epoch: int
    ) -> None:
        self._client = client
        self._epoch = epoch
        self._ownership = ownership

    async def decide(
        self, tenant_id: str, transaction_id: str, variables: Variables
    ) -> Position | None:
        """Send the operator's decision to the payment that waits for it.

        The same decision again, while the first still waits to be taken, changes nothing.

        Raises:
            InvalidFields: the variables cannot be accepted.
        """
        check_variables(variables)
        body = msgspec.json.encode(variables, order="sorted")
        try:
            published = await self._client.publish_message(
                OPERATOR_MESSAGE,
                transaction_id,
                variables,
                time_to_live_ms=MESSAGE_TTL_MS,
                message_id=f"{transaction_id}/{hashlib.sha256(body).hexdigest()}",
                tenant_id=tenant_id,
            )
        except AlreadyExists:
            return None
        return position_of(self._epoch, published.key, published.position)

    async def resolve(self, tenant_id: str, resolution: IncidentResolution) -> None:
        """Set the variables, give the job new retries, and try again what the incident stopped.

        Raises:
            InvalidFields: the variables cannot be accepted.
            KeyNotFound: the tenant has no such open incident.
        """
        incident = resolution.incident
        check_variables(resolution.variables, "variables.")
        owned = await self._ownership.owns_incident(
            tenant_id,
            incident.key,
            element_instance_key=incident.element_instance_key,
            job_key=incident.job_key,
        )
        if not owned:
            raise _not_found("open incident")
        try:
            await self._try_again(incident, resolution.variables)
        except NotFound:  # somebody was faster than the data side
            raise _not_found("open incident") from None

    async def cancel(self, tenant_id: str, process_instance_key: int) -> None:
        """Terminate a root instance of the tenant.

        Raises:
            KeyNotFound: the tenant has no such instance that still runs.
        """
        if not await self._ownership.owns_instance(tenant_id, process_instance_key):
            raise _not_found("running process instance")
        try:
            await self._client.cancel_instance(process_instance_key)
        except NotFound:  # it has ended
            raise _not_found("running process instance") from None

    async def _try_again(self, incident: IncidentReference, variables: Variables) -> None:
        if variables:
            await self._client.set_variables(incident.element_instance_key, variables)
        if incident.job_key is not None:
            await self._client.update_job_retries(incident.job_key, incident.new_retries)
        await self._client.resolve_incident(incident.key)


def check_variables(variables: Variables, prefix: str = "") -> None:
    """Accept variables for a flow.

    Raises:
        InvalidFields: there are too many, or a name is empty, long, or has control characters.
    """
    if len(variables) > MAX_VARIABLES:
        what = f"has more than {MAX_VARIABLES} variables"
        raise InvalidFields([FieldProblem(prefix.rstrip(".") or "body", what, "Send fewer")])
    for name in variables:
        if not (0 < len(name) <= 128 and name.isprintable()):
            problem = FieldProblem(
                f"{prefix}{name[:40]!r}", "is not a variable name", "Use a short plain name"
            )
            raise InvalidFields([problem])


def _not_found(what: str) -> KeyNotFound:
    return KeyNotFound(
        f"This tenant has no such {what}",
        fix="Take the key from the operations API; a new one takes a moment to appear there",
    )
