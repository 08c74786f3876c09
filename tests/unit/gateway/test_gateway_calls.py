"""Each call reaches the engine as the command it stands for, and errors come back as statuses."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from grpc.aio import AioRpcError
from grpc_health.v1 import health_pb2, health_pb2_grpc

from phee import commands, errors
from phee.commands import CreatedProcessInstance, Deployed, DeployedProcess, PublishedMessage
from phee.errors import InvalidState, PheeError
from phee.gateway.proto import gateway_pb2 as pb
from phee.gateway.server import GatewayServer
from phee.gateway.status import error_from, status_of

CREATED = CreatedProcessInstance(11, 12, "payment", 2, "rhino", 99, result={"done": True})
DEPLOYED = Deployed(5, [DeployedProcess("payment", 1, 6, "p.bpmn", "rhino", False)], "rhino")


async def _fails(call: Any) -> AioRpcError:
    with pytest.raises(AioRpcError) as caught:
        await call
    return caught.value


@pytest.mark.parametrize(
    ("name", "request_", "command"),
    [
        (
            "CompleteJob",
            pb.CompleteJobRequest(jobKey=1, variables='{"a": 1}'),
            commands.CompleteJob(1, {"a": 1}),
        ),
        (
            "FailJob",
            pb.FailJobRequest(jobKey=1, retries=2, errorMessage="no", retryBackOff=3),
            commands.FailJob(1, 2, "no", 3, {}),
        ),
        (
            "ThrowError",
            pb.ThrowErrorRequest(jobKey=1, errorCode="E", errorMessage="m", variables='{"a":1}'),
            commands.ThrowError(1, "E", "m", {"a": 1}),
        ),
        (
            "UpdateJobRetries",
            pb.UpdateJobRetriesRequest(jobKey=1, retries=5, operationReference=9),
            commands.UpdateJobRetries(1, 5),
        ),
        (
            "CancelProcessInstance",
            pb.CancelProcessInstanceRequest(processInstanceKey=4),
            commands.CancelProcessInstance(4),
        ),
        ("ResolveIncident", pb.ResolveIncidentRequest(incidentKey=4), commands.ResolveIncident(4)),
        (
            "SetVariables",
            pb.SetVariablesRequest(elementInstanceKey=4, variables='{"a":1}', local=True),
            commands.SetVariables(4, {"a": 1}, True),
        ),
    ],
)
async def test_a_call_is_a_command(
    engine: Any, caller: Any, name: str, request_: Any, command: Any
) -> None:
    answer = await caller(name, request_)
    assert engine.seen == [command]
    if name == "SetVariables":
        assert answer.key == 7


async def test_create(engine: Any, caller: Any) -> None:
    engine.answers[commands.CreateProcessInstance] = CREATED
    call = caller(
        "CreateProcessInstance",
        pb.CreateProcessInstanceRequest(
            bpmnProcessId="payment", version=-1, variables='{"a":1}', tenantId="rhino"
        ),
    )
    answer = await call
    assert engine.seen == [
        commands.CreateProcessInstance("payment", -1, -1, {"a": 1}, "rhino", None)
    ]
    assert (answer.processInstanceKey, answer.processDefinitionKey) == (11, 12)
    assert (answer.bpmnProcessId, answer.version, answer.tenantId) == ("payment", 2, "rhino")
    assert dict(await call.trailing_metadata())["phee-position"] == "99"


async def test_create_with_a_request_id(engine: Any, caller: Any) -> None:
    engine.answers[commands.CreateProcessInstance] = CREATED
    metadata = (("phee-request-id", "c-1"), ("phee-request-digest", "d"))
    request = pb.CreateProcessInstanceRequest(bpmnProcessId="payment")
    await caller("CreateProcessInstance", request, metadata=metadata)
    assert engine.seen[0].request == commands.RequestId("c-1", "d")


async def test_create_with_result(engine: Any, caller: Any) -> None:
    engine.answers[commands.CreateProcessInstance] = CREATED
    request = pb.CreateProcessInstanceWithResultRequest(
        request=pb.CreateProcessInstanceRequest(processDefinitionKey=12),
        fetchVariables=["done"],
    )
    answer = await caller("CreateProcessInstanceWithResult", request)
    assert engine.seen[0].await_result
    assert engine.seen[0].fetch_variables == ("done",)
    assert engine.seen[0].process_definition_key == 12
    assert answer.variables == '{"done":true}'


async def test_create_with_result_times_out(engine: Any, caller: Any) -> None:
    engine.answers[commands.CreateProcessInstance] = lambda _: asyncio.sleep(5)
    request = pb.CreateProcessInstanceWithResultRequest(
        request=pb.CreateProcessInstanceRequest(bpmnProcessId="p"), requestTimeout=50
    )
    failure = await _fails(caller("CreateProcessInstanceWithResult", request))
    assert failure.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_start_instructions_are_not_ignored(caller: Any) -> None:
    start = pb.ProcessInstanceCreationStartInstruction(elementId="x")
    request = pb.CreateProcessInstanceRequest(bpmnProcessId="p", startInstructions=[start])
    failure = await _fails(caller("CreateProcessInstance", request))
    assert failure.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_publish(engine: Any, caller: Any) -> None:
    engine.answers[commands.PublishMessage] = PublishedMessage(3, "<default>", 42)
    call = caller(
        "PublishMessage",
        pb.PublishMessageRequest(name="n", correlationKey="c", timeToLive=5, messageId="m"),
    )
    assert (await call).key == 3
    assert engine.seen == [commands.PublishMessage("n", "c", 5, "m", {}, "<default>")]
    assert dict(await call.trailing_metadata())["phee-position"] == "42"


async def test_deploy_with_both_calls(engine: Any, caller: Any) -> None:
    engine.answers[commands.DeployResources] = DEPLOYED
    resource = pb.Resource(name="p.bpmn", content=b"<x/>")
    new = await caller(
        "DeployResource", pb.DeployResourceRequest(resources=[resource], tenantId="rhino")
    )
    file = pb.ProcessRequestObject(name="p.bpmn", definition=b"<x/>")
    old = await caller("DeployProcess", pb.DeployProcessRequest(processes=[file]))
    expected = [commands.Resource("p.bpmn", b"<x/>")]
    assert [(c.resources, c.tenant_id) for c in engine.seen] == [
        (expected, "rhino"),
        (expected, "<default>"),
    ]
    assert new.deployments[0].process == old.processes[0]
    assert (new.key, new.tenantId, old.processes[0].bpmnProcessId) == (5, "rhino", "payment")


async def test_deploying_nothing_is_refused(engine: Any, caller: Any) -> None:
    failure = await _fails(caller("DeployResource"))
    assert failure.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert not engine.seen


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidInput,
        errors.InputTooLarge,
        errors.Unauthenticated,
        errors.Forbidden,
        errors.NotFound,
        errors.AlreadyExists,
        errors.InvalidState,
        errors.Overloaded,
        errors.Unavailable,
        errors.TimedOut,
        errors.NotSupported,
        errors.InvariantBroken,
    ],
)
async def test_an_error_travels_there_and_back(
    engine: Any, caller: Any, error: type[PheeError]
) -> None:
    engine.answers[commands.CompleteJob] = error("Command 'X' rejected with code 'Y': ä reason")
    failure = await _fails(caller("CompleteJob", pb.CompleteJobRequest(jobKey=1)))
    assert failure.code() is status_of(error("x"))
    assert failure.details() == "Command 'X' rejected with code 'Y': ä reason"
    assert type(error_from(failure)) is error
    details = dict(failure.trailing_metadata())["grpc-status-details-bin"]
    assert failure.details().encode() in details


@pytest.mark.parametrize("text", ["x" * 100_000, "\u2603" * 900, "\u2603" * 100_000, "\ud800"])
async def test_a_long_text_arrives_cut(engine: Any, caller: Any, text: str) -> None:
    engine.answers[commands.CompleteJob] = errors.NotFound(text)
    failure = await _fails(caller("CompleteJob", pb.CompleteJobRequest(jobKey=1)))
    assert failure.code() is grpc.StatusCode.NOT_FOUND
    assert len(failure.details().encode()) < 3_000
    assert type(error_from(failure)) is errors.NotFound


async def test_an_engine_error_of_its_own_is_the_public_one_outside(
    engine: Any, caller: Any
) -> None:
    class Rejected(PheeError):
        pass

    class RejectedState(Rejected, InvalidState):
        code = "very-special"

    engine.answers[commands.CompleteJob] = RejectedState("no")
    failure = await _fails(caller("CompleteJob", pb.CompleteJobRequest(jobKey=1)))
    assert failure.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert type(error_from(failure)) is InvalidState


async def test_a_fault_does_not_leak(engine: Any, caller: Any) -> None:
    engine.answers[commands.CompleteJob] = ZeroDivisionError("secret")
    failure = await _fails(caller("CompleteJob", pb.CompleteJobRequest(jobKey=1)))
    assert failure.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in failure.details()


@pytest.mark.parametrize("variables", ["[]", "{", '{"a":1,"a":2}', '{"a":NaN}'])
async def test_bad_variables_never_reach_the_engine(
    engine: Any, caller: Any, variables: str
) -> None:
    for name, request in (
        ("CompleteJob", pb.CompleteJobRequest(jobKey=1, variables=variables)),
        ("PublishMessage", pb.PublishMessageRequest(name="n", variables=variables)),
        ("CreateProcessInstance", pb.CreateProcessInstanceRequest(variables=variables)),
    ):
        failure = await _fails(caller(name, request))
        assert failure.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert not engine.seen


@pytest.mark.parametrize(
    ("tenant_id", "status"),
    [
        ("lion", grpc.StatusCode.PERMISSION_DENIED),
        ("a" * 32, grpc.StatusCode.INVALID_ARGUMENT),
        ("rhino; drop", grpc.StatusCode.INVALID_ARGUMENT),
        ("rhinö", grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_a_tenant_that_is_none_is_refused(
    engine: Any, caller: Any, tenant_id: str, status: grpc.StatusCode
) -> None:
    jobs = {"type": "pay", "timeout": 1000, "tenantIds": ["rhino", tenant_id]}
    calls = [
        caller("CreateProcessInstance", pb.CreateProcessInstanceRequest(tenantId=tenant_id)),
        caller("PublishMessage", pb.PublishMessageRequest(name="n", tenantId=tenant_id)),
        caller("ActivateJobs", pb.ActivateJobsRequest(maxJobsToActivate=1, **jobs)).read(),
        caller("StreamActivatedJobs", pb.StreamActivatedJobsRequest(**jobs)).read(),
    ]
    for call in calls:
        failure = await _fails(call)
        assert failure.code() is status
        assert "Expected to handle gRPC request" in failure.details()
    assert not engine.seen
    assert not engine.streams


@pytest.mark.parametrize(
    "name",
    [
        "EvaluateDecision",
        "ModifyProcessInstance",
        "MigrateProcessInstance",
        "DeleteResource",
        "BroadcastSignal",
        "UpdateJobTimeout",
    ],
)
async def test_a_call_that_is_not_built_says_so(caller: Any, name: str) -> None:
    failure = await _fails(caller(name))
    assert failure.code() is grpc.StatusCode.UNIMPLEMENTED
    assert name in failure.details()


async def test_what_clients_send_along_is_tolerated(engine: Any, caller: Any) -> None:
    """Node's SDK compresses every request and sends an empty bearer token."""
    await caller(
        "CompleteJob",
        pb.CompleteJobRequest(jobKey=1, variables='{"a": "' + "x" * 10_000 + '"}'),
        compression=grpc.Compression.Gzip,
        metadata=(("authorization", "Bearer "),),
    )
    assert len(engine.seen[0].variables["a"]) == 10_000


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
async def test_a_message_over_the_limit_is_refused(
    engine: Any, caller: Any, compression: Any
) -> None:
    variables = '{"a": "' + "x" * (5 * 1024 * 1024) + '"}'
    request = pb.CompleteJobRequest(jobKey=1, variables=variables)
    failure = await _fails(caller("CompleteJob", request, compression=compression))
    assert failure.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert type(error_from(failure)) is errors.InputTooLarge
    assert not engine.seen


