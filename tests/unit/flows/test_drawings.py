"""The drawings that ship keep their promises, and modelers can show them."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from lxml import etree

from phee import flows
from phee.bpmn import Element, ElementType, EventType, Process, compile_bpmn
from phee.commands import Resource

ROOT = Path(__file__).parents[3]
RESOURCES = flows.resources("rhino")
DI = "{http://www.omg.org/spec/BPMN/20100524/DI}"
DC = "{http://www.omg.org/spec/DD/20100524/DC}"
WAYPOINT = "{http://www.omg.org/spec/DD/20100524/DI}waypoint"
MODEL = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
MESSAGES = {
    "PayerFundTransfer": {
        "party-lookup": "=transactionId",
        "quote-callback": "=quoteId",
        "quote-error": "=quoteId",
        "accept-quote": "=transactionId",
        "transfer-response": "=transactionId",
        "operator-manual-recovery": "=transactionId",
    },
    "PayeeQuoteTransfer": {
        "transfer-message": "=transactionId",
        "quote-error": "=quoteId",
        "transfer-committed": "=transactionId",
    },
    "PayeePartyLookup": {},
}
JOB_TYPES = {
    "PayerFundTransfer": {
        *("party-lookup-request-rhino", "quote-rhino", "payer-local-quote-rhino"),
        *("payer-request-confirm-rhino", "block-funds", "send-transfer-request-rhino"),
        *("get-transfer-state-rhino", "book-funds", "release-block", "notify-ams-failure"),
        *("send-error-to-channel", "send-success-to-channel", "send-unknown-to-channel"),
        "notify-operator",
    },
    "PayeeQuoteTransfer": {
        *("payee-quote-rhino", "payee-quote-response-rhino", "payee-prepare-transfer-rhino"),
        *("payee-transfer-response-rhino", "get-transfer-state-rhino"),
        *("payee-commit-transfer-rhino", "payee-release-transfer-rhino"),
        *("notify-ams-failure", "send-success-to-channel"),
    },
    "PayeePartyLookup": {"party-lookup-local-rhino", "party-lookup-local-response-rhino"},
}
HOLDS = {
    "PayerFundTransfer": ("block-funds", {"book-funds", "release-block"}),
    "PayeeQuoteTransfer": (
        "payee-prepare-transfer-rhino",
        {"payee-commit-transfer-rhino", "payee-release-transfer-rhino"},
    ),
}

every_drawing = pytest.mark.parametrize("resource", RESOURCES, ids=lambda each: each.name)


def compiled(resource: Resource) -> Process:
    (process,) = compile_bpmn(resource.content, resource.name)
    return process


def flow_of(process: Process) -> str:
    return process.id.removesuffix("-rhino")


def nodes(process: Process) -> list[Element]:
    return [element for element in process.elements.values() if element is not process.root]


def job_type(element: Element) -> str:
    return "" if element.task is None else element.task.type.text


def followers(element: Element) -> list[Element]:
    """Where a token can be next, over flows and over boundary events."""
    ways = [flow for event in element.boundary_events for flow in event.outgoing]
    return [flow.target for flow in (*element.outgoing, *ways)]


@every_drawing
def test_messages_and_their_keys(resource: Resource) -> None:
    process = compiled(resource)
    found = {
        e.message.name.text: e.message.correlation_key.text
        for e in nodes(process)
        if e.message is not None and e.message.correlation_key is not None
    }
    assert found == MESSAGES[flow_of(process)]


@every_drawing
def test_job_types(resource: Resource) -> None:
    process = compiled(resource)
    assert process.job_types == JOB_TYPES[flow_of(process)]


@every_drawing
def test_every_receive_task_has_a_timer(resource: Resource) -> None:
    waits = [e for e in nodes(compiled(resource)) if e.type is ElementType.RECEIVE_TASK]
    for wait in waits:
        assert any(
            event.event_type is EventType.TIMER and event.interrupting
            for event in wait.boundary_events
        ), f"{wait.id} would wait for ever"


@every_drawing
def test_every_event_wait_has_a_timer(resource: Resource) -> None:
    for element in nodes(compiled(resource)):
        if element.type is ElementType.EVENT_BASED_GATEWAY:
            kinds = {flow.target.event_type for flow in element.outgoing}
            assert EventType.TIMER in kinds, f"{element.id} would wait for ever"
        if element.event_type is EventType.MESSAGE and element.type is (
            ElementType.INTERMEDIATE_CATCH_EVENT
        ):
            sources = {flow.source.type for flow in element.incoming}
            assert sources == {ElementType.EVENT_BASED_GATEWAY}, element.id


@every_drawing
def test_every_timer_is_a_variable(resource: Resource) -> None:
    known = {"responseTimeout", "payerDecisionTimeout", "transferWindow", "operatorRecheckInterval"}
    timers = {e.timer.value.text for e in nodes(compiled(resource)) if e.timer is not None}
    assert timers <= {f"={name}" for name in known}


@every_drawing
def test_every_choice_has_a_default(resource: Resource) -> None:
    for element in nodes(compiled(resource)):
        if element.type is ElementType.EXCLUSIVE_GATEWAY:
            assert element.default_flow is not None, element.id
            assert len(element.outgoing) > 1, element.id


@every_drawing
def test_every_element_can_be_reached_and_leads_to_an_end(resource: Resource) -> None:
    process = compiled(resource)
    assert process.root.none_start is not None
    reached = reach(process.root.none_start, set())
    assert {e.id for e in nodes(process)} == {e.id for e in reached} | {
        event.id for e in reached for event in e.boundary_events
    }
    for element in reached:
        ends = {e.type for e in reach(element, set())}
        assert ElementType.END_EVENT in ends, f"{element.id} leads to no end"


def reach(first: Element, closed: set[Element]) -> set[Element]:
    """Everything a token at ``first`` can come to without entering ``closed``."""
    seen: set[Element] = set()
    waiting = [first]
    while waiting:
        element = waiting.pop()
        if element not in seen and element not in closed:
            seen.add(element)
            waiting += followers(element)
    return seen


@pytest.mark.parametrize("resource", RESOURCES[:2], ids=lambda each: each.name)
def test_every_hold_is_booked_or_released_or_settled_by_an_operator(resource: Resource) -> None:
    process = compiled(resource)
    hold, endings = HOLDS[flow_of(process)]
    (held,) = (e for e in nodes(process) if job_type(e) == hold)
    finishing = {e for e in nodes(process) if job_type(e) in endings}
    assert len(finishing) == len(endings)
    overridden = {e for e in nodes(process) if "Overridden" in e.id and is_end(e)}
    not_held = {e for e in nodes(process) if is_end(e) and e.id in NOT_HELD}
    open_ends = {e.id for e in reach(held, finishing | overridden | not_held) if is_end(e)}
    assert open_ends == set(), "these ends leave money held"


NOT_HELD = {"EndEvent_Failed_NotBlocked", "EndEvent_Failed_Prepare"}
"""Reached only when the hold itself failed, which the next test proves."""


def is_end(element: Element) -> bool:
    return element.type is ElementType.END_EVENT


@pytest.mark.parametrize("resource", RESOURCES[:2], ids=lambda each: each.name)
def test_nothing_is_held_where_the_hold_failed(resource: Resource) -> None:
    process = compiled(resource)
    hold, _ = HOLDS[flow_of(process)]
    (held,) = (e for e in nodes(process) if job_type(e) == hold)
    (gateway,) = followers(held)
    failed = next(flow for flow in gateway.outgoing if flow is not gateway.default_flow)
    assert failed.condition is not None
    assert failed.condition.text == "=transferPrepareFailed = true"
    assert {e.id for e in reach(failed.target, set()) if is_end(e)} <= NOT_HELD
    assert gateway.default_flow is not None
    assert not {e.id for e in reach(gateway.default_flow.target, set())} & NOT_HELD


@pytest.mark.parametrize("resource", RESOURCES[:2], ids=lambda each: each.name)
def test_a_success_is_told_only_after_the_money_was_booked(resource: Resource) -> None:
    process = compiled(resource)
    _, endings = HOLDS[flow_of(process)]
    booked = {e for e in nodes(process) if job_type(e) in endings and "release" not in job_type(e)}
    assert process.root.none_start is not None
    without = reach(process.root.none_start, booked)
    assert all("Failed" in e.id for e in without if is_end(e))


@every_drawing
def test_end_events_say_whether_the_payment_failed(resource: Resource) -> None:
    for element in nodes(compiled(resource)):
        if "Failed" in element.id and element.type is not ElementType.SERVICE_TASK:
            assert is_end(element), f"{element.id} is no end"


@every_drawing
def test_every_element_has_a_name(resource: Resource) -> None:
    for element in nodes(compiled(resource)):
        assert element.name, element.id
        if element.type is ElementType.EXCLUSIVE_GATEWAY:
            root = etree.fromstring(resource.content)
            for flow in element.outgoing:
                (drawn,) = root.iterfind(f".//{MODEL}sequenceFlow[@id='{flow.id}']")
                assert drawn.get("name"), flow.id


Box = tuple[float, float, float, float]


def boxes(resource: Resource) -> dict[str, Box]:
    found: dict[str, Box] = {}
    for shape in etree.fromstring(resource.content).iter(f"{DI}BPMNShape"):
        bounds = shape.find(f"{DC}Bounds")
        assert bounds is not None
        x, y, width, height = (
            float(bounds.get(name, "nan")) for name in ("x", "y", "width", "height")
        )
        found[shape.get("bpmnElement", "")] = (x, y, x + width, y + height)
    return found


@every_drawing
def test_every_element_has_diagram_information(resource: Resource) -> None:
    process = compiled(resource)
    drawn = boxes(resource)
    assert {e.id for e in nodes(process)} <= drawn.keys()
    edges = {
        edge.get("bpmnElement"): edge.findall(WAYPOINT)
        for edge in etree.fromstring(resource.content).iter(f"{DI}BPMNEdge")
    }
    for element in nodes(process):
        for flow in element.outgoing:
            points = [(float(p.get("x", "nan")), float(p.get("y", "nan"))) for p in edges[flow.id]]
            assert touches(points[0], drawn[flow.source.id]), flow.id
            assert touches(points[-1], drawn[flow.target.id]), flow.id
            for (x1, y1), (x2, y2) in pairwise(points):
                assert abs(x1 - x2) <= 1 or abs(y1 - y2) <= 1, f"{flow.id} is not orthogonal"


def touches(point: tuple[float, float], box: Box) -> bool:
    x, y = point
    left, top, right, bottom = box
    return left - 1 <= x <= right + 1 and top - 1 <= y <= bottom + 1


@every_drawing
def test_no_shapes_overlap(resource: Resource) -> None:
    process = compiled(resource)
    attached = {e.id: e.attached_to.id for e in nodes(process) if e.attached_to is not None}
    for (one, a), (two, b) in combinations(boxes(resource).items(), 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart or attached.get(one) == two or attached.get(two) == one, f"{one} on {two}"


def test_files_are_what_the_script_draws() -> None:
    command = [sys.executable, str(ROOT / "scripts/draw_flows.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_resources_belong_to_the_tenant() -> None:
    for resource in flows.resources("gorilla"):
        assert b"DFSPID" not in resource.content
        assert resource.name.endswith("-gorilla.bpmn")
