"""The calls that take one message and answer one.

Each turns a message into a command, has the engine carry it out and turns the answer into a
message. An answer without content is the empty message, which needs no object: ``b""``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from grpc.aio import ServicerContext

from phee import commands
from phee.commands import CreatedProcessInstance, Deployed, RequestId
from phee.errors import InvalidInput, NotSupported, TimedOut
from phee.gateway.durations import bounded_ms
from phee.gateway.engine_port import EnginePort
from phee.gateway.proto import gateway_pb2 as pb
from phee.gateway.tenant_check import TenantCheck
from phee.gateway.variables import read_variables, write_variables
from phee.gateway.wire_metadata import (
    POSITION_KEY,
    REPEATED_KEY,
    REQUEST_DIGEST_KEY,
    REQUEST_ID_KEY,
)

RESULT_WAIT_MS = 15_000
"""How long CreateProcessInstanceWithResult waits when the client names no time."""

EMPTY = b""

Context = ServicerContext[Any, Any]
Call = Callable[[Any, Context], Awaitable[Any]]


class UnaryCalls:
    """The unary calls, on one engine."""

    def __init__(self, engine: EnginePort, tenants: TenantCheck) -> None:
        self._submit = engine.submit
        self._tenants = tenants

    def by_name(self) -> dict[str, Call]:
        """Every call that is built, by its name in the protocol."""
        return {
            "CompleteJob": self.complete_job,
            "FailJob": self.fail_job,
            "ThrowError": self.throw_error,
            "UpdateJobRetries": self.update_job_retries,
            "CreateProcessInstance": self.create_process_instance,
            "CreateProcessInstanceWithResult": self.create_process_instance_with_result,
            "CancelProcessInstance": self.cancel_process_instance,
            "PublishMessage": self.publish_message,
            "SetVariables": self.set_variables,
            "ResolveIncident": self.resolve_incident,
            "DeployResource": self.deploy_resource,
            "DeployProcess": self.deploy_process,
        }

    async def complete_job(self, request: pb.CompleteJobRequest, _context: Context) -> bytes:
        """CompleteJob."""
        variables = read_variables(request.variables)
        await self._submit(commands.CompleteJob(request.jobKey, variables))
        return EMPTY

    async def fail_job(self, request: pb.FailJobRequest, _context: Context) -> bytes:
        """FailJob."""
        await self._submit(
            commands.FailJob(
                job_key=request.jobKey,
                retries=request.retries,
                error_message=request.errorMessage,
                retry_backoff_ms=bounded_ms(request.retryBackOff),
                variables=read_variables(request.variables),
            )
        )
        return EMPTY

    async def throw_error(self, request: pb.ThrowErrorRequest, _context: Context) -> bytes:
        """ThrowError."""
        await self._submit(
            commands.ThrowError(
                job_key=request.jobKey,
                error_code=request.errorCode,
                error_message=request.errorMessage,
                variables=read_variables(request.variables),
            )
        )
        return EMPTY

    async def update_job_retries(
        self, request: pb.UpdateJobRetriesRequest, _context: Context
    ) -> bytes:
        """UpdateJobRetries."""
        await self._submit(commands.UpdateJobRetries(request.jobKey, request.retries))
        return EMPTY

    async def create_process_instance(
        self, request: pb.CreateProcessInstanceRequest, context: Context
    ) -> pb.CreateProcessInstanceResponse:
        """CreateProcessInstance."""
        command = self._creation("CreateProcessInstance", request, context)
        created: CreatedProcessInstance = await self._submit(command)
        _say_more_about(created, context)
        return pb.CreateProcessInstanceResponse(
            processDefinitionKey=created.process_definition_key,
            bpmnProcessId=created.bpmn_process_id,
            version=created.version,
            processInstanceKey=created.process_instance_key,
            tenantId=created.tenant_id,
        )

    async def create_process_instance_with_result(
        self, request: pb.CreateProcessInstanceWithResultRequest, context: Context
    ) -> pb.CreateProcessInstanceWithResultResponse:
        """CreateProcessInstanceWithResult; an instance that never completes never answers."""
        command = self._creation(
            "CreateProcessInstanceWithResult",
            request.request,
            context,
            await_result=True,
            fetch_variables=tuple(request.fetchVariables),
        )
        asked_ms = request.requestTimeout
        wait_ms = bounded_ms(asked_ms) if asked_ms > 0 else RESULT_WAIT_MS
        try:
            async with asyncio.timeout(wait_ms / 1000):
                created: CreatedProcessInstance = await self._submit(command)
        except TimeoutError:
            raise TimedOut(
                f"The process instance was created but did not complete within {wait_ms} ms",
                fix="Ask with a longer requestTimeout, or look the instance up",
            ) from None
        _say_more_about(created, context)
        return pb.CreateProcessInstanceWithResultResponse(
            processDefinitionKey=created.process_definition_key,
            bpmnProcessId=created.bpmn_process_id,
            version=created.version,
            processInstanceKey=created.process_instance_key,
            variables=write_variables(created.result or {}),
            tenantId=created.tenant_id,
        )

    def _creation(
        self,
        method: str,
        request: pb.CreateProcessInstanceRequest,
        context: Context,
        *,
        await_result: bool = False,
        fetch_variables: Sequence[str] = (),
    ) -> commands.CreateProcessInstance:
        if request.startInstructions:
            raise NotSupported(
                f"{method} with startInstructions is not offered by this gateway",
                fix="Start at the none start event",
            )
        return commands.CreateProcessInstance(
            bpmn_process_id=request.bpmnProcessId,
            version=request.version,
            # 0 is what a client sends that names no key: no key is ever 0.
            process_definition_key=request.processDefinitionKey or -1,
            variables=read_variables(request.variables),
            tenant_id=self._tenants.one(method, request.tenantId),
            request=_request_id(context),
            await_result=await_result,
            fetch_variables=fetch_variables,
        )

    async def cancel_process_instance(
        self, request: pb.CancelProcessInstanceRequest, _context: Context
    ) -> bytes:
        """CancelProcessInstance."""
        await self._submit(commands.CancelProcessInstance(request.processInstanceKey))
        return EMPTY

    async def publish_message(
        self, request: pb.PublishMessageRequest, context: Context
    ) -> pb.PublishMessageResponse:
        """PublishMessage."""
        published: commands.PublishedMessage = await self._submit(
            commands.PublishMessage(
                name=request.name,
                correlation_key=request.correlationKey,
                time_to_live_ms=bounded_ms(request.timeToLive),
                message_id=request.messageId,
                variables=read_variables(request.variables),
                tenant_id=self._tenants.one("PublishMessage", request.tenantId),
            )
        )
        context.set_trailing_metadata(((POSITION_KEY, str(published.position)),))
        return pb.PublishMessageResponse(key=published.key, tenantId=published.tenant_id)

    async def set_variables(
        self, request: pb.SetVariablesRequest, _context: Context
    ) -> pb.SetVariablesResponse:
        """SetVariables."""
        done: commands.Done = await self._submit(
            commands.SetVariables(
                element_instance_key=request.elementInstanceKey,
                variables=read_variables(request.variables),
                local=request.local,
            )
        )
        return pb.SetVariablesResponse(key=done.key)

    async def resolve_incident(
        self, request: pb.ResolveIncidentRequest, _context: Context
    ) -> bytes:
        """ResolveIncident."""
        await self._submit(commands.ResolveIncident(request.incidentKey))
        return EMPTY

    async def deploy_resource(
        self, request: pb.DeployResourceRequest, _context: Context
    ) -> pb.DeployResourceResponse:
        """DeployResource. Job types that nobody serves yet are welcome."""
        resources = [commands.Resource(file.name, file.content) for file in request.resources]
        deployed = await self._deploy("DeployResource", resources, request.tenantId)
        return pb.DeployResourceResponse(
            key=deployed.key,
            deployments=[pb.Deployment(process=process) for process in _metadata(deployed)],
            tenantId=deployed.tenant_id,
        )

    async def deploy_process(
        self, request: pb.DeployProcessRequest, _context: Context
    ) -> pb.DeployProcessResponse:
        """DeployProcess: what clients before 8.0 deploy with, for the default tenant only."""
        resources = [commands.Resource(file.name, file.definition) for file in request.processes]
        deployed = await self._deploy("DeployProcess", resources, "")
        return pb.DeployProcessResponse(key=deployed.key, processes=_metadata(deployed))

    async def _deploy(
        self, method: str, resources: list[commands.Resource], tenant_id: str
    ) -> Deployed:
        if not resources:
            raise InvalidInput(
                "Command 'CREATE' rejected with code 'INVALID_ARGUMENT': Expected to deploy at "
                "least one resource, but none given",
                fix="Send the files to deploy",
            )
        tenant = self._tenants.one(method, tenant_id)
        deployed: Deployed = await self._submit(commands.DeployResources(resources, tenant))
        return deployed


def _metadata(deployed: Deployed) -> list[pb.ProcessMetadata]:
    return [
        pb.ProcessMetadata(
            bpmnProcessId=process.bpmn_process_id,
            version=process.version,
            processDefinitionKey=process.process_definition_key,
            resourceName=process.resource_name,
            tenantId=process.tenant_id,
        )
        for process in deployed.processes
    ]


def _request_id(context: Context) -> RequestId | None:
    """The caller's mark that makes a creation repeatable; only our own client sends one."""
    found = dict(context.invocation_metadata() or ())
    request_id = found.get(REQUEST_ID_KEY)
    if request_id is None:
        return None
    return RequestId(str(request_id), str(found.get(REQUEST_DIGEST_KEY, "")))


def _say_more_about(created: CreatedProcessInstance, context: Context) -> None:
    """Send what the protocol has no field for."""
    more = [(POSITION_KEY, str(created.position))]
    if created.repeated:
        more.append((REPEATED_KEY, "1"))
    context.set_trailing_metadata(tuple(more))
