"""Processes and sub-processes: their flow nodes, read in drawing order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from phee.bpmn.checks import check_scope
from phee.bpmn.connections import attach_boundary_events, connect
from phee.bpmn.events import read_boundary_event, read_event
from phee.bpmn.model import Element, ElementType, EventType
from phee.bpmn.reading import Node, Reading, model_children
from phee.bpmn.safe_xml import XmlElement
from phee.bpmn.tasks import (
    read_call_activity,
    read_job_task,
    read_mappings,
    read_plain,
    read_receive_task,
    read_script_task,
)
from phee.bpmn.vocabulary import (
    EVENT_DEFINITIONS,
    LOOPS_NOT_SUPPORTED,
    NODE_PARTS_IGNORED,
    NODES_NOT_SUPPORTED,
    ZEEBE,
    local_name,
    namespace,
)

_Read = Callable[[Reading, Node], None]
_KINDS: dict[str, tuple[ElementType, _Read]] = {
    "startEvent": (ElementType.START_EVENT, read_event),
    "endEvent": (ElementType.END_EVENT, read_event),
    "intermediateCatchEvent": (ElementType.INTERMEDIATE_CATCH_EVENT, read_event),
    "boundaryEvent": (ElementType.BOUNDARY_EVENT, read_boundary_event),
    "serviceTask": (ElementType.SERVICE_TASK, read_job_task),
    "sendTask": (ElementType.SEND_TASK, read_job_task),
    "businessRuleTask": (ElementType.BUSINESS_RULE_TASK, read_job_task),
    "scriptTask": (ElementType.SCRIPT_TASK, read_script_task),
    "receiveTask": (ElementType.RECEIVE_TASK, read_receive_task),
    "manualTask": (ElementType.MANUAL_TASK, read_plain),
    "task": (ElementType.TASK, read_plain),
    "callActivity": (ElementType.CALL_ACTIVITY, read_call_activity),
    "subProcess": (ElementType.SUB_PROCESS, read_plain),
    "exclusiveGateway": (ElementType.EXCLUSIVE_GATEWAY, read_plain),
    "parallelGateway": (ElementType.PARALLEL_GATEWAY, read_plain),
    "eventBasedGateway": (ElementType.EVENT_BASED_GATEWAY, read_plain),
}
_EVENT_TYPES = frozenset(
    {
        ElementType.START_EVENT,
        ElementType.END_EVENT,
        ElementType.INTERMEDIATE_CATCH_EVENT,
        ElementType.BOUNDARY_EVENT,
    }
)


@dataclass(slots=True)
class ScopeReader:
    """Reads the scopes of one process into ``elements`` (by id)."""

    reading: Reading
    elements: dict[str, Element]

    def read(self, xml: XmlElement, scope: Element) -> None:
        """Read the children of a process or sub-process and link them to each other."""
        nodes: list[Node] = []
        flows: list[XmlElement] = []
        for child in self._parts(xml, scope):
            name = local_name(child.tag)
            if name == "sequenceFlow":
                flows.append(child)
            elif name in _KINDS:
                nodes.append(self._read_node(child, scope))
            else:
                self._check_other(child, name, scope)
        connect(self.reading, nodes, flows)
        attach_boundary_events(self.reading, nodes)
        scope.none_start = next(filter(_is_none_start, scope.children), None)
        check_scope(self.reading.problems, scope)

    def _read_node(self, xml: XmlElement, scope: Element) -> Node:
        kind, read = _KINDS[local_name(xml.tag)]
        element = Element(self.reading.id_of(xml), kind, name=xml.get("name", ""), parent=scope)
        self.elements.setdefault(element.id, element)
        scope.children.append(element)
        node = Node(xml, element, self.reading.extensions(xml, element.id))
        self.reading.check_attributes(xml, element.id)
        self.reading.check_outgoing(xml, element.id)
        self._check_markers(xml, element)
        read(self.reading, node)
        read_mappings(self.reading, node)
        if kind is ElementType.SUB_PROCESS:
            self.read(xml, element)
        else:
            self._check_parts(xml, element)
        return node

    def _check_other(self, xml: XmlElement, name: str, scope: Element) -> None:
        element_id = xml.get("id", scope.id)
        if name in NODES_NOT_SUPPORTED:
            message = f"A {NODES_NOT_SUPPORTED[name]} is not supported; draw it with other elements"
            self._problem(element_id, "not-supported", message)
        elif name in LOOPS_NOT_SUPPORTED:
            self._refuse_loop(name, scope)
        elif name not in NODE_PARTS_IGNORED:
            message = f"{name[:80]!r} is not a BPMN flow element; remove it"
            self._problem(element_id, "unknown-element", message)

    def _check_markers(self, xml: XmlElement, element: Element) -> None:
        if xml.get("isForCompensation") in ("true", "1"):
            self._problem(element.id, "not-supported", "Compensation is not supported; remove it")
        if xml.get("triggeredByEvent") in ("true", "1"):
            message = "An event sub-process is not supported; use boundary events"
            self._problem(element.id, "not-supported", message)

    def _check_parts(self, xml: XmlElement, element: Element) -> None:
        for part in self._parts(xml, element):
            name = local_name(part.tag)
            if name in LOOPS_NOT_SUPPORTED:
                self._refuse_loop(name, element)
            elif name == "eventDefinitionRef":
                message = "A shared event definition is not supported; define it in the event"
                self._problem(element.id, "not-supported", message)
            elif not _belongs(name, element):
                message = f"{name[:80]!r} does not belong into this element; remove it"
                self._problem(element.id, "unknown-element", message)

    def _parts(self, xml: XmlElement, scope: Element) -> Iterator[XmlElement]:
        for child in xml:
            if namespace(child.tag) == ZEEBE:
                message = f"zeebe:{local_name(child.tag)[:80]} stands outside extensionElements"
                self._problem(scope.id, "misplaced-extension", f"{message}; move it there")
        return model_children(xml)

    def _refuse_loop(self, name: str, element: Element) -> None:
        message = f"A {LOOPS_NOT_SUPPORTED[name]} is not supported; draw the loop with gateways"
        self._problem(element.id, "not-supported", message)

    def _problem(self, element_id: str, rule: str, message: str) -> None:
        self.reading.problems.add(element_id, rule, message)


def _belongs(name: str, element: Element) -> bool:
    if element.type in _EVENT_TYPES and name in EVENT_DEFINITIONS:
        return True
    return name in NODE_PARTS_IGNORED


def _is_none_start(element: Element) -> bool:
    return element.type is ElementType.START_EVENT and element.event_type is EventType.NONE
