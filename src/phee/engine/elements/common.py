"""Steps that several kinds of element share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phee.engine import codes, lifecycle
from phee.engine.incidents import close_incidents
from phee.engine.instances import ACTIVATED, TERMINATING, ElementInstance
from phee.engine.mappings import apply_outputs
from phee.engine.subscribing import subscribe, unsubscribe
from phee.engine.triggering import activate_event
from phee.records.values import ProcessInstanceBatchValue

if TYPE_CHECKING:
    from phee.engine.core import Core


def leave(core: Core, element: ElementInstance) -> None:
    """Complete an element whose outputs are mapped, and go on."""
    lifecycle.to_completed(core, element)
    lifecycle.take_flows(core, element)


def complete_with_outputs(core: Core, element: ElementInstance) -> None:
    """Map the outputs, stop listening, go on."""
    apply_outputs(core, element)
    unsubscribe(core, element)
    leave(core, element)


def pass_through(core: Core, element: ElementInstance) -> None:
    """Activate and complete at once: for elements at which nothing waits."""
    lifecycle.to_activated(core, element)
    lifecycle.issue_completion(core, element)


def wait_for_event(core: Core, element: ElementInstance) -> None:
    """Listen, then wait."""
    subscribe(core, element)
    lifecycle.to_activated(core, element)


def terminate_waiting(core: Core, element: ElementInstance) -> None:
    """Stop listening and end."""
    unsubscribe(core, element)
    finish_termination(core, element)


def finish_termination(core: Core, element: ElementInstance) -> None:
    """End a token, and every scope around it that waited for this to end."""
    ending: ElementInstance | None = element
    while ending is not None:
        ending = ending.node.end_termination(core, ending)


def end_token(core: Core, element: ElementInstance) -> ElementInstance | None:
    """Put TERMINATED on record and go on with the boundary event that interrupted, if one did.

    Returns the scope when that can end now.
    """
    if element.incident_keys:
        close_incidents(core, element)
    scope = element.scope
    assert scope is not None, "a process ends otherwise"
    caught = None
    if element.triggers:
        caught = next((t for t in element.triggers if t.target.is_boundary), None)
    lifecycle.to_terminated(core, element)
    if caught is not None and scope.state == ACTIVATED and scope.interrupted_by is None:
        activate_event(core, scope, element, caught)
        return None
    if scope.children:
        return None
    if scope.state == ACTIVATED and scope.interrupted_by is not None:
        # a terminate end event cleared the scope, which completes
        lifecycle.issue_completion(core, scope)
    return scope if scope.state == TERMINATING else None


def terminate_children(core: Core, scope: ElementInstance) -> bool:
    """Have every token inside ``scope`` terminated; return False when there is none."""
    if not scope.children:
        return False
    core.follow_up(
        core.next_key(),
        codes.PROCESS_INSTANCE_BATCH,
        codes.BATCH_TERMINATE,
        ProcessInstanceBatchValue(
            scope.instance.key, scope.key, -1, scope.instance.definition.tenant_id
        ),
        terminate_batch,
        scope,
    )
    return True


def terminate_batch(core: Core, scope: ElementInstance) -> None:
    """Process PROCESS_INSTANCE_BATCH.TERMINATE."""
    for child in list((scope.children or {}).values()):
        lifecycle.issue_termination(core, child)
