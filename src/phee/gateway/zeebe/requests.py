"""Creation at most once on an orchestrator that does not know the idea.

Every try to start an instance for a request marks its instance. The first attempt whose answer or
whose job is claimed in the registry is the one that counts; an instance of any other attempt is
cancelled when its first job shows up, before that job is done.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from uuid import uuid4

import structlog

from phee.commands import ActivatedJob, CreatedProcessInstance, RequestId, Variables
from phee.errors import AlreadyExists, InvalidState, NotFound, PheeError, Unavailable
from phee.gateway.grpc_client import NO_POSITION
from phee.gateway.zeebe.registry import Claim, RequestRegistry
from phee.gateway.zeebe.request_mark import Attempt

Create = Callable[[Variables], Awaitable[CreatedProcessInstance]]
Cancel = Callable[[int], Awaitable[None]]

_ROOT_KEY = re.compile(r"root process instance '(\d+)'")
"""In the text with which Zeebe refuses to cancel an instance that another one called."""

_log = structlog.get_logger(__name__)


class Requests:
    """Starts and admits instances of requests; ``cancel`` ends an instance by its key."""

    def __init__(self, registry: RequestRegistry, cancel: Cancel) -> None:
        self._registry = registry
        self._cancel = cancel
        self._in_creation: dict[tuple[str, str], asyncio.Future[None]] = {}

    async def create(
        self,
        bpmn_process_id: str,
        variables: Variables,
        tenant_id: str,
        request: RequestId,
        create: Create,
    ) -> CreatedProcessInstance:
        """Start an instance with ``create``, unless the request has one.

        Raises:
            AlreadyExists: the request id was used with another digest.
            PheeError: what ``create`` raised; after :class:`phee.errors.Unavailable` the outcome
                is unknown, and the same request may be repeated.
        """
        where = (tenant_id, request.id)
        while (busy := self._in_creation.get(where)) is not None:
            await asyncio.wait([busy])
        done = self._in_creation[where] = asyncio.get_running_loop().create_future()
        try:
            winner = await self._registry.find(*where)
            if winner is not None:
                return _first_answer(winner, request, bpmn_process_id)
            attempt = Attempt(tenant_id, request, uuid4().hex, bpmn_process_id)
            return await self._try(attempt, variables, create)
        finally:
            del self._in_creation[where]
            done.set_result(None)

    async def _try(
        self, attempt: Attempt, variables: Variables, create: Create
    ) -> CreatedProcessInstance:
        try:
            created = await create(attempt.marked(variables))
        except Unavailable:
            # It may have been started all the same, and its first job may have shown up.
            winner = await self._registry.find(attempt.tenant_id, attempt.request.id)
            if winner is None or not winner.tells_key:
                raise
            return _first_answer(winner, attempt.request, attempt.bpmn_process_id)
        claim = Claim(
            attempt.tenant_id,
            attempt.request,
            attempt.id,
            created.process_instance_key,
            created.process_definition_key,
            created.version,
        )
        winner = await self._registry.claim(claim)
        if winner.attempt == attempt.id:
            return created
        try:
            await self._end_loser(created.process_instance_key, attempt)
        except PheeError as error:  # its first job will do it
            _log.warning("second_instance_not_cancelled", reason=error.code)
        return _first_answer(winner, attempt.request, attempt.bpmn_process_id)

    async def admits(self, job: ActivatedJob, attempt: Attempt) -> bool:
        """Say whether a job of this attempt may be done; if not, its instance is ended.

        Raises:
            Unavailable: nobody can tell now, or the instance could not be ended.
        """
        winner = self._registry.remembered(attempt.tenant_id, attempt.request.id)
        if winner is None or (winner.attempt == attempt.id and not winner.tells_key):
            winner = await self._registry.claim(_claim_of(job, attempt))
        if winner.attempt == attempt.id:
            return True
        await self._end_loser(job.process_instance_key, attempt)
        return False

    async def _end_loser(self, process_instance_key: int, attempt: Attempt) -> None:
        """End an instance that does not count."""
        _log.warning(
            "second_instance_of_a_request_cancelled",
            tenant_id=attempt.tenant_id,
            process_instance_key=process_instance_key,
        )
        try:
            await self._cancel(process_instance_key)
        except NotFound:
            return  # ended
        except InvalidState as refusal:
            root = _ROOT_KEY.search(refusal.what)
            if root is None:
                raise
            await self._end_loser(int(root[1]), attempt)


def _claim_of(job: ActivatedJob, attempt: Attempt) -> Claim:
    """Return the claim that a job makes; a job of a called process does not know the instance."""
    if job.bpmn_process_id != attempt.bpmn_process_id:
        return Claim(attempt.tenant_id, attempt.request, attempt.id)
    return Claim(
        attempt.tenant_id,
        attempt.request,
        attempt.id,
        job.process_instance_key,
        job.process_definition_key,
        job.process_definition_version,
    )


def _first_answer(
    winner: Claim, request: RequestId, bpmn_process_id: str
) -> CreatedProcessInstance:
    if winner.request.digest != request.digest:
        raise AlreadyExists(
            "This request id was used for a different request",
            where="request id",
            fix="Repeat the first request as it was, or take a new id",
        )
    return CreatedProcessInstance(
        process_instance_key=winner.process_instance_key,
        process_definition_key=winner.process_definition_key,
        bpmn_process_id=bpmn_process_id,
        version=winner.version,
        tenant_id=winner.tenant_id,
        position=NO_POSITION,
        repeated=True,
    )
