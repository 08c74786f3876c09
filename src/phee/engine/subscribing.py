"""Listening for events while a token is on an element: opening and closing what catches them.

Everything that can fail (names, correlation keys, due dates) is evaluated before anything is
written; messages open before timers, timers close before messages, as in Zeebe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from phee.engine import codes
from phee.engine.due_dates import due_of
from phee.engine.expressions import correlation_key, text_value
from phee.engine.messages.correlation import delete_message_side, open_message_side
from phee.engine.messages.subscriptions import Subscription
from phee.engine.timers import Timer

if TYPE_CHECKING:
    from phee.engine.core import Core
    from phee.engine.instances import ElementInstance
    from phee.engine.nodes import Node


def subscribe(core: Core, element: ElementInstance) -> None:
    """Open the message subscriptions and timers of ``element``.

    Raises:
        Failure: a name, correlation key or due date cannot be evaluated; nothing was opened.
    """
    node = element.node
    messages = [_message(core, element, catch) for catch in node.message_catches]
    timers = [_timer(core, element, catch) for catch in node.timer_catches]
    if messages or timers:
        core.dirty(element)
    if messages:
        element.subscriptions = element.subscriptions or []
        for subscription in messages:
            subscription.key = core.next_key()
            element.subscriptions.append(subscription)
            _open(core, subscription)
    if timers:
        element.timers = element.timers or []
        for timer in timers:
            timer.key = core.next_key()
            element.timers.append(timer)
            create_timer(core, timer)


def _message(core: Core, element: ElementInstance, catch: Node) -> Subscription:
    message = catch.message
    assert message is not None
    assert message.correlation_key is not None, f"{catch} has no correlation key"
    # a boundary event's key is evaluated around the activity, not inside it
    scope = element.scope if catch.is_boundary and element.scope is not None else element
    definition = element.instance.definition
    return Subscription(
        -1,
        element.instance.key,
        element.key,
        definition.bpmn_process_id,
        text_value(core, message.name, scope),
        correlation_key(core, message.correlation_key, scope),
        catch.interrupting or not catch.is_boundary,
        catch.id,
        definition.tenant_id,
    )


def _open(core: Core, subscription: Subscription) -> None:
    core.state.subscriptions.add(subscription)
    core.dirty(subscription)
    core.event(
        subscription.key,
        codes.PROCESS_MESSAGE_SUBSCRIPTION,
        codes.PMS_CREATING,
        subscription.process_record(),
    )
    subscription.opening = subscription.message_record()
    core.follow_up(
        -1,
        codes.MESSAGE_SUBSCRIPTION,
        codes.MS_CREATE,
        subscription.opening,
        open_message_side,
        subscription,
    )


def _timer(core: Core, element: ElementInstance, catch: Node) -> Timer:
    assert catch.timer is not None
    scope = element.scope if catch.is_boundary and element.scope is not None else element
    due_at, repetitions, cycle = due_of(core, catch.timer, scope)
    definition = element.instance.definition
    return Timer(
        -1,
        due_at,
        definition.key,
        element.instance.key,
        element.key,
        catch.id,
        repetitions,
        cycle,
        definition.tenant_id,
    )


def create_timer(core: Core, timer: Timer) -> None:
    """Put a timer on record and wait for its moment."""
    core.state.add_timer(timer)
    core.dirty(timer)
    core.event(timer.key, codes.TIMER, codes.TIMER_CREATED, timer.record())


def cancel_timer(core: Core, timer: Timer) -> None:
    """Take a timer back."""
    core.event(timer.key, codes.TIMER, codes.TIMER_CANCELED, timer.record())
    core.state.remove_timer(timer)
    core.drop(timer)


def unsubscribe(core: Core, element: ElementInstance) -> None:
    """Close the timers and message subscriptions of ``element``."""
    if element.timers:
        for timer in element.timers:
            cancel_timer(core, timer)
        element.timers = None
    if element.subscriptions:
        for subscription in element.subscriptions:
            _close(core, subscription)
        element.subscriptions = None


def _close(core: Core, subscription: Subscription) -> None:
    if not subscription.process_side_open:
        return
    subscription.process_side_open = False
    core.dirty(subscription)
    core.event(
        subscription.key,
        codes.PROCESS_MESSAGE_SUBSCRIPTION,
        codes.PMS_DELETING,
        subscription.process_record(),
    )
    core.follow_up(
        -1,
        codes.MESSAGE_SUBSCRIPTION,
        codes.MS_DELETE,
        subscription.message_command(),
        delete_message_side,
        subscription,
    )
