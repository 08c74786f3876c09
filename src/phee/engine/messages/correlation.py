"""Bringing messages and waiting elements together.

Zeebe's two-sided protocol, both sides on this partition, with its rules (reference: messages): a
message goes at most once to each process id; a subscription that is correlating is skipped; a
message past its deadline is not correlated; what an instance can no longer take is offered to
another instance of the same process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from phee.engine import codes
from phee.engine.triggering import can_trigger, trigger

if TYPE_CHECKING:
    from phee.engine.core import Core
    from phee.engine.messages.buffer import Message
    from phee.engine.messages.subscriptions import Subscription


def open_message_side(core: Core, subscription: Subscription) -> None:
    """Process MESSAGE_SUBSCRIPTION.CREATE: open, and take the oldest buffered message if any."""
    subscription.message_side_key = core.next_key()
    core.state.subscriptions.open(subscription)
    core.dirty(subscription)
    core.event(
        subscription.message_side_key,
        codes.MESSAGE_SUBSCRIPTION,
        codes.MS_CREATED,
        subscription.message_record(),
    )
    message = _buffered_for(core, subscription)
    opening, subscription.opening = subscription.opening, None
    if message is not None:
        begin_correlation(core, subscription, message)
        if opening is not None:
            # Zeebe writes the message that was found into the CREATE command as well
            opening.message_key = message.key
            opening.variables = message.document.raw
        issue_correlation(core, subscription)
        return
    core.follow_up(
        -1,
        codes.PROCESS_MESSAGE_SUBSCRIPTION,
        codes.PMS_CREATE,
        subscription.process_command(interrupting=subscription.interrupting),
        confirm_process_side,
        subscription,
    )


def _buffered_for(core: Core, subscription: Subscription) -> Message | None:
    for message in core.state.messages.waiting(*subscription.name):
        if message.deadline > core.now and subscription.bpmn_process_id not in message.correlated:
            return message
    return None


def confirm_process_side(core: Core, subscription: Subscription) -> None:
    """Process PROCESS_MESSAGE_SUBSCRIPTION.CREATE."""
    value = subscription.process_record()
    if not subscription.process_side_open:
        reason = (
            "Expected to create process message subscription with element key"
            f" '{subscription.element_instance_key}' and message name"
            f" '{subscription.message_name}', but it is already closing"
        )
        core.reject(
            -1,
            codes.PROCESS_MESSAGE_SUBSCRIPTION,
            codes.PMS_CREATE,
            value,
            codes.INVALID_STATE,
            reason,
        )
        return
    core.event(subscription.key, codes.PROCESS_MESSAGE_SUBSCRIPTION, codes.PMS_CREATED, value)


def begin_correlation(core: Core, subscription: Subscription, message: Message) -> None:
    """Give ``message`` to ``subscription``: no other instance of the process gets it."""
    message.correlated.add(subscription.bpmn_process_id)
    core.dirty(message)
    subscription.correlating = True
    subscription.message_key = message.key
    subscription.document = message.document
    core.dirty(subscription)
    core.event(
        subscription.message_side_key,
        codes.MESSAGE_SUBSCRIPTION,
        codes.MS_CORRELATING,
        subscription.message_record(),
    )


def issue_correlation(core: Core, subscription: Subscription) -> None:
    """Tell the process's side about a message that :func:`begin_correlation` gave."""
    core.follow_up(
        -1,
        codes.PROCESS_MESSAGE_SUBSCRIPTION,
        codes.PMS_CORRELATE,
        subscription.process_record(),
        correlate,
        subscription,
    )


def correlate(core: Core, subscription: Subscription) -> None:
    """Process PROCESS_MESSAGE_SUBSCRIPTION.CORRELATE: the element takes the message, or not."""
    element = core.state.element_of(subscription.instance_key, subscription.element_instance_key)
    value = subscription.process_record()
    if element is None or not subscription.process_side_open or not can_trigger(element):
        reason = (
            "Expected to correlate message to element with key"
            f" '{subscription.element_instance_key}', but it is not active"
        )
        core.reject(
            -1,
            codes.PROCESS_MESSAGE_SUBSCRIPTION,
            codes.PMS_CORRELATE,
            value,
            codes.INVALID_STATE,
            reason,
        )
        core.follow_up(
            -1,
            codes.MESSAGE_SUBSCRIPTION,
            codes.MS_REJECT,
            subscription.message_record(),
            reject_message,
            subscription,
        )
        return
    if subscription.interrupting:
        subscription.process_side_open = False
        assert element.subscriptions is not None
        element.subscriptions.remove(subscription)
        core.dirty(element)
    core.dirty(subscription)
    core.event(subscription.key, codes.PROCESS_MESSAGE_SUBSCRIPTION, codes.PMS_CORRELATED, value)
    target = element.instance.definition.nodes[subscription.target_id]
    trigger(core, element, target, subscription.document)
    core.follow_up(
        -1,
        codes.MESSAGE_SUBSCRIPTION,
        codes.MS_CORRELATE,
        subscription.message_command(subscription.bpmn_process_id),
        finish_correlation,
        subscription,
    )


def finish_correlation(core: Core, subscription: Subscription) -> None:
    """Process MESSAGE_SUBSCRIPTION.CORRELATE; one that stays open takes its next message."""
    subscription.correlating = False
    core.dirty(subscription)
    core.event(
        subscription.message_side_key,
        codes.MESSAGE_SUBSCRIPTION,
        codes.MS_CORRELATED,
        subscription.message_record(),
    )
    if not subscription.process_side_open:
        if subscription.interrupting:
            _remove(core, subscription)
        return
    message = _buffered_for(core, subscription)
    if message is not None:
        begin_correlation(core, subscription, message)
        issue_correlation(core, subscription)


def reject_message(core: Core, subscription: Subscription) -> None:
    """Process MESSAGE_SUBSCRIPTION.REJECT: offer the message to another instance."""
    core.event(
        subscription.message_side_key,
        codes.MESSAGE_SUBSCRIPTION,
        codes.MS_REJECTED,
        subscription.message_record(),
    )
    subscription.correlating = False
    core.dirty(subscription)
    message = core.state.messages.by_key(subscription.message_key)
    if message is None:
        return
    message.correlated.discard(subscription.bpmn_process_id)
    core.dirty(message)
    for other in core.state.subscriptions.waiting(*subscription.name):
        same_process = other.bpmn_process_id == subscription.bpmn_process_id
        if same_process and other.process_side_open and not other.correlating:
            begin_correlation(core, other, message)
            issue_correlation(core, other)
            return


def delete_message_side(core: Core, subscription: Subscription) -> None:
    """Process MESSAGE_SUBSCRIPTION.DELETE."""
    core.state.subscriptions.close(subscription)
    core.event(
        subscription.message_side_key,
        codes.MESSAGE_SUBSCRIPTION,
        codes.MS_DELETED,
        subscription.message_record(),
    )
    core.follow_up(
        -1,
        codes.PROCESS_MESSAGE_SUBSCRIPTION,
        codes.PMS_DELETE,
        subscription.process_command(),
        delete_process_side,
        subscription,
    )


def delete_process_side(core: Core, subscription: Subscription) -> None:
    """Process PROCESS_MESSAGE_SUBSCRIPTION.DELETE: nothing is left of the subscription."""
    core.event(
        subscription.key,
        codes.PROCESS_MESSAGE_SUBSCRIPTION,
        codes.PMS_DELETED,
        subscription.process_record(),
    )
    _remove(core, subscription)


def _remove(core: Core, subscription: Subscription) -> None:
    core.state.subscriptions.remove(subscription)
    core.drop(subscription)