async def test_topology(gateway: GatewayServer, caller: Any) -> None:
    topology = await caller("Topology")
    (broker,) = topology.brokers
    (partition,) = broker.partitions
    assert (topology.clusterSize, topology.partitionsCount) == (1, 1)
    assert topology.replicationFactor == 1
    assert topology.gatewayVersion.startswith("8.5.")
    assert broker.port == gateway.port
    assert (partition.partitionId, partition.role, partition.health) == (1, 0, 0)


@pytest.mark.parametrize("service", ["", "gateway_protocol.Gateway"])
async def test_health_tells_the_truth(gateway: GatewayServer, caller: Any, service: str) -> None:
    health = health_pb2_grpc.HealthStub(caller.channel)
    request = health_pb2.HealthCheckRequest(service=service)
    assert (await health.Check(request)).status == health_pb2.HealthCheckResponse.SERVING
    await gateway.set_serving(serving=False)
    assert (await health.Check(request)).status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert (await caller("Topology")).brokers[0].partitions[0].health == pb.Partition.UNHEALTHY


async def test_calls_are_counted(engine: Any, gateway: GatewayServer, caller: Any) -> None:
    await caller("CompleteJob", pb.CompleteJobRequest(jobKey=1))
    engine.answers[commands.CompleteJob] = errors.NotFound("no")
    await _fails(caller("CompleteJob", pb.CompleteJobRequest(jobKey=1)))
    assert gateway.counters.handled == {
        ("CompleteJob", "OK"): 1,
        ("CompleteJob", "NOT_FOUND"): 1,
    }
    assert gateway.counters.latency["CompleteJob"].count == 2


async def test_a_taken_port_is_an_error(engine: Any, gateway: GatewayServer) -> None:
    second = GatewayServer(engine, port=gateway.port)
    with pytest.raises(InvalidState, match="cannot listen"):
        await second.start()
    await second.stop()
