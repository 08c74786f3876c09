"""Scopes: the process, embedded sub-processes, and call activities that start a process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phee.engine import codes, lifecycle, variables
from phee.engine.elements.common import (
    complete_with_outputs,
    end_token,
    finish_termination,
    leave,
    terminate_children,
)
from phee.engine.expressions import text_value
from phee.engine.incidents import CALLED_ELEMENT_ERROR, Failure, close_incidents
from phee.engine.instances import ACTIVATED, ElementInstance, ProcessInstance, Trigger
from phee.engine.mappings import apply_outputs
from phee.engine.messages.publishing import release_lock
from phee.engine.nodes import Behavior
from phee.engine.subscribing import subscribe, unsubscribe
from phee.engine.triggering import start_event
from phee.engine.variables import Document, document
from phee.records.values import ProcessEventValue

if TYPE_CHECKING:
    from phee.engine.core import Core
    from phee.engine.state import Awaited

CALL_DEPTH_MAX = 1000
TOO_DEEP = (
    f"The call activity has reached the maximum depth of {CALL_DEPTH_MAX}. This is likely due to a"
    " recursive call. Cancel the root process instance if this was unintentional."
)

# -- the process itself


def _activate_process(core: Core, root: ElementInstance) -> None:
    lifecycle.to_activated(core, root)
    if root.triggers:
        _start_by_trigger(core, root, root.triggers.pop())
        return
    start = root.node.none_start
    assert start is not None, f"{root.node} has no none start event"
    lifecycle.activate_child(core, root, start)


def _start_by_trigger(core: Core, root: ElementInstance, caught: Trigger) -> None:
    definition = root.instance.definition
    core.event(
        caught.event_key,
        codes.PROCESS_EVENT,
        codes.TRIGGERED,
        ProcessEventValue(
            definition.key,
            caught.target.id,
            variables.EMPTY.raw,
            definition.key,
            root.instance.key,
            definition.tenant_id,
        ),
    )
    start_event(core, root, caught.target, caught.document)


def _complete_process(core: Core, root: ElementInstance) -> None:
    instance = root.instance
    caller = _caller(core, instance)
    outcome = _outcome(root, caller)
    awaited = core.state.awaited.pop(instance.key, None)
    if awaited is not None:
        _answer_awaited(core, root, awaited)
    lifecycle.to_completed(core, root)
    stats = core.state.stats
    stats.instances_completed += caller is None
    stats.instance_ms.add(core.now - instance.started_at)
    if caller is not None and caller.state == ACTIVATED:
        if outcome is not None:
            caller.triggers = [Trigger(caller.key, caller.node, outcome)]
            core.dirty(caller)
        lifecycle.issue_completion(core, caller)
    release_lock(core, instance)


def _caller(core: Core, instance: ProcessInstance) -> ElementInstance | None:
    if instance.parent_element_key == -1:
        return None
    return core.state.element_of(instance.parent_key, instance.parent_element_key)


def _outcome(root: ElementInstance, caller: ElementInstance | None) -> Document | None:
    """Return what a called process hands back; None when its caller wants nothing."""
    if caller is None:
        return None
    called = caller.node.called_element
    assert called is not None
    if not caller.node.outputs and not called.propagate_all_child_variables:
        return None
    return document({name: v.value for name, v in (root.variables or {}).items()})


def _answer_awaited(core: Core, root: ElementInstance, awaited: Awaited) -> None:
    token, answer, names = awaited
    found = document(variables.fetched(root, names))
    core.reply_result(token, answer, variables.stored_document(found.raw).values)


def _terminate_process(core: Core, root: ElementInstance) -> None:
    if root.incident_keys:
        close_incidents(core, root)
    if not terminate_children(core, root):
        finish_termination(core, root)


def _end_process(core: Core, root: ElementInstance) -> ElementInstance | None:
    instance = root.instance
    core.state.awaited.pop(instance.key, None)
    caller = _caller(core, instance)
    lifecycle.to_terminated(core, root)
    core.state.stats.instances_terminated += caller is None
    release_lock(core, instance)
    if caller is None or caller.called_key != instance.key:
        return None
    caller.called_key = -1
    return caller


# -- embedded sub-processes


def _activate_sub_process(core: Core, element: ElementInstance) -> None:
    start = element.node.none_start
    assert start is not None, f"{element.node} has no none start event"
    lifecycle.to_activated(core, element)
    lifecycle.activate_child(core, element, start)


def _terminate_sub_process(core: Core, element: ElementInstance) -> None:
    unsubscribe(core, element)
    if element.incident_keys:
        close_incidents(core, element)
    if not terminate_children(core, element):
        finish_termination(core, element)


# -- call activities


def _activate_call(core: Core, element: ElementInstance) -> None:
    called = element.node.called_element
    assert called is not None
    process_id = text_value(core, called.process_id, element)
    definition = core.state.definitions.latest(element.instance.definition.tenant_id, process_id)
    if definition is None:
        raise Failure(
            CALLED_ELEMENT_ERROR,
            f"Expected process with BPMN process id '{process_id}' to be deployed, but not found.",
        )
    if definition.root.none_start is None:
        raise Failure(
            CALLED_ELEMENT_ERROR,
            f"Expected process with BPMN process id '{process_id}' to have a none start event,"
            " but not found.",
        )
    depth = element.instance.depth + 1
    if depth > CALL_DEPTH_MAX:
        raise Failure(CALLED_ELEMENT_ERROR, TOO_DEEP)
    if element.node.catches:
        subscribe(core, element)
    lifecycle.to_activated(core, element)
    child = ProcessInstance(
        core.next_key(), definition, core.now, element.instance.key, element.key, depth
    )
    element.called_key = child.key
    root = lifecycle.activate_process(core, child)
    lifecycle.issue_activation(core, root)
    variables.set_all_local(core, root, _handed_over(element))


def _handed_over(element: ElementInstance) -> dict[str, Any]:
    called = element.node.called_element
    assert called is not None
    if called.propagate_all_parent_variables:
        return variables.visible(element)
    return {name: variable.value for name, variable in (element.variables or {}).items()}


def _complete_call(core: Core, element: ElementInstance) -> None:
    apply_outputs(core, element)
    unsubscribe(core, element)
    element.called_key = -1
    leave(core, element)


def _terminate_call(core: Core, element: ElementInstance) -> None:
    child = core.state.instance(element.called_key) if element.called_key != -1 else None
    unsubscribe(core, element)
    if child is None or child.root is None:
        finish_termination(core, element)
    elif child.root.is_registered:
        lifecycle.issue_termination(core, child.root)
    else:
        lifecycle.withdraw_process(core, child.root)
        finish_termination(core, element)


PROCESS = Behavior(_activate_process, _complete_process, _terminate_process, _end_process)
SUB_PROCESS = Behavior(
    _activate_sub_process, complete_with_outputs, _terminate_sub_process, end_token
)
CALL_ACTIVITY = Behavior(_activate_call, _complete_call, _terminate_call, end_token)
