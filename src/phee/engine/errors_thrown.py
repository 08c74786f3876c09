"""BPMN errors: who catches a code, and what happens when nobody does.

The search goes outwards from where the error is thrown, through scopes and call activities; at
each activity a boundary event with the code comes before one that catches everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from phee.engine.incidents import UNHANDLED_ERROR_EVENT, Failure
from phee.engine.triggering import can_trigger, trigger

if TYPE_CHECKING:
    from phee.engine.core import Core
    from phee.engine.instances import ElementInstance
    from phee.engine.nodes import Node
    from phee.engine.variables import Document

Catcher = tuple["ElementInstance", "Node"]


def catcher_of(core: Core, element: ElementInstance, code: str) -> Catcher | None:
    """Return the activity, from ``element`` outwards, and the event on it that catch ``code``."""
    current: ElementInstance | None = element
    while current is not None:
        if can_trigger(current):
            boundary = _boundary(current.node, code)
            if boundary is not None:
                return current, boundary
        current = _outwards(core, current)
    return None


def _outwards(core: Core, element: ElementInstance) -> ElementInstance | None:
    if element.scope is not None:
        return element.scope
    instance = element.instance
    if instance.parent_element_key == -1:
        return None
    return core.state.element_of(instance.parent_key, instance.parent_element_key)


def _boundary(node: Node, code: str) -> Node | None:
    catch_all = None
    for boundary in node.error_boundaries:
        if boundary.caught_code is None:
            catch_all = catch_all or boundary
        elif boundary.caught_code == code:
            return boundary
    return catch_all


def throw_to(core: Core, catcher: Catcher, document: Document) -> None:
    """Let the catching boundary event happen."""
    element, boundary = catcher
    trigger(core, element, boundary, document)


def uncaught(core: Core, element: ElementInstance, code: str, message: str) -> Failure:
    """Return the failure that nobody catches ``code``, naming what would be caught."""
    known: list[str] = []
    current: ElementInstance | None = element
    while current is not None:
        known += [
            boundary.caught_code
            for boundary in current.node.error_boundaries
            if boundary.caught_code is not None
        ]
        current = _outwards(core, current)
    said = f" with message '{message}'" if message else ""
    available = (
        f"Available error events are [{', '.join(known)}]"
        if known
        else "No error events are available in the scope."
    )
    return Failure(
        UNHANDLED_ERROR_EVENT,
        f"Expected to throw an error event with the code '{code}'{said},"
        f" but it was not caught. {available}",
    )
