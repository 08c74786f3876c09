"""A payment stuck on an incident is seen, explained, and repaired over the API."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import grpc
import pytest
from running_hub import Answer, Http, drawing, eventually, script_task, service_task
from running_world import World

from phee.gateway.methods import METHODS
from phee.gateway.proto import gateway_pb2 as pb


async def call(world: World, name: str, request: Any) -> Any:
    """One answer of the gateway (the last one, where it streams)."""
    method = METHODS[name]
    async with grpc.aio.insecure_channel(world.grpc_target) as channel:
        arguments = (method.path, method.request.SerializeToString, method.response.FromString)
        if not method.streams:
            return await channel.unary_unary(*arguments)(request, timeout=20)
        answers = [each async for each in channel.unary_stream(*arguments)(request, timeout=20)]
        return answers[-1]


async def start(world: World, process_id: str, variables: str = "{}") -> int:
    request = pb.CreateProcessInstanceRequest(
        bpmnProcessId=process_id, version=-1, variables=variables, tenantId="rhino"
    )
    created = await call(world, "CreateProcessInstance", request)
    return int(created.processInstanceKey)


def only_incident(tenant: Http, instance: int) -> dict[str, Any]:
    def look() -> list[dict[str, Any]]:
        query = {"processInstanceKey": instance, "state": "OPEN"}
        found: list[dict[str, Any]] = tenant.read("/api/v1/incidents", **query)["content"]
        return found

    (incident,) = eventually(look, what="the incident in the store")
    return incident


def resolve(tenant: Http, incident: dict[str, Any], **variables: Any) -> Answer:
    names = {"key": "incidentKey", "elementInstanceKey": "elementInstanceKey", "jobKey": "jobKey"}
    reference = {
        name: incident[field] for name, field in names.items() if incident[field] not in (None, -1)
    }
    body = {"incident": reference | {"newRetries": 2}, "variables": variables}
    if "jobKey" not in reference:
        del body["incident"]["newRetries"]  # type: ignore[attr-defined]
    return tenant.post("/channel/job/resolve", body)


def completed(tenant: Http, instance: int) -> bool:
    detail = tenant.read(f"/api/v1/process-instances/{instance}")
    return bool(detail["processInstance"]["state"] == "COMPLETED")


async def test_an_expression_that_fails_is_repaired_with_a_variable(world: World) -> None:
    name = f"Sum-{uuid.uuid4().hex[:8]}"
    broken = drawing(name, script_task("sum", "=assert(a, a != null) + 1", "b"))
    assert world.rhino.deploy(broken).status == 200
    instance = await start(world, name)
    rhino = world.rhino
    incident = await asyncio.to_thread(only_incident, rhino, instance)
    assert incident["elementId"] == "sum"
    assert incident["errorType"] == "EXTRACT_VALUE_ERROR"
    assert incident["errorMessage"]
    assert incident["bpmnProcessId"] == name
    found = await asyncio.to_thread(
        eventually,
        lambda: rhino.read("/api/v1/search", kind="incident", processInstanceKey=instance)["total"],
    )
    assert found == 1

    again = await asyncio.to_thread(resolve, rhino, incident)
    assert again.status == 200, again.body
    second = await asyncio.to_thread(
        eventually,
        lambda: newer(rhino, instance, incident["incidentKey"]),
    )
    repaired = await asyncio.to_thread(resolve, rhino, second, a=41)
    assert repaired.status == 200, repaired.body
    await asyncio.to_thread(eventually, lambda: completed(rhino, instance))
    detail = rhino.read(f"/api/v1/process-instances/{instance}")
    assert {each["name"]: each["value"] for each in detail["variables"]}["b"] == "42"
    assert {each["state"] for each in detail["incidents"]} == {"RESOLVED"}
    late = resolve(rhino, second)
    late.problem(404, late.json["code"])


def newer(tenant: Http, instance: int, than: int) -> dict[str, Any] | None:
    """The open incident that came after the one named."""
    query = {"processInstanceKey": instance, "state": "OPEN"}
    rows = tenant.read("/api/v1/incidents", **query)["content"]
    return next((row for row in rows if row["incidentKey"] > than), None)


async def test_a_job_without_retries_is_repaired_with_new_ones(world: World) -> None:
    job_type = f"fragile-{uuid.uuid4().hex[:8]}"
    name = f"Fragile-{uuid.uuid4().hex[:8]}"
    drawn = drawing(name, service_task("fragile", job_type))
    assert world.rhino.deploy(drawn, force=True).status == 200
    instance = await start(world, name)
    take = pb.ActivateJobsRequest(
        type=job_type,
        worker="test",
        timeout=60_000,
        maxJobsToActivate=1,
        requestTimeout=10_000,
        tenantIds=["rhino"],
    )
    (job,) = (await call(world, "ActivateJobs", take)).jobs
    failed = pb.FailJobRequest(jobKey=job.key, retries=0, errorMessage="the bank is closed")
    await call(world, "FailJob", failed)
    rhino = world.rhino
    incident = await asyncio.to_thread(only_incident, rhino, instance)
    assert incident["errorType"] == "JOB_NO_RETRIES"
    assert incident["errorMessage"] == "the bank is closed"
    assert incident["jobKey"] == job.key

    world.gorilla.post(
        "/channel/job/resolve",
        {
            "incident": {
                "key": incident["incidentKey"],
                "elementInstanceKey": incident["elementInstanceKey"],
                "jobKey": incident["jobKey"],
            }
        },
    ).problem(404, "key-not-found")
    assert (await asyncio.to_thread(resolve, rhino, incident)).status == 200
    (again,) = (await call(world, "ActivateJobs", take)).jobs
    assert (again.key, again.retries) == (job.key, 2)
    await call(world, "CompleteJob", pb.CompleteJobRequest(jobKey=job.key))
    await asyncio.to_thread(eventually, lambda: completed(rhino, instance))


async def test_a_payment_that_cannot_be_helped_is_cancelled(world: World) -> None:
    name = f"Hopeless-{uuid.uuid4().hex[:8]}"
    assert world.rhino.deploy(drawing(name, script_task("x", "=assert(a, false)", "y"))).status
    instance = await start(world, name)
    rhino = world.rhino
    await asyncio.to_thread(only_incident, rhino, instance)
    assert rhino.post(f"/channel/workflow/{instance}/cancel", None).status == 200

    def terminated() -> bool:
        detail = rhino.read(f"/api/v1/process-instances/{instance}")
        return bool(detail["processInstance"]["state"] == "TERMINATED")

    await asyncio.to_thread(eventually, terminated)
    again = rhino.post(f"/channel/workflow/{instance}/cancel", None)
    again.problem(404, again.json["code"])


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"incident": {}},
        {"incident": {"key": -1, "elementInstanceKey": 1}},
        {"incident": {"key": "1", "elementInstanceKey": 1}},
        {"incident": {"key": 1, "elementInstanceKey": 1, "newRetries": 0}},
        {"incident": {"key": 1, "elementInstanceKey": 1}, "variables": []},
    ],
)
def test_a_repair_that_makes_no_sense(world: World, body: Any) -> None:
    world.rhino.post("/channel/job/resolve", body).problem(400, "invalid-fields")


def test_an_incident_nobody_has(world: World) -> None:
    body = {"incident": {"key": 12345, "elementInstanceKey": 12346}}
    world.rhino.post("/channel/job/resolve", body).problem(404, "key-not-found")
