"""Events: what starts, ends, interrupts and resumes a flow."""

from __future__ import annotations

from phee.bpmn.messages import (
    read_caught_error,
    read_start_message,
    read_thrown_error,
    read_waited_message,
)
from phee.bpmn.model import Element, ElementType, EventType, TimerDefinition, TimerKind
from phee.bpmn.reading import Node, Reading, model_children, text_of
from phee.bpmn.safe_xml import XmlElement
from phee.bpmn.timers import EXAMPLES, is_timer
from phee.bpmn.vocabulary import EVENT_DEFINITIONS, local_name

_SUPPORTED = {
    ElementType.START_EVENT: ("none", "message", "timer"),
    ElementType.END_EVENT: ("none", "terminate", "error"),
    ElementType.INTERMEDIATE_CATCH_EVENT: ("message", "timer"),
    ElementType.BOUNDARY_EVENT: ("message", "timer", "error"),
}
_WORDS = {
    ElementType.START_EVENT: "start event",
    ElementType.END_EVENT: "end event",
    ElementType.INTERMEDIATE_CATCH_EVENT: "intermediate catch event",
    ElementType.BOUNDARY_EVENT: "boundary event",
}
_TIMER_KINDS = {kind.value: kind for kind in TimerKind}


def read_event(reading: Reading, node: Node) -> None:
    """Start, end and intermediate catch events."""
    element = node.element
    definitions = _definitions(reading, node.xml, element)
    kind = EVENT_DEFINITIONS[local_name(definitions[0].tag)] if definitions else "none"
    if _is_supported(reading, element, kind):
        element.event_type = EventType(kind.upper())
        if definitions:
            _read_definition(reading, definitions[0], element)


def read_boundary_event(reading: Reading, node: Node) -> None:
    """Boundary events; they are attached when the whole scope has been read."""
    element = node.element
    element.interrupting = reading.flag(element.id, node.xml, "cancelActivity", True)
    read_event(reading, node)
    if element.event_type is EventType.ERROR and not element.interrupting:
        message = "An error boundary event always interrupts; set cancelActivity to true"
        reading.problems.add(element.id, "error-must-interrupt", message)


def _definitions(reading: Reading, xml: XmlElement, element: Element) -> list[XmlElement]:
    found = [part for part in model_children(xml) if local_name(part.tag) in EVENT_DEFINITIONS]
    if len(found) > 1:
        message = f"The {_WORDS[element.type]} has {len(found)} event definitions; keep one"
        reading.problems.add(element.id, "event-definitions", message)
    return found


def _is_supported(reading: Reading, element: Element, kind: str) -> bool:
    supported = _SUPPORTED[element.type]
    if kind in supported:
        return True
    word = _WORDS[element.type]
    if kind == "none":
        message = f"The {word} has no event definition; make it one of: {', '.join(supported)}"
        reading.problems.add(element.id, "event-definitions", message)
    else:
        message = f"A {kind} {word} is not supported; use one of: {', '.join(supported)}"
        reading.problems.add(element.id, "not-supported", message)
    return False


def _read_definition(reading: Reading, definition: XmlElement, element: Element) -> None:
    if element.event_type is EventType.TIMER:
        element.timer = _timer(reading, definition, element)
    elif element.event_type is EventType.MESSAGE:
        start = element.type is ElementType.START_EVENT
        read_message = read_start_message if start else read_waited_message
        element.message = read_message(reading, definition, element.id)
    elif element.event_type is EventType.ERROR:
        end = element.type is ElementType.END_EVENT
        read_error = read_thrown_error if end else read_caught_error
        element.error = read_error(reading, definition, element.id)


def _timer(reading: Reading, definition: XmlElement, element: Element) -> TimerDefinition | None:
    parts = [part for part in model_children(definition) if local_name(part.tag) in _TIMER_KINDS]
    if len(parts) != 1:
        message = "A timer has exactly one of timeDate, timeDuration and timeCycle; fill in one"
        reading.problems.add(element.id, "timer", message)
        return None
    kind = _TIMER_KINDS[local_name(parts[0].tag)]
    _check_cycle(reading, element, kind)
    text = text_of(parts[0])
    value = reading.value(element.id, "The timer", text)
    if not text.startswith("=") and not is_timer(kind, text):
        message = f"The {kind} {text[:80]!r} is not valid; write it like {EXAMPLES[kind]}"
        reading.problems.add(element.id, "timer", message)
    return TimerDefinition(kind, value)


def _check_cycle(reading: Reading, element: Element, kind: TimerKind) -> None:
    if kind is not TimerKind.CYCLE:
        return
    if element.type is ElementType.INTERMEDIATE_CATCH_EVENT:
        message = "An intermediate timer fires once; use timeDate or timeDuration"
        reading.problems.add(element.id, "timer", message)
    elif element.type is ElementType.BOUNDARY_EVENT and element.interrupting:
        message = "An interrupting timer fires once; use timeDate or timeDuration"
        reading.problems.add(element.id, "timer", message)
