"""Tasks: those that make a job, those that wait, those that compute, those that do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phee.engine import lifecycle
from phee.engine.elements.common import (
    complete_with_outputs,
    end_token,
    finish_termination,
    pass_through,
    terminate_waiting,
    wait_for_event,
)
from phee.engine.expressions import evaluate, number_value, text_value
from phee.engine.job_events import cancel_job, create_job
from phee.engine.nodes import Behavior
from phee.engine.subscribing import subscribe, unsubscribe
from phee.engine.triggering import keep_trigger
from phee.engine.variables import Context, document, storable
from phee.feel import to_json_value

if TYPE_CHECKING:
    from phee.engine.core import Core
    from phee.engine.instances import ElementInstance


def _activate_job(core: Core, element: ElementInstance) -> None:
    node = element.node
    task = node.task
    assert task is not None, f"{node} has no job type"
    job_type = text_value(core, task.type, element)
    retries = number_value(core, task.retries, element)
    if node.catches:
        subscribe(core, element)
    create_job(core, element, job_type, retries)


def _terminate_job(core: Core, element: ElementInstance) -> None:
    if element.job is not None:
        cancel_job(core, element)
    unsubscribe(core, element)
    finish_termination(core, element)


def _activate_script(core: Core, element: ElementInstance) -> None:
    script = element.node.script
    if script is None:
        _activate_job(core, element)
        return
    value = storable(to_json_value(evaluate(core, script.expression, Context(element))))
    if element.node.catches:
        subscribe(core, element)
    keep_trigger(core, element, document({script.result_variable: value}))
    lifecycle.to_activated(core, element)
    lifecycle.issue_completion(core, element)


JOB_TASK = Behavior(_activate_job, complete_with_outputs, _terminate_job, end_token)
SCRIPT_TASK = Behavior(_activate_script, complete_with_outputs, _terminate_job, end_token)
RECEIVE_TASK = Behavior(wait_for_event, complete_with_outputs, terminate_waiting, end_token)
PASS_TASK = Behavior(pass_through, complete_with_outputs, finish_termination, end_token)
