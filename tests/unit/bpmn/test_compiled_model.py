"""What the compiler makes of a drawing: links, expressions, definitions, tenants."""

from __future__ import annotations

from pathlib import Path

import pytest

from phee import flows
from phee.bpmn import (
    ElementType,
    EventType,
    InvalidBpmn,
    Process,
    TimerKind,
    compile_bpmn,
    replace_tenant,
)
from phee.errors import InvalidInput

SHARED = Path(__file__).parents[3].parent / "shared/flows"
DRAWING = b"""<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="d">
  <bpmn:process id="pay-DFSPID" name="Pay" isExecutable="true">
    <bpmn:startEvent id="start"><bpmn:outgoing>a</bpmn:outgoing></bpmn:startEvent>
    <bpmn:startEvent id="nightly"><bpmn:timerEventDefinition>
      <bpmn:timeCycle> R/P1D </bpmn:timeCycle></bpmn:timerEventDefinition></bpmn:startEvent>
    <bpmn:serviceTask id="block" name="Block">
      <bpmn:extensionElements>
        <zeebe:taskDefinition type="block-DFSPID" retries="=tries"/>
        <zeebe:taskHeaders><zeebe:header key="k" value="v"/></zeebe:taskHeaders>
        <zeebe:ioMapping>
          <zeebe:input source="=amount" target="money.amount"/>
          <zeebe:output source="=code" target="transferCode"/>
        </zeebe:ioMapping>
      </bpmn:extensionElements>
    </bpmn:serviceTask>
    <bpmn:boundaryEvent id="refused" attachedToRef="block">
      <bpmn:errorEventDefinition errorRef="funds"/></bpmn:boundaryEvent>
    <bpmn:boundaryEvent id="slow" attachedToRef="block" cancelActivity="false">
      <bpmn:timerEventDefinition><bpmn:timeDuration>=window</bpmn:timeDuration>
      </bpmn:timerEventDefinition></bpmn:boundaryEvent>
    <bpmn:exclusiveGateway id="ok" default="no"/>
    <bpmn:subProcess id="inner">
      <bpmn:startEvent id="in"/><bpmn:callActivity id="call"><bpmn:extensionElements>
        <zeebe:calledElement processId="child" propagateAllChildVariables="false"/>
      </bpmn:extensionElements></bpmn:callActivity>
      <bpmn:sequenceFlow id="in_call" sourceRef="in" targetRef="call"/>
    </bpmn:subProcess>
    <bpmn:receiveTask id="wait" messageRef="answer"/>
    <bpmn:scriptTask id="sum"><bpmn:extensionElements>
      <zeebe:script expression="=1 + 1" resultVariable="two"/></bpmn:extensionElements>
    </bpmn:scriptTask>
    <bpmn:endEvent id="end"/>
    <bpmn:endEvent id="stop"><bpmn:terminateEventDefinition/></bpmn:endEvent>
    <bpmn:sequenceFlow id="a" sourceRef="start" targetRef="block"/>
    <bpmn:sequenceFlow id="a2" sourceRef="nightly" targetRef="block"/>
    <bpmn:sequenceFlow id="b" sourceRef="block" targetRef="ok"/>
    <bpmn:sequenceFlow id="yes" sourceRef="ok" targetRef="inner">
      <bpmn:conditionExpression>=amount &gt; 1</bpmn:conditionExpression></bpmn:sequenceFlow>
    <bpmn:sequenceFlow id="no" sourceRef="ok" targetRef="stop"/>
    <bpmn:sequenceFlow id="c" sourceRef="inner" targetRef="wait"/>
    <bpmn:sequenceFlow id="e" sourceRef="wait" targetRef="sum"/>
    <bpmn:sequenceFlow id="f" sourceRef="sum" targetRef="end"/>
    <bpmn:sequenceFlow id="g" sourceRef="refused" targetRef="end"/>
    <bpmn:sequenceFlow id="h" sourceRef="slow" targetRef="end"/>
  </bpmn:process>
  <bpmn:message id="answer" name="answer"><bpmn:extensionElements>
    <zeebe:subscription correlationKey="=id"/></bpmn:extensionElements></bpmn:message>
  <bpmn:error id="funds" errorCode="NO_FUNDS"/>
</bpmn:definitions>"""


@pytest.fixture(scope="module")
def process() -> Process:
    (compiled,) = compile_bpmn(DRAWING)
    return compiled


def test_process(process: Process) -> None:
    assert (process.id, process.name) == ("pay-DFSPID", "Pay")
    assert process.elements[process.id] is process.root
    assert process.root.none_start is process.elements["start"]
    assert [start.id for start in process.start_events] == ["nightly"]
    assert process.job_types == {"block-DFSPID"}


