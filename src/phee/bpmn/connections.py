"""Linking the flow nodes of one scope: sequence flows, defaults and boundary events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from phee.bpmn.model import Element, ElementType, SequenceFlow, Value
from phee.bpmn.reading import Node, Reading, text_of
from phee.bpmn.safe_xml import XmlElement
from phee.bpmn.vocabulary import MODEL

ACTIVITIES = frozenset(
    {
        ElementType.SERVICE_TASK,
        ElementType.SEND_TASK,
        ElementType.BUSINESS_RULE_TASK,
        ElementType.SCRIPT_TASK,
        ElementType.RECEIVE_TASK,
        ElementType.MANUAL_TASK,
        ElementType.TASK,
        ElementType.CALL_ACTIVITY,
        ElementType.SUB_PROCESS,
    }
)
"""What a boundary event can be attached to."""


def connect(reading: Reading, nodes: Sequence[Node], flows: Sequence[XmlElement]) -> None:
    """Turn sequence flows into links between ``nodes``, in drawing order."""
    local = {node.element.id: node.element for node in nodes}
    for xml in flows:
        flow_id = reading.id_of(xml)
        reading.check_attributes(xml, flow_id)
        source = _end(reading, xml, "sourceRef", flow_id, local)
        target = _end(reading, xml, "targetRef", flow_id, local)
        condition = _condition(reading, xml, flow_id)
        if source is not None and target is not None:
            flow = SequenceFlow(flow_id, source, target, condition)
            source.outgoing.append(flow)
            target.incoming.append(flow)
    for node in nodes:
        if node.element.type is ElementType.EXCLUSIVE_GATEWAY and node.xml.get("default"):
            _set_default(reading, node.element, node.xml.get("default", ""))


def attach_boundary_events(reading: Reading, nodes: Sequence[Node]) -> None:
    """Hang the boundary events of a scope on their activities."""
    elements = [node.element for node in nodes]
    activities = {element.id: element for element in elements if element.type in ACTIVITIES}
    for node in nodes:
        event = node.element
        if event.type is not ElementType.BOUNDARY_EVENT:
            continue
        activity = activities.get(node.xml.get("attachedToRef", ""))
        if activity is None:
            message = "The boundary event is not attached to an activity of its scope"
            reading.problems.add(event.id, "not-attached", f"{message}; put it on a task")
        else:
            event.attached_to = activity
            activity.boundary_events.append(event)


def _end(
    reading: Reading,
    xml: XmlElement,
    attribute: str,
    flow_id: str,
    local: Mapping[str, Element],
) -> Element | None:
    reference = reading.required(flow_id, xml, attribute)
    element = local.get(reference)
    if reference and element is None:
        message = f"{attribute} {reference[:80]!r} is not a flow node of the same scope"
        reading.problems.add(flow_id, "dangling-reference", f"{message}; reconnect the flow")
    return element


def _condition(reading: Reading, xml: XmlElement, flow_id: str) -> Value | None:
    condition = xml.find(f"{{{MODEL}}}conditionExpression")
    if condition is None:
        return None
    return reading.dynamic(flow_id, "The condition", text_of(condition))


def _set_default(reading: Reading, gateway: Element, flow_id: str) -> None:
    flow = next((flow for flow in gateway.outgoing if flow.id == flow_id), None)
    if flow is None:
        message = f"The default flow {flow_id[:80]!r} does not start at this gateway"
        reading.problems.add(gateway.id, "default-flow", f"{message}; choose one that does")
        return
    flow.condition = None
    gateway.default_flow = flow
