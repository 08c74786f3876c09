"""Which behaviour belongs to which element of a drawing."""

from __future__ import annotations

from phee.bpmn.model import ElementType, EventType
from phee.engine.elements import events, gateways, scopes, tasks
from phee.engine.nodes import Behavior

_ANY = EventType.UNSPECIFIED

BEHAVIORS: dict[tuple[ElementType, EventType], Behavior] = {
    (ElementType.PROCESS, _ANY): scopes.PROCESS,
    (ElementType.SUB_PROCESS, _ANY): scopes.SUB_PROCESS,
    (ElementType.CALL_ACTIVITY, _ANY): scopes.CALL_ACTIVITY,
    (ElementType.START_EVENT, _ANY): events.START,
    (ElementType.END_EVENT, EventType.NONE): events.END,
    (ElementType.END_EVENT, EventType.TERMINATE): events.TERMINATE_END,
    (ElementType.END_EVENT, EventType.ERROR): events.ERROR_END,
    (ElementType.END_EVENT, EventType.MESSAGE): tasks.JOB_TASK,
    (ElementType.INTERMEDIATE_CATCH_EVENT, _ANY): events.CATCH,
    (ElementType.INTERMEDIATE_THROW_EVENT, EventType.NONE): events.THROW,
    (ElementType.INTERMEDIATE_THROW_EVENT, EventType.MESSAGE): tasks.JOB_TASK,
    (ElementType.BOUNDARY_EVENT, _ANY): events.BOUNDARY,
    (ElementType.SERVICE_TASK, _ANY): tasks.JOB_TASK,
    (ElementType.SEND_TASK, _ANY): tasks.JOB_TASK,
    (ElementType.BUSINESS_RULE_TASK, _ANY): tasks.JOB_TASK,
    (ElementType.USER_TASK, _ANY): tasks.JOB_TASK,
    (ElementType.SCRIPT_TASK, _ANY): tasks.SCRIPT_TASK,
    (ElementType.RECEIVE_TASK, _ANY): tasks.RECEIVE_TASK,
    (ElementType.MANUAL_TASK, _ANY): tasks.PASS_TASK,
    (ElementType.TASK, _ANY): tasks.PASS_TASK,
    (ElementType.EXCLUSIVE_GATEWAY, _ANY): gateways.EXCLUSIVE,
    (ElementType.PARALLEL_GATEWAY, _ANY): gateways.PARALLEL,
    (ElementType.EVENT_BASED_GATEWAY, _ANY): gateways.EVENT_BASED,
}
"""Behaviour by element type, and by event type where that decides."""
