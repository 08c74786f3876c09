"""Commands about running instances: cancel, set variables, resolve an incident, fire a timer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phee.commands import Done
from phee.engine import codes, lifecycle
from phee.engine.due_dates import next_of_cycle
from phee.engine.errors import RejectedNotFound
from phee.engine.incidents import UNHANDLED_ERROR_EVENT, close_incident
from phee.engine.instances import ACTIVATED, ACTIVATING, COMPLETING
from phee.engine.job_events import make_activatable
from phee.engine.schedule import INFINITE
from phee.engine.starting import start_by_event
from phee.engine.subscribing import create_timer
from phee.engine.timers import Timer
from phee.engine.triggering import can_trigger, trigger
from phee.engine.variables import EMPTY, Document, propagate, set_all_local
from phee.records.values import IncidentValue, ProcessInstanceValue, VariableDocumentValue

if TYPE_CHECKING:
    from phee.commands import CancelProcessInstance, ResolveIncident, SetVariables
    from phee.engine.core import Core
    from phee.engine.incidents import Incident
    from phee.engine.instances import ElementInstance
    from phee.engine.jobs import Job


def cancel(core: Core, command: CancelProcessInstance) -> None:
    """Process CancelProcessInstance: answers once the termination has begun."""
    key = command.process_instance_key
    value = ProcessInstanceValue()
    core.begin(key, codes.PROCESS_INSTANCE, codes.CANCEL, value)
    instance = core.state.instance(key)
    root = instance.root if instance is not None else None
    if root is None or not root.is_registered or instance is None:
        _refuse_cancel(
            core,
            key,
            value,
            codes.NOT_FOUND,
            f"Expected to cancel a process instance with key '{key}',"
            " but no such process was found",
        )
        return
    if instance.parent_key != -1:
        top = instance
        while top.parent_key != -1:
            parent = core.state.instance(top.parent_key)
            assert parent is not None, f"instance {top.key} without its parent"
            top = parent
        _refuse_cancel(
            core,
            key,
            value,
            codes.INVALID_STATE,
            f"Expected to cancel a process instance with key '{key}', but it is created by a parent"
            f" process instance. Cancel the root process instance '{top.key}' instead.",
        )
        return
    lifecycle.issue_termination(core, root)
    core.answer(Done(key, core.position))


def _refuse_cancel(
    core: Core, key: int, value: ProcessInstanceValue, kind: int, reason: str
) -> None:
    core.refuse("CANCEL", key, codes.PROCESS_INSTANCE, codes.CANCEL, value, kind, reason)


def set_variables(core: Core, wish: tuple[SetVariables, Document]) -> None:
    """Process SetVariables: merge upwards from a scope, or set right there."""
    command, document = wish
    semantics = "LOCAL" if command.local else "PROPAGATE"
    value = VariableDocumentValue(command.element_instance_key, semantics, document.raw)
    core.begin(-1, codes.VARIABLE_DOCUMENT, codes.DOCUMENT_UPDATE, value)
    element = core.state.element(command.element_instance_key)
    if element is None or not element.is_registered:
        reason = (
            "Expected to update variables for element with key"
            f" '{command.element_instance_key}', but no such element was found"
        )
        intent = codes.DOCUMENT_UPDATE
        kind = codes.NOT_FOUND
        core.refuse("UPDATE", -1, codes.VARIABLE_DOCUMENT, intent, value, kind, reason)
        return
    tenant_id = element.instance.definition.tenant_id
    if command.local:
        set_all_local(core, element, document.values)
    else:
        propagate(core, element, document.values)
    key = core.next_key()
    updated = VariableDocumentValue(
        command.element_instance_key, semantics, document.raw, tenant_id
    )
    core.event(key, codes.VARIABLE_DOCUMENT, codes.DOCUMENT_UPDATED, updated)
    core.answer(Done(key, core.position))


def resolve(core: Core, command: ResolveIncident) -> None:
    """Process ResolveIncident: forget it and repeat what failed (which may fail again)."""
    key = command.incident_key
    value = IncidentValue()
    core.begin(key, codes.INCIDENT, codes.INCIDENT_RESOLVE, value)
    incident = core.state.incidents.get(key)
    element = _element_of(core, incident)
    if incident is None or element is None or element.instance.banned:
        reason = f"Expected to resolve incident with key '{key}', but no such incident was found"
        core.refuse(
            "RESOLVE", key, codes.INCIDENT, codes.INCIDENT_RESOLVE, value, codes.NOT_FOUND, reason
        )
        return
    job = core.state.jobs.get(incident.value.job_key)
    if job is not None and job.retries <= 0:
        _refuse_without_retries(core, key, job, value)
        return
    close_incident(core, element, incident)
    core.answer(Done(key, core.position))
    if job is not None:
        _job_again(core, incident, job, element)
    else:
        _repeat(core, element)


def _refuse_without_retries(core: Core, key: int, job: Job, value: IncidentValue) -> None:
    reason = (
        f"Expected to resolve incident with key '{key}', but job with key '{job.key}' has no"
        " retries left. Please update the job retries and retry resolving the incident"
    )
    # Zeebe records INVALID_STATE and answers NOT_FOUND
    intent = codes.INCIDENT_RESOLVE
    core.reject(key, codes.INCIDENT, intent, value, codes.INVALID_STATE, reason)
    core.answer(RejectedNotFound("RESOLVE", reason))


def _element_of(core: Core, incident: Incident | None) -> ElementInstance | None:
    if incident is None:
        return None
    value = incident.value
    return core.state.element_of(value.process_instance_key, value.element_instance_key)


def _job_again(core: Core, incident: Incident, job: Job, element: ElementInstance) -> None:
    if incident.value.error_type == UNHANDLED_ERROR_EVENT:
        job.element_id = element.node.id
    core.state.unqueue_job(job)
    make_activatable(core, job)


def _repeat(core: Core, element: ElementInstance) -> None:
    if element.state == ACTIVATING:
        lifecycle.activate_element(core, element)
    elif element.state in (ACTIVATED, COMPLETING):
        lifecycle.complete_element(core, element)


def fire_timer(core: Core, key: int) -> None:
    """Process TIMER.TRIGGER: a timer is due."""
    timer = core.state.timers.get(key)
    if timer is None:
        return
    value = timer.record()
    core.begin(timer.key, codes.TIMER, codes.TIMER_TRIGGER, value)
    if timer.element_instance_key == -1:
        _start_instance(core, timer)
        return
    element = core.state.element_of(timer.instance_key, timer.element_instance_key)
    if element is None or not can_trigger(element):
        reason = (
            f"Expected to trigger a timer with key '{timer.key}', but its element is not active"
        )
        core.reject(timer.key, codes.TIMER, codes.TIMER_TRIGGER, value, codes.INVALID_STATE, reason)
        _remove(core, timer, element)
        return
    core.event(timer.key, codes.TIMER, codes.TIMER_TRIGGERED, value)
    _remove(core, timer, element)
    target = element.instance.definition.nodes[timer.target_id]
    trigger(core, element, target, EMPTY)
    if timer.cycle and not target.interrupting:
        again = _again(core, timer)
        if again is not None:
            element.timers = element.timers or []
            element.timers.append(again)
            core.dirty(element)


def _start_instance(core: Core, timer: Timer) -> None:
    definition = core.state.definitions.by_key(timer.definition_key)
    assert definition is not None, "a timer start event without its definition"
    # from here on, and in the timers that repeat it, Zeebe names the newest instance
    timer.instance_key = instance_key = core.next_key()
    core.event(timer.key, codes.TIMER, codes.TIMER_TRIGGERED, timer.record())
    _remove(core, timer, None)
    target = definition.nodes[timer.target_id]
    start_by_event(core, definition, instance_key, target, EMPTY)
    _again(core, timer)


def _remove(core: Core, timer: Timer, element: ElementInstance | None) -> None:
    core.state.remove_timer(timer)
    core.drop(timer)
    if element is not None and element.timers:
        element.timers.remove(timer)
        element.timers = element.timers or None
        core.dirty(element)


def _again(core: Core, timer: Timer) -> Timer | None:
    if not timer.cycle or timer.repetitions in (0, 1):
        return None
    repetitions = timer.repetitions if timer.repetitions == INFINITE else timer.repetitions - 1
    again = Timer(
        core.next_key(),
        next_of_cycle(timer.cycle, timer.due_at),
        timer.definition_key,
        timer.instance_key,
        timer.element_instance_key,
        timer.target_id,
        repetitions,
        timer.cycle,
        timer.tenant_id,
    )
    create_timer(core, again)
    return again