def test_children_are_in_drawing_order(process: Process) -> None:
    ids = [child.id for child in process.root.children]
    assert ids[:3] == ["start", "nightly", "block"]
    assert all(child.parent is process.root for child in process.root.children)


def test_flows_link_elements(process: Process) -> None:
    gateway = process.elements["ok"]
    assert [flow.id for flow in gateway.outgoing] == ["yes", "no"]
    assert [flow.source.id for flow in gateway.incoming] == ["block"]
    assert gateway.default_flow is gateway.outgoing[1]
    condition = gateway.outgoing[0].condition
    assert condition is not None
    assert condition.expression is not None
    assert condition.expression.evaluate({"amount": 2}) is True
    assert gateway.outgoing[1].condition is None


def test_service_task(process: Process) -> None:
    element = process.elements["block"]
    assert element.task is not None
    assert (element.type, element.event_type) == (ElementType.SERVICE_TASK, EventType.UNSPECIFIED)
    assert element.task.type.expression is None
    assert element.task.retries.expression is not None
    assert element.task.headers == {"k": "v"}
    assert element.inputs[0].target == ("money", "amount")
    assert element.outputs[0].target == ("transferCode",)


def test_boundary_events(process: Process) -> None:
    refused, slow = process.elements["block"].boundary_events
    assert refused.error is not None
    assert refused.error.code is not None
    assert refused.error.code.text == "NO_FUNDS"
    assert (refused.event_type, refused.interrupting) == (EventType.ERROR, True)
    assert slow.timer is not None
    assert (slow.timer.kind, slow.timer.value.text) == (TimerKind.DURATION, "=window")
    assert (slow.attached_to, slow.interrupting) == (process.elements["block"], False)


def test_scopes(process: Process) -> None:
    inner, call = process.elements["inner"], process.elements["call"]
    assert inner.is_scope
    assert inner.none_start is process.elements["in"]
    assert call.parent is inner
    assert call.called_element is not None
    assert call.called_element.process_id.text == "child"
    assert call.called_element.propagate_all_child_variables is False
    assert call.called_element.propagate_all_parent_variables is True


def test_events_and_definitions(process: Process) -> None:
    elements = process.elements
    assert elements["end"].event_type is EventType.NONE
    assert elements["stop"].event_type is EventType.TERMINATE
    assert elements["nightly"].timer is not None
    assert elements["nightly"].timer.value.text == "R/P1D"
    wait = elements["wait"].message
    assert wait is not None
    assert wait.correlation_key is not None
    assert (wait.name.text, wait.correlation_key.text) == ("answer", "=id")
    script = elements["sum"].script
    assert script is not None
    assert (script.result_variable, script.expression.evaluate({})) == ("two", 2)


def test_all_problems_are_told_at_once() -> None:
    broken = (
        DRAWING.replace(b'targetRef="end"', b'targetRef="gone"')
        .replace(b"=amount &gt; 1", b"=amount &gt;")
        .replace(b'messageRef="answer"', b"")
    )
    with pytest.raises(InvalidBpmn) as caught:
        compile_bpmn(broken, "pay.bpmn")
    rules = {(problem.element_id, problem.rule) for problem in caught.value.problems}
    assert rules >= {
        ("f", "dangling-reference"),
        ("g", "dangling-reference"),
        ("yes", "expression"),
        ("wait", "missing-message"),
    }
    text = str(caught.value)
    assert "pay.bpmn" in text
    assert all(problem.message in text for problem in caught.value.problems)


def test_tenant_is_replaced_everywhere() -> None:
    (compiled,) = compile_bpmn(replace_tenant(DRAWING, "rhino"))
    assert compiled.id == "pay-rhino"
    assert compiled.job_types == {"block-rhino"}


@pytest.mark.parametrize("tenant_id", ["", "a b", 'x"/>', "é", "a" * 32, "a\n", "<x>"])
def test_malformed_tenant_is_refused(tenant_id: str) -> None:
    with pytest.raises(InvalidInput, match="tenant id"):
        replace_tenant(DRAWING, tenant_id)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"upstream drawings are not at {SHARED}")
@pytest.mark.parametrize("path", sorted(SHARED.glob("*.bpmn")), ids=lambda path: path.name)
def test_upstream_drawing_compiles(path: Path) -> None:
    (compiled,) = compile_bpmn(replace_tenant(path.read_bytes(), "rhino"), path.name)
    assert "DFSPID" not in compiled.id
    assert compiled.root.none_start is not None


def test_own_drawings_compile_for_a_tenant() -> None:
    ids = [compile_bpmn(each.content, each.name)[0].id for each in flows.resources("rhino")]
    assert ids == [flows.process_id(flow, "rhino") for flow in flows.FLOWS]
