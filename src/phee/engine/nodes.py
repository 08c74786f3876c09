"""Executable nodes: the elements of a drawing with their behaviour bound.

Built once, at deployment. Invariants: a node never changes afterwards; everything a step needs
(neighbours, catch events, behaviour) hangs on it, so nothing is looked up by name while running.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from phee.bpmn.model import (
    CalledElement,
    Element,
    ElementType,
    ErrorDefinition,
    EventType,
    MessageDefinition,
    Process,
    Script,
    TaskDefinition,
    TimerDefinition,
    Value,
)
from phee.feel import to_text

if TYPE_CHECKING:
    from phee.engine.core import Core
    from phee.engine.instances import ElementInstance

    Step = Callable[[Core, ElementInstance], None]
    LastStep = Callable[[Core, ElementInstance], ElementInstance | None]


class Behavior:
    """What an element does; every step is idempotent until it writes its event.

    ``activate`` runs after ELEMENT_ACTIVATING and the input mappings, ``complete`` after
    ELEMENT_COMPLETING, ``terminate`` after ELEMENT_TERMINATING. ``end_termination`` is the last
    step, once nothing is left inside; it returns whose turn to end that makes it, if anyone's.
    """

    __slots__ = ("activate", "complete", "end_termination", "terminate")

    def __init__(
        self,
        activate: Step,
        complete: Step,
        terminate: Step,
        end_termination: LastStep,
    ) -> None:
        self.activate = activate
        self.complete = complete
        self.terminate = terminate
        self.end_termination = end_termination


class Flow:
    """A sequence flow between nodes."""

    __slots__ = ("condition", "id", "source", "target")

    def __init__(self, id: str, source: Node, target: Node, condition: Value | None) -> None:  # noqa: A002
        self.id = id
        self.source = source
        self.target = target
        self.condition = condition


class Node:
    """A flow node, a sub-process or the process itself.

    Attributes:
        joined: the ids of the incoming flows, on a parallel gateway that joins (else empty).
        catches: the events to listen to while a token is here, as nodes: boundary events, the
            events behind an event-based gateway, or the node itself when it is a catch event.
        listens: the same, split by kind, in the order Zeebe subscribes (messages, timers).
        caught_code: the error code a boundary event catches (None: every code).
        takes_event: the variables of a caught event become local here before they propagate.
    """

    __slots__ = (
        "activate",
        "attached_to",
        "boundary_events",
        "called_element",
        "catches",
        "caught_code",
        "children",
        "complete",
        "default_flow",
        "end_termination",
        "error",
        "error_boundaries",
        "event_type",
        "id",
        "inputs",
        "interrupting",
        "is_boundary",
        "is_gateway",
        "is_scope",
        "joined",
        "message",
        "message_catches",
        "none_start",
        "outgoing",
        "outputs",
        "parent",
        "script",
        "takes_event",
        "task",
        "terminate",
        "timer",
        "timer_catches",
        "type",
    )

    def __init__(self, element: Element, behavior: Behavior) -> None:
        self.id = element.id
        self.type = str(element.type)
        self.event_type = str(element.event_type)
        self.activate = behavior.activate
        self.complete = behavior.complete
        self.terminate = behavior.terminate
        self.end_termination = behavior.end_termination
        self.inputs = tuple(element.inputs)
        self.outputs = tuple(element.outputs)
        self.task: TaskDefinition | None = element.task
        self.message: MessageDefinition | None = element.message
        self.timer: TimerDefinition | None = element.timer
        self.error: ErrorDefinition | None = element.error
        self.called_element: CalledElement | None = element.called_element
        self.script: Script | None = element.script
        self.interrupting = element.interrupting
        self.is_scope = element.is_scope
        self.is_boundary = element.type is ElementType.BOUNDARY_EVENT
        self.caught_code = _caught_code(element) if self.is_boundary else None
        self.is_gateway = element.type is ElementType.EVENT_BASED_GATEWAY
        # variables of an error stay on its boundary event unless an output mapping takes them
        self.takes_event = element.event_type is not EventType.ERROR and (
            element.type in (ElementType.BOUNDARY_EVENT, ElementType.START_EVENT)
            or any(f.source.type is ElementType.EVENT_BASED_GATEWAY for f in element.incoming)
        )
        joins = element.type is ElementType.PARALLEL_GATEWAY and len(element.incoming) > 1
        self.joined = tuple(flow.id for flow in element.incoming) if joins else ()
        self.parent: Node | None = None
        self.attached_to: Node | None = None
        self.none_start: Node | None = None
        self.default_flow: Flow | None = None
        self.outgoing: tuple[Flow, ...] = ()
        self.children: tuple[Node, ...] = ()
        self.boundary_events: tuple[Node, ...] = ()
        self.error_boundaries: tuple[Node, ...] = ()
        self.catches: tuple[Node, ...] = ()
        self.message_catches: tuple[Node, ...] = ()
        self.timer_catches: tuple[Node, ...] = ()

    def __repr__(self) -> str:
        return f"<{self.type} {self.id}>"


def _caught_code(element: Element) -> str | None:
    """Return the error code a boundary event catches, None for all; it sees no variables."""
    if element.error is None or element.error.code is None:
        return None
    code = element.error.code
    return code.text if code.expression is None else to_text(code.expression.evaluate({}))


CATCHING = (ElementType.INTERMEDIATE_CATCH_EVENT, ElementType.RECEIVE_TASK)


def build_nodes(
    process: Process, behaviors: Mapping[tuple[ElementType, EventType], Behavior]
) -> dict[str, Node]:
    """Return the nodes of ``process`` by id, linked and bound; the root has the process id.

    Raises:
        KeyError: an element that the engine has no behaviour for (the reader lets none through).
    """
    nodes = {
        element.id: Node(element, behavior_of(element, behaviors))
        for element in process.elements.values()
    }
    nodes[process.root.id] = nodes.get(process.root.id) or Node(
        process.root, behavior_of(process.root, behaviors)
    )
    for element in (process.root, *process.elements.values()):
        _link(nodes[element.id], element, nodes)
    for element in (process.root, *process.elements.values()):
        _listen(nodes[element.id], element)
    return nodes


def behavior_of(
    element: Element, behaviors: Mapping[tuple[ElementType, EventType], Behavior]
) -> Behavior:
    """Return what ``element`` does: by its event type where that matters, else by its type."""
    found = behaviors.get((element.type, element.event_type))
    return found or behaviors[element.type, EventType.UNSPECIFIED]


def _link(node: Node, element: Element, nodes: Mapping[str, Node]) -> None:
    node.parent = nodes[element.parent.id] if element.parent else None
    node.attached_to = nodes[element.attached_to.id] if element.attached_to else None
    node.none_start = nodes[element.none_start.id] if element.none_start else None
    # Zeebe takes flows, and opens boundary events, last drawn first (seen on 8.5.8): with two true
    # conditions the flow drawn last wins.
    node.outgoing = tuple(
        Flow(flow.id, node, nodes[flow.target.id], flow.condition)
        for flow in reversed(element.outgoing)
    )
    if element.default_flow is not None:
        node.default_flow = next(f for f in node.outgoing if f.id == element.default_flow.id)
    node.children = tuple(nodes[child.id] for child in element.children)
    node.boundary_events = tuple(
        nodes[boundary.id] for boundary in reversed(element.boundary_events)
    )
    node.error_boundaries = tuple(
        n for n in node.boundary_events if n.event_type == EventType.ERROR
    )


def _listen(node: Node, element: Element) -> None:
    if element.type is ElementType.EVENT_BASED_GATEWAY:
        node.catches = tuple(flow.target for flow in node.outgoing)
    elif element.type in CATCHING:
        node.catches = (node, *node.boundary_events)
    else:
        node.catches = node.boundary_events
    node.message_catches = tuple(n for n in node.catches if n.message is not None)
    node.timer_catches = tuple(n for n in node.catches if n.timer is not None)
