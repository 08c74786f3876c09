"""Exclusive, parallel and event-based gateways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phee.engine import lifecycle
from phee.engine.elements.common import (
    end_token,
    finish_termination,
    terminate_waiting,
    wait_for_event,
)
from phee.engine.expressions import condition_holds
from phee.engine.incidents import CONDITION_ERROR, Failure
from phee.engine.nodes import Behavior
from phee.engine.subscribing import unsubscribe
from phee.engine.triggering import activate_event

if TYPE_CHECKING:
    from phee.engine.core import Core
    from phee.engine.instances import ElementInstance
    from phee.engine.nodes import Flow


def _choose(core: Core, element: ElementInstance) -> Flow | None:
    node = element.node
    outgoing = node.outgoing
    if not outgoing:
        return None
    if len(outgoing) == 1 and outgoing[0].condition is None:
        return outgoing[0]
    for flow in outgoing:
        if flow.condition is not None and condition_holds(core, flow.condition, element):
            return flow
    if node.default_flow is not None:
        return node.default_flow
    raise Failure(
        CONDITION_ERROR,
        "Expected at least one condition to evaluate to true, or to have a default flow",
    )


def _pass(core: Core, element: ElementInstance) -> None:
    lifecycle.to_activated(core, element)
    lifecycle.to_completing(core, element)
    lifecycle.to_completed(core, element)


def _activate_exclusive(core: Core, element: ElementInstance) -> None:
    flow = _choose(core, element)
    scope = element.scope
    assert scope is not None
    _pass(core, element)
    if flow is None:
        lifecycle.end_path(core, scope)
    else:
        lifecycle.take_flow(core, element, scope, flow)


def _activate_parallel(core: Core, element: ElementInstance) -> None:
    _pass(core, element)
    lifecycle.take_flows(core, element)


def _complete_event_based(core: Core, element: ElementInstance) -> None:
    triggers, scope = element.triggers, element.scope
    assert triggers, "an event-based gateway completes by an event"
    assert scope is not None
    unsubscribe(core, element)
    lifecycle.to_completed(core, element)
    activate_event(core, scope, element, triggers[0])


def _never(_: Core, element: ElementInstance) -> None:
    raise AssertionError(f"{element} completes with its activation")


EXCLUSIVE = Behavior(_activate_exclusive, _never, finish_termination, end_token)
PARALLEL = Behavior(_activate_parallel, _never, finish_termination, end_token)
EVENT_BASED = Behavior(wait_for_event, _complete_event_based, terminate_waiting, end_token)
