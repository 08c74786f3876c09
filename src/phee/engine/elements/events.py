"""Start, end, catch, throw and boundary events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phee.engine import lifecycle
from phee.engine.elements.common import (
    complete_with_outputs,
    end_token,
    finish_termination,
    leave,
    pass_through,
    terminate_children,
    terminate_waiting,
    wait_for_event,
)
from phee.engine.errors_thrown import catcher_of, throw_to, uncaught
from phee.engine.expressions import text_value
from phee.engine.mappings import apply_outputs
from phee.engine.nodes import Behavior
from phee.engine.subscribing import subscribe
from phee.engine.variables import EMPTY

if TYPE_CHECKING:
    from phee.engine.core import Core
    from phee.engine.instances import ElementInstance


def _complete_start(core: Core, element: ElementInstance) -> None:
    apply_outputs(core, element)
    scope = element.scope
    assert scope is not None
    if scope.node.catches:
        # a sub-process begins to listen when its start event completes, as Zeebe does
        subscribe(core, scope)
    leave(core, element)


def _end(core: Core, element: ElementInstance) -> None:
    lifecycle.to_activated(core, element)
    lifecycle.to_completing(core, element)
    if element.node.outputs:
        apply_outputs(core, element)
    leave(core, element)


def _complete_end(core: Core, element: ElementInstance) -> None:
    apply_outputs(core, element)
    leave(core, element)


def _terminate_end(core: Core, element: ElementInstance) -> None:
    lifecycle.to_activated(core, element)
    lifecycle.to_completing(core, element)
    _complete_terminate_end(core, element)


def _complete_terminate_end(core: Core, element: ElementInstance) -> None:
    apply_outputs(core, element)
    scope = element.scope
    assert scope is not None
    lifecycle.to_completed(core, element)
    scope.active_flows = 0
    scope.taken = None
    core.dirty(scope)
    # what is still on its way into the scope is refused from here on
    scope.interrupted_by = element.node
    if not terminate_children(core, scope):
        lifecycle.issue_completion(core, scope)


def _error_end(core: Core, element: ElementInstance) -> None:
    error = element.node.error
    assert error is not None
    assert error.code is not None, "an error end event has a code"
    code = text_value(core, error.code, element)
    scope = element.scope
    assert scope is not None
    found = catcher_of(core, scope, code)
    if found is None:
        raise uncaught(core, scope, code, "")
    lifecycle.to_activated(core, element)
    throw_to(core, found, EMPTY)


def _never(_: Core, element: ElementInstance) -> None:
    raise AssertionError(f"{element} does not complete")


START = Behavior(pass_through, _complete_start, finish_termination, end_token)
END = Behavior(_end, _complete_end, finish_termination, end_token)
TERMINATE_END = Behavior(_terminate_end, _complete_terminate_end, finish_termination, end_token)
ERROR_END = Behavior(_error_end, _never, finish_termination, end_token)
CATCH = Behavior(wait_for_event, complete_with_outputs, terminate_waiting, end_token)
BOUNDARY = Behavior(_never, complete_with_outputs, finish_termination, end_token)
THROW = Behavior(pass_through, complete_with_outputs, finish_termination, end_token)
