"""What is changed in a tenant's drawing for a cluster without tenants, and what is refused."""

from __future__ import annotations

import pytest
from lxml import etree
from orchestrator_world import drawing

from phee import flows
from phee.bpmn import compile_bpmn
from phee.commands import Resource
from phee.errors import InvalidInput
from phee.gateway.zeebe.drawing import walled_drawing
from phee.gateway.zeebe.tenancy import NamedTenants
from phee.records import DEFAULT_TENANT

TENANTS = NamedTenants({"rhino", "gorilla", "north-rhino"}.__contains__)
MODEL = "http://www.omg.org/spec/BPMN/20100524/MODEL"


def walled(text: str, tenant_id: str = "rhino", process: str = "p-rhino") -> etree._Element:
    document = (
        f'<definitions xmlns="{MODEL}" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0">'
        f'<process id="{process}" isExecutable="true"/>{text}</definitions>'
    )
    resource = walled_drawing(Resource("p.bpmn", document.encode()), tenant_id, TENANTS)
    return etree.fromstring(resource.content)


@pytest.mark.parametrize("kind", ["message", "signal"])
@pytest.mark.parametrize(
    ("drawn", "deployed"),
    [("answer", "answer@rhino"), ("=kind", '=(kind) + "@rhino"'), ("", ""), (None, None)],
)
def test_names_that_others_could_hear(kind: str, drawn: str | None, deployed: str | None) -> None:
    name = "" if drawn is None else f'name="{drawn}"'
    (definition,) = walled(f'<{kind} id="m" {name}/>').iter(f"{{{MODEL}}}{kind}")
    assert definition.get("name") == deployed


def test_the_default_tenant_keeps_its_names() -> None:
    found = walled('<message name="a@nobody"/><message name="=b"/>', DEFAULT_TENANT, "p")
    assert [each.get("name") for each in found.iter(f"{{{MODEL}}}message")] == ["a@nobody", "=b"]
    with pytest.raises(InvalidInput, match="is that of a message of rhino"):
        walled('<message name="a@rhino"/>', DEFAULT_TENANT, "p")


@pytest.mark.parametrize(
    ("process", "tenant_id"),
    [
        ("p", "rhino"),
        ("p-gorilla", "rhino"),
        ("p-north-rhino", "rhino"),
        ("p-rhino", "north-rhino"),
        ("p-rhino", DEFAULT_TENANT),
        ("rhino", "rhino"),
        ("", "rhino"),
    ],
)
def test_a_process_that_would_be_somebody_elses(process: str, tenant_id: str) -> None:
    with pytest.raises(InvalidInput, match="would belong to"):
        walled("", tenant_id, process)


def test_a_pool_that_does_not_run_may_be_called_anything() -> None:
    walled('<process id="The customer" isExecutable="false"/>')
    with pytest.raises(InvalidInput, match="would belong to"):
        walled('<process id="other"/>')


@pytest.mark.parametrize("tenant_id", ["rhino", "nobody-yet"])
def test_the_flows_that_ship_stay_what_they_are(tenant_id: str) -> None:
    for resource in flows.resources(tenant_id):
        before = compile_bpmn(resource.content, resource.name)
        deployed = walled_drawing(resource, tenant_id, TENANTS)
        after = compile_bpmn(deployed.content, resource.name)
        assert [each.id for each in after] == [each.id for each in before]
        assert [each.job_types for each in after] == [each.job_types for each in before]
        assert deployed == walled_drawing(resource, tenant_id, TENANTS)


def test_what_is_no_drawing() -> None:
    hostile = b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"
    for content in (b"", b"no xml", hostile, drawing("p").content[:-20]):
        with pytest.raises(InvalidInput):
            walled_drawing(Resource("p.bpmn", content), "rhino", TENANTS)
