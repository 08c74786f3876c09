"""Onboarding and deploying over HTTP: repeatable, all or nothing, nothing nobody serves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_hub import FakeOrchestrator, two_tenants
from litestar.testing import TestClient

from phee.operations.administration import (
    Administration,
    ConsumerStatus,
    HubStatus,
    RunningAnswer,
    RunningGroup,
    administration_routes,
)
from phee.tenants import Tenant
from phee.web import HubApp, create_app

DRAWING = """<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
    xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="d" targetNamespace="t">
  <bpmn:process id="P-DFSPID" isExecutable="true">
    <bpmn:startEvent id="s"><bpmn:outgoing>a</bpmn:outgoing></bpmn:startEvent>
    <bpmn:sequenceFlow id="a" sourceRef="s" targetRef="t"/>
    <bpmn:serviceTask id="t"><bpmn:extensionElements>
      <zeebe:taskDefinition type="JOB-DFSPID"/></bpmn:extensionElements>
      <bpmn:incoming>a</bpmn:incoming><bpmn:outgoing>b</bpmn:outgoing></bpmn:serviceTask>
    <bpmn:sequenceFlow id="b" sourceRef="t" targetRef="e"/>
    <bpmn:endEvent id="e"><bpmn:incoming>b</bpmn:incoming></bpmn:endEvent>
  </bpmn:process>
</bpmn:definitions>"""
STATUS = HubStatus(
    version="1", uptime_s=1.0, orchestrator="127.0.0.1:26500", epoch="1", partition_id=1,
    durable_position=7, tenants=["rhino"],
    consumers=[ConsumerStatus(name="search", acknowledged_position=5, lag_records=2)],
    intake_limited_by=None, data_directory="/data",
)  # fmt: skip


@pytest.fixture
def orchestrator() -> FakeOrchestrator:
    return FakeOrchestrator()


@pytest.fixture
def served() -> list[str]:
    return []


@pytest.fixture
def client(
    tmp_path: Path, orchestrator: FakeOrchestrator, served: list[str]
) -> Iterator[TestClient[HubApp]]:
    async def onboarded(tenant: Tenant) -> None:
        served.append(tenant.id)

    async def running() -> RunningAnswer:
        group = RunningGroup(tenant="rhino", bpmn_process_id="P", process_instance_keys=[7])
        return RunningAnswer(epoch="1", partition_id=1, position=5, groups=[group])

    administration = Administration(
        two_tenants(tmp_path),
        orchestrator,  # type: ignore[arg-type]
        flows=lambda tenant_id: (),
        is_served=lambda job_type: job_type == "known-rhino",
        onboarded=onboarded,
        status=lambda: STATUS,
        running=running,
    )
    with TestClient(create_app([administration_routes(administration)])) as client:
        yield client


def test_a_tenant_is_onboarded_and_served(client: TestClient[HubApp], served: list[str]) -> None:
    for _ in range(2):
        response = client.post("/api/v1/tenants", json={"id": "lion", "fspId": "lion-bank"})
        assert (response.status_code, response.json()["fspId"]) == (200, "lion-bank")
    assert served == ["lion", "lion"]
    ids = [tenant["id"] for tenant in client.get("/api/v1/tenants").json()]
    assert ids == ["gorilla", "lion", "rhino"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"id": "LION"}, 400),
        ({"id": "../x"}, 400),
        ({"id": "lion", "currencies": ["ABC"]}, 400),
        ({"id": "lion", "colour": "red"}, 400),
        ({"id": "lion", "settings": {"responseTimeout": "soon"}}, 400),
        ({"id": "lion", "fspId": "gorilla-bank"}, 409),
        ({"id": "rhino", "name": "Another"}, 409),
    ],
)
def test_bad_tenants(
    client: TestClient[HubApp], served: list[str], body: dict[str, object], status: int
) -> None:
    response = client.post("/api/v1/tenants", json=body)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert served == []


def deploy(client: TestClient[HubApp], drawing: str, query: str = "") -> Any:
    return client.post(
        f"/api/v1/deployments{query}",
        json={"resources": [{"name": "flow.bpmn", "content": drawing}]},
        headers={"Platform-TenantId": "rhino"},
    )


def test_a_job_type_nobody_serves_is_reported(
    client: TestClient[HubApp], orchestrator: FakeOrchestrator
) -> None:
    response = deploy(client, DRAWING.replace("JOB", "lost"))
    assert response.status_code == 409
    problem = response.json()
    assert problem["code"] == "job-type-not-served"
    assert "lost-rhino (in P-rhino)" in problem["detail"]
    assert orchestrator.calls == []
    assert deploy(client, DRAWING.replace("JOB", "lost"), "?force=true").status_code == 200
    assert orchestrator.calls == [("deploy", ("flow.bpmn",), "rhino")]


def test_a_served_drawing_is_deployed(
    client: TestClient[HubApp], orchestrator: FakeOrchestrator
) -> None:
    assert deploy(client, DRAWING.replace("JOB", "known")).status_code == 200
    assert len(orchestrator.calls) == 1


@pytest.mark.parametrize("drawing", ["<x/>", "not xml", "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"])
def test_a_broken_drawing_is_a_problem(
    client: TestClient[HubApp], orchestrator: FakeOrchestrator, drawing: str
) -> None:
    response = deploy(client, drawing)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert orchestrator.calls == []


def test_the_status_is_in_numbers(client: TestClient[HubApp]) -> None:
    status = client.get("/api/v1/status").json()
    assert (status["durablePosition"], status["consumers"][0]["lagRecords"]) == (7, 2)


def test_what_runs_is_listed_with_its_position(client: TestClient[HubApp]) -> None:
    answer = client.get("/api/v1/running-instances").json()
    assert answer["position"] == 5
    assert answer["groups"][0]["processInstanceKeys"] == [7]
