"""The life of an element instance: from ACTIVATE_ELEMENT to COMPLETED or TERMINATED.

Record order and guards are Zeebe's (reference: element life-cycle): a command whose element or
scope is not in the right state is rejected on record and changes nothing. A step that cannot go on
raises :class:`~phee.engine.incidents.Failure`, which becomes an incident; resolving it repeats the
step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from phee.engine import codes, variables
from phee.engine.incidents import Failure, raise_incident
from phee.engine.instances import (
    ACTIVATED,
    ACTIVATING,
    COMPLETED,
    COMPLETING,
    TERMINATED,
    TERMINATING,
    Ban,
    ElementInstance,
    ProcessInstance,
)
from phee.engine.mappings import apply_inputs
from phee.records.values import ProcessInstanceValue

if TYPE_CHECKING:
    from phee.engine.core import Core
    from phee.engine.nodes import Flow, Node

STATE_NAMES = {
    ACTIVATING: "ELEMENT_ACTIVATING",
    ACTIVATED: "ELEMENT_ACTIVATED",
    COMPLETING: "ELEMENT_COMPLETING",
    TERMINATING: "ELEMENT_TERMINATING",
}


# -- commands


def activate_element(core: Core, element: ElementInstance) -> None:
    """Process ACTIVATE_ELEMENT."""
    if element.state != ACTIVATING:
        scope = element.scope
        reason = _activation_refusal(element, scope)
        if reason is not None:
            _reject(core, element, codes.ACTIVATE_ELEMENT, reason)
            return
        if element.key == -1:
            element.key = core.next_key()
        to_activating(core, element)
        if scope is not None:
            _arrive(core, element, scope)
    try:
        if element.node.inputs:
            apply_inputs(core, element)
        element.node.activate(core, element)
    except Failure as failure:
        raise_incident(core, element, failure)


def complete_element(core: Core, element: ElementInstance) -> None:
    """Process COMPLETE_ELEMENT."""
    reason = _completion_refusal(element)
    if reason is not None:
        _reject(core, element, codes.COMPLETE_ELEMENT, reason)
        return
    if element.state == ACTIVATED:
        element.state = COMPLETING
        element.interrupted_by = None
        core.touched[element] = None
        core.event(element.key, codes.PROCESS_INSTANCE, codes.ELEMENT_COMPLETING, element.value)
    try:
        element.node.complete(core, element)
    except Failure as failure:
        raise_incident(core, element, failure)


def terminate_element(core: Core, element: ElementInstance) -> None:
    """Process TERMINATE_ELEMENT."""
    if not element.is_registered or element.state == TERMINATING:
        _reject(core, element, codes.TERMINATE_ELEMENT, _not_found(element))
        return
    element.state = TERMINATING
    core.touched[element] = None
    core.event(element.key, codes.PROCESS_INSTANCE, codes.ELEMENT_TERMINATING, element.value)
    element.node.terminate(core, element)


def _reject(core: Core, element: ElementInstance, intent: int, reason: str) -> None:
    core.reject(
        element.key, codes.PROCESS_INSTANCE, intent, element.value, codes.INVALID_STATE, reason
    )


def _not_found(element: ElementInstance) -> str:
    return (
        f"Expected element instance with key '{element.key}' to be present in state but not found."
    )


def _scope_refusal(scope: ElementInstance) -> str | None:
    if scope.state == ACTIVATED and scope.interrupted_by is None:
        return None
    if not scope.is_registered:
        return (
            f"Expected flow scope instance with key '{scope.key}' to be present in state"
            " but not found."
        )
    if scope.state != ACTIVATED:
        return (
            "Expected flow scope instance to be in state 'ELEMENT_ACTIVATED' but was"
            f" '{STATE_NAMES[scope.state]}'."
        )
    assert scope.interrupted_by is not None
    return (
        "Expected flow scope instance to be not interrupted but was interrupted by an event"
        f" with id '{scope.interrupted_by.id}'."
    )


def _activation_refusal(element: ElementInstance, scope: ElementInstance | None) -> str | None:
    if element.gone:
        return _not_found(element)
    if scope is None:
        return None
    return _scope_refusal(scope) or (_join_refusal(element) if element.node.joined else None)


def _completion_refusal(element: ElementInstance) -> str | None:
    if element.state == ACTIVATED or element.state == COMPLETING:
        scope = element.scope
        return _scope_refusal(scope) if scope is not None else None
    if not element.is_registered:
        return _not_found(element)
    return (
        "Expected element instance to be in state 'ELEMENT_ACTIVATED' or one of"
        f" '[ELEMENT_COMPLETING]' but was '{STATE_NAMES[element.state]}'."
    )


def _join_refusal(element: ElementInstance) -> str | None:
    scope = element.scope
    assert scope is not None
    taken = scope.taken or {}
    if all(taken.get(flow_id, 0) > 0 for flow_id in element.node.joined):
        return None
    return (
        f"Expected to be able to activate parallel gateway '{element.node.id}',"
        " but not all sequence flows have been taken."
    )


# -- transitions


def to_activating(core: Core, element: ElementInstance) -> None:
    """Register a token and put ELEMENT_ACTIVATING on record."""
    key = element.key
    element.state = ACTIVATING
    instance = element.instance
    instance.elements[key] = element
    core.state.elements[key] = element
    scope = element.scope
    if scope is None:
        assert instance.root is element, f"{element} was not announced"
    elif scope.children is None:
        scope.children = {key: element}
    else:
        scope.children[key] = element
    core.touched[element] = None
    core.event(key, codes.PROCESS_INSTANCE, codes.ELEMENT_ACTIVATING, element.value)


def _arrive(core: Core, element: ElementInstance, scope: ElementInstance) -> None:
    """Use up the sequence flows that led here."""
    node = element.node
    if not node.joined:
        if node.type != "START_EVENT":
            scope.active_flows -= 1
            assert scope.active_flows >= 0, f"{element} arrived by no sequence flow"
        return
    taken = scope.taken
    assert taken is not None
    for flow_id in node.joined:
        taken[flow_id] -= 1
        if taken[flow_id] == 0:
            del taken[flow_id]
    scope.active_flows -= len(node.joined)
    assert scope.active_flows >= 0, f"{element} joined more flows than were taken"
    core.touched[scope] = None


def to_activated(core: Core, element: ElementInstance) -> None:
    """Put ELEMENT_ACTIVATED on record."""
    element.state = ACTIVATED
    core.event(element.key, codes.PROCESS_INSTANCE, codes.ELEMENT_ACTIVATED, element.value)
    node = element.node
    core.state.stats.elements["activated", node.type, node.event_type] += 1


def to_completing(core: Core, element: ElementInstance) -> None:
    """Put ELEMENT_COMPLETING on record, for elements that pass without a command."""
    element.state = COMPLETING
    core.event(element.key, codes.PROCESS_INSTANCE, codes.ELEMENT_COMPLETING, element.value)


def to_completed(core: Core, element: ElementInstance) -> None:
    """Put ELEMENT_COMPLETED on record; the token has left."""
    core.event(element.key, codes.PROCESS_INSTANCE, codes.ELEMENT_COMPLETED, element.value)
    node = element.node
    core.state.stats.elements["completed", node.type, node.event_type] += 1
    _unregister(core, element, COMPLETED)


def to_terminated(core: Core, element: ElementInstance) -> None:
    """Put ELEMENT_TERMINATED on record; the token is gone."""
    core.event(element.key, codes.PROCESS_INSTANCE, codes.ELEMENT_TERMINATED, element.value)
    node = element.node
    core.state.stats.elements["terminated", node.type, node.event_type] += 1
    _unregister(core, element, TERMINATED)


def _unregister(core: Core, element: ElementInstance, state: int) -> None:
    assert not element.children, f"{element} left with {len(element.children or ())} children"
    assert element.job is None, f"{element} left its job behind"
    assert not element.timers, f"{element} left timers behind"
    assert not element.incident_keys, f"{element} left incidents behind"
    key = element.key
    element.state = state
    if element.variables:
        variables.forget(core, element)
    instance = element.instance
    del instance.elements[key]
    del core.state.elements[key]
    scope = element.scope
    if scope is not None:
        del scope.children[key]  # type: ignore[union-attr]
    else:
        del core.state.instances[instance.key]
        core.state.ended.add(instance.key)
        instance.root = None  # no cycle is left for the garbage collector
        if instance.banned:
            core.state.banned.discard(instance.key)
            core.drop(Ban(instance.key))
    core.drop(element)


# -- flow


def take_flows(core: Core, element: ElementInstance) -> None:
    """Go on after COMPLETED: take every outgoing flow, or end the path."""
    scope = element.scope
    assert scope is not None, "a process has no sequence flows"
    outgoing = element.node.outgoing
    if not outgoing:
        end_path(core, scope)
        return
    for flow in outgoing:
        take_flow(core, element, scope, flow)


def take_flow(core: Core, element: ElementInstance, scope: ElementInstance, flow: Flow) -> None:
    """Put SEQUENCE_FLOW_TAKEN on record and have the target activated."""
    instance = element.instance
    definition = instance.definition
    value = ProcessInstanceValue(
        definition.bpmn_process_id,
        definition.version,
        definition.key,
        instance.key,
        flow.id,
        scope.key,
        "SEQUENCE_FLOW",
        "UNSPECIFIED",
        instance.parent_key,
        instance.parent_element_key,
        definition.tenant_id,
    )
    core.event(core.next_key(), codes.PROCESS_INSTANCE, codes.SEQUENCE_FLOW_TAKEN, value)
    scope.active_flows += 1
    target = flow.target
    if target.joined:
        taken = scope.taken
        if taken is None:
            taken = scope.taken = {}
        taken[flow.id] = taken.get(flow.id, 0) + 1
        core.touched[scope] = None
    key = core.next_key()
    next_element = instance.element(key, target, scope, scope.key)
    core.follow_up(
        key,
        codes.PROCESS_INSTANCE,
        codes.ACTIVATE_ELEMENT,
        next_element.value,
        activate_element,
        next_element,
    )


def activate_child(core: Core, scope: ElementInstance, node: Node) -> ElementInstance:
    """Have a start event inside ``scope`` activated; its key is given when its turn comes."""
    element = scope.instance.element(-1, node, scope, scope.key)
    core.follow_up(
        -1,
        codes.PROCESS_INSTANCE,
        codes.ACTIVATE_ELEMENT,
        element.value,
        activate_element,
        element,
    )
    return element


def activate_process(core: Core, instance: ProcessInstance) -> ElementInstance:
    """Announce a process instance; its root can hold variables and triggers from now on."""
    root = instance.element(instance.key, instance.definition.root, None, -1)
    instance.root = root
    instance.elements[root.key] = root
    core.state.instances[instance.key] = instance
    core.state.elements[root.key] = root
    core.touched[root] = None
    return root


def withdraw_process(core: Core, root: ElementInstance) -> None:
    """Take back a process instance that was announced and is not active yet."""
    assert root.state == 0, f"{root} is active"
    variables.forget(core, root)
    del core.state.instances[root.key]
    core.state.ended.add(root.key)
    del core.state.elements[root.key]
    core.drop(root)


def issue_activation(core: Core, root: ElementInstance) -> None:
    """Issue ACTIVATE_ELEMENT for a root made by :func:`activate_process`."""
    core.follow_up(
        root.key,
        codes.PROCESS_INSTANCE,
        codes.ACTIVATE_ELEMENT,
        root.value,
        activate_element,
        root,
    )


def issue_completion(core: Core, element: ElementInstance) -> None:
    """Issue COMPLETE_ELEMENT."""
    core.follow_up(
        element.key,
        codes.PROCESS_INSTANCE,
        codes.COMPLETE_ELEMENT,
        element.value,
        complete_element,
        element,
    )


def issue_termination(core: Core, element: ElementInstance) -> None:
    """Issue TERMINATE_ELEMENT."""
    core.follow_up(
        element.key,
        codes.PROCESS_INSTANCE,
        codes.TERMINATE_ELEMENT,
        element.value,
        terminate_element,
        element,
    )


def end_path(core: Core, scope: ElementInstance) -> None:
    """A path inside ``scope`` ended: complete the scope when it was the last."""
    if scope.state == ACTIVATED and not scope.children and scope.active_flows == 0:
        issue_completion(core, scope)
