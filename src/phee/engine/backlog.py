"""Follow-up commands that were put off because their batch was full.

They are on record already, and lie in rows until their turn comes, so that a crash in between
loses none. Read back from a row, a command is found its handler and its object again by what its
record says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from phee.engine import codes, lifecycle
from phee.engine.elements.common import terminate_batch
from phee.engine.instances import ElementInstance, ProcessInstance
from phee.engine.messages import correlation
from phee.engine.rows import BACKLOG_ROW, numbered
from phee.records import ValueType, value_class
from phee.records.values import (
    MessageSubscriptionValue,
    ProcessInstanceBatchValue,
    ProcessInstanceValue,
    ProcessMessageSubscriptionValue,
)

if TYPE_CHECKING:
    from phee.engine.core import Core, FollowUp, Handler
    from phee.engine.messages.subscriptions import Subscription
    from phee.engine.state import State


class PutOff:
    """A follow-up command that waits for its turn."""

    __slots__ = ("follow_up", "gone", "stored")

    def __init__(self, follow_up: FollowUp) -> None:
        self.follow_up = follow_up
        self.stored = False
        self.gone = False

    def row_key(self) -> bytes:
        """Return where it lies."""
        return numbered(BACKLOG_ROW, self.follow_up[2])

    def row(self) -> tuple[int, int, int, Any]:
        """Return what lies there."""
        _, _, _, key, value_type, intent, value = self.follow_up
        return (key, value_type, intent, value)

    def touch_scope(self, core: Core) -> None:
        """Have the scope written too: it counts the sequence flow that leads to this activation.

        Within one batch flows are taken and used up, so that nobody else writes the count.
        """
        argument = self.follow_up[1]
        if isinstance(argument, ElementInstance) and argument.scope is not None:
            core.dirty(argument.scope)

    @classmethod
    def load(cls, state: State, position: int, row: Any) -> PutOff:
        """Return the command of a row."""
        key, value_type, intent, fields = row
        value = value_class(ValueType(value_type))(*fields)
        handler, argument = revive(state, key, value_type, intent, value)
        later = cls((handler, argument, position, key, value_type, intent, value))
        later.stored = True
        return later


_SUBSCRIPTION_HANDLERS: dict[tuple[int, int], Handler] = {
    (codes.MESSAGE_SUBSCRIPTION, codes.MS_CREATE): correlation.open_message_side,
    (codes.MESSAGE_SUBSCRIPTION, codes.MS_CORRELATE): correlation.finish_correlation,
    (codes.MESSAGE_SUBSCRIPTION, codes.MS_REJECT): correlation.reject_message,
    (codes.MESSAGE_SUBSCRIPTION, codes.MS_DELETE): correlation.delete_message_side,
    (codes.PROCESS_MESSAGE_SUBSCRIPTION, codes.PMS_CREATE): correlation.confirm_process_side,
    (codes.PROCESS_MESSAGE_SUBSCRIPTION, codes.PMS_CORRELATE): correlation.correlate,
    (codes.PROCESS_MESSAGE_SUBSCRIPTION, codes.PMS_DELETE): correlation.delete_process_side,
}


def revive(state: State, key: int, value_type: int, intent: int, value: Any) -> tuple[Handler, Any]:
    """Return who acts on a follow-up command and on what."""
    handler = _SUBSCRIPTION_HANDLERS.get((value_type, intent))
    if handler is not None:
        return handler, _subscription(state, value)
    if value_type == codes.PROCESS_INSTANCE_BATCH:
        batch = cast("ProcessInstanceBatchValue", value)
        scope = state.element_of(batch.process_instance_key, batch.batch_element_instance_key)
        return terminate_batch, scope or _departed(state, value, key)
    assert value_type == codes.PROCESS_INSTANCE, f"a put-off command of type {value_type}"
    element = state.element_of(value.process_instance_key, key)
    if intent == codes.ACTIVATE_ELEMENT:
        return lifecycle.activate_element, element or _announced(state, value, key)
    if intent == codes.COMPLETE_ELEMENT:
        return lifecycle.complete_element, element or _departed(state, value, key)
    return lifecycle.terminate_element, element or _departed(state, value, key)


def _subscription(
    state: State, value: MessageSubscriptionValue | ProcessMessageSubscriptionValue
) -> Subscription:
    for subscription in state.subscriptions:
        if (
            subscription.element_instance_key == value.element_instance_key
            and subscription.message_name == value.message_name
        ):
            return subscription
    raise AssertionError(f"a put-off command to a subscription that is gone: {value}")


def _announced(state: State, value: ProcessInstanceValue, key: int) -> ElementInstance:
    """Return the element instance that is still to be activated."""
    scope = state.element_of(value.process_instance_key, value.flow_scope_key)
    if scope is None:
        return _departed(state, value, key)
    node = scope.instance.definition.nodes[value.element_id]
    return scope.instance.element(key, node, scope, scope.key)


def _departed(state: State, value: Any, key: int) -> ElementInstance:
    """Return a stand-in for what is gone by now: the command will be rejected."""
    instance = state.instance(value.process_instance_key)
    definition = instance.definition if instance is not None else next(iter(state.definitions))
    stand_in = ProcessInstance(value.process_instance_key, definition, started_at=-1)
    return stand_in.element(key, definition.root, None, -1)
