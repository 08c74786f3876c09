"""Caught events: an event reaches a waiting element and moves the flow.

A trigger is kept on the element that caught it until the element (or the boundary event on it)
takes it, with the variables that came along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from phee.engine import codes, lifecycle
from phee.engine.instances import ACTIVATED, COMPLETING, ElementInstance, Trigger
from phee.engine.mappings import process_event, record_triggered
from phee.engine.variables import Document, set_all_local

if TYPE_CHECKING:
    from phee.engine.core import Core
    from phee.engine.nodes import Node


def can_trigger(element: ElementInstance) -> bool:
    """Return whether an event can still reach ``element``."""
    return element.state in (ACTIVATED, COMPLETING) and element.interrupted_by is None


def trigger(core: Core, element: ElementInstance, target: Node, document: Document) -> None:
    """Let the event ``target``, caught while a token is on ``element``, happen."""
    trigger_later = record_triggering(core, element, target, document)
    if not target.is_boundary:
        _keep(core, element, trigger_later)
        lifecycle.issue_completion(core, element)
    elif target.interrupting:
        _keep(core, element, trigger_later)
        element.interrupted_by = target
        lifecycle.issue_termination(core, element)
    else:
        assert element.scope is not None, "a boundary event has a scope"
        activate_event(core, element.scope, element, trigger_later)


def record_triggering(
    core: Core, element: ElementInstance, target: Node, document: Document
) -> Trigger:
    """Put PROCESS_EVENT.TRIGGERING on record and return the trigger."""
    caught = Trigger(core.next_key(), target, document)
    core.event(
        caught.event_key,
        codes.PROCESS_EVENT,
        codes.TRIGGERING,
        process_event(element, target.id, document.raw),
    )
    return caught


def _keep(core: Core, element: ElementInstance, caught: Trigger) -> None:
    if element.triggers is None:
        element.triggers = [caught]
    else:
        element.triggers.append(caught)
    core.dirty(element)


def keep_trigger(core: Core, element: ElementInstance, document: Document) -> None:
    """Keep what completes ``element`` itself (a job, a script) until its outputs are mapped."""
    _keep(core, element, record_triggering(core, element, element.node, document))


def activate_event(
    core: Core, scope: ElementInstance, caught_by: ElementInstance, caught: Trigger
) -> None:
    """Activate the event that was caught: it is active at once, with its variables local."""
    record_triggered(core, caught_by, caught)
    start_event(core, scope, caught.target, caught.document)


def start_event(core: Core, scope: ElementInstance, node: Node, document: Document) -> None:
    """Put a token on an event that has happened already."""
    element = scope.instance.element(core.next_key(), node, scope, scope.key)
    lifecycle.to_activating(core, element)
    lifecycle.to_activated(core, element)
    if document.values:
        set_all_local(core, element, document.values)
    lifecycle.issue_completion(core, element)
