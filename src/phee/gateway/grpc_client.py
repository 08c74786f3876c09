"""The client port over gRPC: the same calls against any Zeebe gateway, ours included."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

import grpc

from phee.commands import (
    ActivatedJob,
    CreatedProcessInstance,
    Deployed,
    DeployedProcess,
    PublishedMessage,
    RequestId,
    Resource,
    Variables,
)
from phee.errors import NotSupported
from phee.gateway.grpc_calls import GrpcCalls, Metadata
from phee.gateway.grpc_jobs import GrpcSubscription, JobWish
from phee.gateway.proto import gateway_pb2 as pb
from phee.gateway.variables import write_plain_variables
from phee.gateway.wire_metadata import (
    GATEWAY_KEY,
    POSITION_KEY,
    REPEATED_KEY,
    REQUEST_DIGEST_KEY,
    REQUEST_ID_KEY,
)
from phee.records import DEFAULT_TENANT

NO_POSITION = -1
"""The position of an answer from a gateway that does not tell."""


class GrpcClient:
    """Implements :class:`phee.gateway.client.OrchestratorClient` on the gateway at ``target``.

    Args:
        target: host:port.
        credentials: of the connection; without them it is in plain text.
        call_timeout_ms: how long a call may take; then it raises
            :class:`phee.errors.TimedOut`, and whether it took effect is unknown.
        foreign_requests: what to do with ``request=`` on a gateway that cannot create an
            instance at most once: refuse, or create it each time ("ignore").
        poll_every_ms: how often a subscription looks for jobs that no stream pushed.
        overload_patience_ms: how long everything but the creation of instances is tried again at
            a gateway that has too much to do.
    """

    def __init__(
        self,
        target: str,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        call_timeout_ms: int = 15_000,
        foreign_requests: Literal["refuse", "ignore"] = "refuse",
        poll_every_ms: int = 10_000,
        overload_patience_ms: int = 0,
    ) -> None:
        self._target = target
        self._calls = GrpcCalls(
            target,
            credentials=credentials,
            call_timeout_ms=call_timeout_ms,
            overload_patience_ms=overload_patience_ms,
        )
        self._foreign_requests = foreign_requests
        self._poll_every_ms = poll_every_ms
        self._honours_requests: bool | None = None
        self._subscriptions: set[GrpcSubscription] = set()

    async def close(self) -> None:
        """End every subscription and the connection."""
        for subscription in list(self._subscriptions):
            await subscription.close()
        await self._calls.close()

    async def trouble(self) -> str | None:
        """Return why the cluster cannot work now; None when every partition has a leader.

        Raises:
            Unavailable, TimedOut: the gateway does not answer.
        """
        topology: pb.TopologyResponse = await self._calls.unary("Topology", pb.TopologyRequest())
        led = {
            partition.partitionId
            for broker in topology.brokers
            for partition in broker.partitions
            if partition.role == pb.Partition.LEADER
        }
        missing = sorted(set(range(1, topology.partitionsCount + 1)) - led)
        return f"partitions {missing} have no leader" if missing else None

    async def deploy(
        self, resources: Sequence[Resource], *, tenant_id: str = DEFAULT_TENANT
    ) -> Deployed:
        """Deploy all or none of ``resources``; whether one was there before is not told."""
        request = pb.DeployResourceRequest(
            resources=[pb.Resource(name=file.name, content=file.content) for file in resources],
            tenantId=_on_the_wire(tenant_id),
        )
        answer: pb.DeployResourceResponse = await self._calls.unary("DeployResource", request)
        processes = [
            DeployedProcess(
                bpmn_process_id=deployment.process.bpmnProcessId,
                version=deployment.process.version,
                process_definition_key=deployment.process.processDefinitionKey,
                resource_name=deployment.process.resourceName,
                tenant_id=deployment.process.tenantId or DEFAULT_TENANT,
                duplicate=False,
            )
            for deployment in answer.deployments
            if deployment.HasField("process")
        ]
        return Deployed(answer.key, processes, answer.tenantId or DEFAULT_TENANT)

    async def create_instance(
        self,
        bpmn_process_id: str,
        variables: Variables,
        *,
        version: int = -1,
        tenant_id: str = DEFAULT_TENANT,
        request: RequestId | None = None,
    ) -> CreatedProcessInstance:
        """Start a process; with ``request`` at most once ever.

        Raises:
            NotSupported: ``request`` is given and the gateway cannot honour it.
        """
        metadata = await self._request_metadata(request) if request is not None else ()
        message = pb.CreateProcessInstanceRequest(
            bpmnProcessId=bpmn_process_id,
            version=version,
            variables=write_plain_variables(variables),
            tenantId=_on_the_wire(tenant_id),
        )
        answer, more = await self._calls.unary_with_trailers(
            "CreateProcessInstance", message, metadata
        )
        return CreatedProcessInstance(
            process_instance_key=answer.processInstanceKey,
            process_definition_key=answer.processDefinitionKey,
            bpmn_process_id=answer.bpmnProcessId,
            version=answer.version,
            tenant_id=answer.tenantId or DEFAULT_TENANT,
            position=int(more.get(POSITION_KEY, NO_POSITION)),
            repeated=REPEATED_KEY in more,
        )

    async def _request_metadata(self, request: RequestId) -> Metadata:
        if self._honours_requests is None:
            _, more = await self._calls.unary_with_trailers("Topology", pb.TopologyRequest())
            self._honours_requests = GATEWAY_KEY in more
        if not self._honours_requests and self._foreign_requests == "refuse":
            raise NotSupported(
                "The gateway cannot create an instance at most once",
                where=self._target,
                fix="Leave request out, use foreign_requests='ignore', or a gateway of phee",
            )
        return ((REQUEST_ID_KEY, request.id), (REQUEST_DIGEST_KEY, request.digest))

    async def cancel_instance(self, process_instance_key: int) -> None:
        """Terminate a root instance and everything in it."""
        request = pb.CancelProcessInstanceRequest(processInstanceKey=process_instance_key)
        await self._calls.unary("CancelProcessInstance", request)

    async def publish_message(
        self,
        name: str,
        correlation_key: str,
        variables: Variables,
        *,
        time_to_live_ms: int,
        message_id: str = "",
        tenant_id: str = DEFAULT_TENANT,
    ) -> PublishedMessage:
        """Publish a message, buffered for ``time_to_live_ms``."""
        request = pb.PublishMessageRequest(
            name=name,
            correlationKey=correlation_key,
            timeToLive=time_to_live_ms,
            messageId=message_id,
            variables=write_plain_variables(variables),
            tenantId=_on_the_wire(tenant_id),
        )
        answer, more = await self._calls.unary_with_trailers("PublishMessage", request)
        return PublishedMessage(
            key=answer.key,
            tenant_id=answer.tenantId or DEFAULT_TENANT,
            position=int(more.get(POSITION_KEY, NO_POSITION)),
        )

    async def subscribe_jobs(
        self,
        job_type: str,
        handler: Callable[[ActivatedJob], Awaitable[None]],
        *,
        worker: str,
        timeout_ms: int,
        max_active: int,
        fetch_variables: Sequence[str] = (),
        tenant_ids: Sequence[str] = (DEFAULT_TENANT,),
    ) -> GrpcSubscription:
        """Call ``handler`` for each job of ``job_type``, at most ``max_active`` at once."""
        wish = JobWish(
            type=job_type,
            worker=worker,
            timeout_ms=timeout_ms,
            max_active=max_active,
            fetch_variables=tuple(fetch_variables),
            # In a list, the default tenant goes by its name: an empty text would match no job.
            tenant_ids=() if tuple(tenant_ids) == (DEFAULT_TENANT,) else tuple(tenant_ids),
        )
        subscription = GrpcSubscription(self._calls, wish, handler, self._poll_every_ms)
        self._subscriptions.add(subscription)
        subscription.on_close = self._subscriptions.discard
        subscription.start()
        return subscription

    async def complete_job(self, job_key: int, variables: Variables) -> None:
        """Complete a job; ``variables`` go into the flow."""
        request = pb.CompleteJobRequest(jobKey=job_key, variables=write_plain_variables(variables))
        await self._calls.unary("CompleteJob", request)

    async def fail_job(
        self,
        job_key: int,
        *,
        retries: int,
        error_message: str = "",
        retry_backoff_ms: int = 0,
        variables: Variables | None = None,
    ) -> None:
        """Give a job back with ``retries`` left (absolute; 0 raises an incident)."""
        request = pb.FailJobRequest(
            jobKey=job_key,
            retries=retries,
            errorMessage=error_message,
            retryBackOff=retry_backoff_ms,
            variables=write_plain_variables(variables or {}),
        )
        await self._calls.unary("FailJob", request)

    async def throw_error(
        self,
        job_key: int,
        error_code: str,
        *,
        error_message: str = "",
        variables: Variables | None = None,
    ) -> None:
        """End a job with a BPMN error for the flow to catch."""
        request = pb.ThrowErrorRequest(
            jobKey=job_key,
            errorCode=error_code,
            errorMessage=error_message,
            variables=write_plain_variables(variables or {}),
        )
        await self._calls.unary("ThrowError", request)

    async def update_job_retries(self, job_key: int, retries: int) -> None:
        """Set the retries of a job (at least 1)."""
        request = pb.UpdateJobRetriesRequest(jobKey=job_key, retries=retries)
        await self._calls.unary("UpdateJobRetries", request)

    async def set_variables(
        self, element_instance_key: int, variables: Variables, *, local: bool = False
    ) -> None:
        """Merge ``variables`` from that scope upwards, or set them right there."""
        request = pb.SetVariablesRequest(
            elementInstanceKey=element_instance_key,
            variables=write_plain_variables(variables),
            local=local,
        )
        await self._calls.unary("SetVariables", request)

    async def resolve_incident(self, incident_key: int) -> None:
        """Try again what an incident stopped."""
        request = pb.ResolveIncidentRequest(incidentKey=incident_key)
        await self._calls.unary("ResolveIncident", request)


def _on_the_wire(tenant_id: str) -> str:
    """A gateway without tenants takes only the empty text for the default one."""
    return "" if tenant_id == DEFAULT_TENANT else tenant_id
