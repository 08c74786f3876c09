"""Rules about how elements stand to each other, checked on the linked model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from phee.bpmn.model import Element, ElementType, EventType, Process
from phee.bpmn.problems import ProblemList

_GATEWAY_EVENTS = (EventType.MESSAGE, EventType.TIMER)


def check_process(problems: ProblemList, process: Process) -> None:
    """A process has a start, at most one of them a none start, and no message starts it twice."""
    starts = [e for e in process.root.children if e.type is ElementType.START_EVENT]
    if not starts:
        problems.add(process.id, "missing-start", "The process has no start event; add one")
    if sum(start.event_type is EventType.NONE for start in starts) > 1:
        message = "The process has several none start events; keep one"
        problems.add(process.id, "several-starts", message)
    _check_repeated_messages(problems, process.root, starts)


def check_scope(problems: ProblemList, scope: Element) -> None:
    """The rules for the flow nodes directly inside ``scope``, and for a sub-process itself."""
    if scope.type is ElementType.SUB_PROCESS:
        _check_sub_process(problems, scope)
    for element in scope.children:
        _check_ends(problems, element)
        if element.type is ElementType.EXCLUSIVE_GATEWAY:
            _check_exclusive_gateway(problems, element)
        else:
            _check_unconditional(problems, element)
        if element.type is ElementType.EVENT_BASED_GATEWAY:
            _check_event_gateway(problems, element)
        if element.boundary_events:
            _check_repeated_messages(problems, element, element.boundary_events)
            _check_repeated_errors(problems, element)


def _check_sub_process(problems: ProblemList, scope: Element) -> None:
    starts = [child for child in scope.children if child.type is ElementType.START_EVENT]
    if len(starts) != 1:
        message = f"A sub-process has exactly one start event, not {len(starts)}; mend it"
        problems.add(scope.id, "sub-process-start", message)
    for start in starts:
        if start.event_type is not EventType.NONE:
            message = "The start event of a sub-process waits for nothing; make it a none start"
            problems.add(start.id, "sub-process-start", message)


def _check_ends(problems: ProblemList, element: Element) -> None:
    if element.type is ElementType.END_EVENT and element.outgoing:
        message = "Nothing follows an end event; remove its outgoing flows"
        problems.add(element.id, "end-event-outgoing", message)
    if element.type is ElementType.START_EVENT and element.incoming:
        message = "Nothing leads to a start event; remove its incoming flows"
        problems.add(element.id, "start-event-incoming", message)
    if element.type is ElementType.BOUNDARY_EVENT:
        _check_boundary_ends(problems, element)


def _check_boundary_ends(problems: ProblemList, element: Element) -> None:
    if not element.outgoing:
        message = "A boundary event leads somewhere; give it an outgoing flow"
        problems.add(element.id, "boundary-event-outgoing", message)
    if element.incoming:
        message = "Nothing leads to a boundary event; remove its incoming flows"
        problems.add(element.id, "boundary-event-incoming", message)


def _check_exclusive_gateway(problems: ProblemList, gateway: Element) -> None:
    if len(gateway.outgoing) < 2:
        return
    for flow in gateway.outgoing:
        if flow.condition is None and flow is not gateway.default_flow:
            message = "The flow leaves an exclusive gateway: give it a condition or make it default"
            problems.add(flow.id, "missing-condition", message)


def _check_unconditional(problems: ProblemList, element: Element) -> None:
    for flow in element.outgoing:
        if flow.condition is not None:
            message = "Only flows that leave an exclusive gateway have conditions; add a gateway"
            problems.add(flow.id, "misplaced-condition", message)


def _check_event_gateway(problems: ProblemList, gateway: Element) -> None:
    if len(gateway.outgoing) < 2:
        message = "An event-based gateway waits for at least two events; add one"
        problems.add(gateway.id, "event-gateway", message)
    events = [flow.target for flow in gateway.outgoing]
    for event in events:
        catches = event.type is ElementType.INTERMEDIATE_CATCH_EVENT
        if not catches or event.event_type not in _GATEWAY_EVENTS:
            message = f"After an event-based gateway only message and timer events, not {event.id}"
            problems.add(gateway.id, "event-gateway", f"{message}; put one between")
        elif len(event.incoming) > 1:
            message = "An event after an event-based gateway has no other incoming flow; remove it"
            problems.add(event.id, "event-gateway", message)
    _check_repeated_messages(problems, gateway, events)


def _check_repeated_messages(
    problems: ProblemList, element: Element, events: Iterable[Element]
) -> None:
    names = Counter(event.message.name.text for event in events if event.message is not None)
    for name, count in names.items():
        if name and count > 1:
            message = f"{count} events wait for the message {name[:80]!r} here; keep one"
            problems.add(element.id, "repeated-message", message)


def _check_repeated_errors(problems: ProblemList, activity: Element) -> None:
    codes = Counter(
        "" if event.error.code is None else event.error.code.text
        for event in activity.boundary_events
        if event.error is not None
    )
    for code, count in codes.items():
        if count > 1:
            caught = f"the error {code[:80]!r}" if code else "every error"
            message = f"{count} boundary events catch {caught} here; keep one"
            problems.add(activity.id, "repeated-error", message)
