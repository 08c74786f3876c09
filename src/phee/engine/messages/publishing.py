"""PublishMessage, the expiry of messages, and process instances that messages start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phee.commands import PublishedMessage
from phee.engine import codes
from phee.engine.instances import CorrelationLock, ProcessInstance
from phee.engine.messages.buffer import Message
from phee.engine.messages.correlation import begin_correlation, issue_correlation
from phee.engine.schedule import TIME_MAX_MS
from phee.engine.starting import start_by_event
from phee.engine.variables import EMPTY, Document
from phee.records.values import MessageBatchValue, MessageValue

if TYPE_CHECKING:
    from phee.commands import PublishMessage
    from phee.engine.core import Core
    from phee.engine.messages.subscriptions import StartSubscription, Subscription

EXPIRED_AT_ONCE_MAX = 500
"""Messages that one MESSAGE_BATCH.EXPIRE command takes."""


def publish(core: Core, wish: tuple[PublishMessage, Document]) -> None:
    """Process PublishMessage: correlate where someone waits, buffer for the time to live."""
    command, document = wish
    time_to_live_ms = max(command.time_to_live_ms, -1)
    value = MessageValue(
        command.name,
        command.correlation_key,
        command.message_id,
        time_to_live_ms,
        -1,
        document.raw,
        command.tenant_id,
    )
    core.begin(-1, codes.MESSAGE, codes.MESSAGE_PUBLISH, value)
    name = (command.tenant_id, command.name, command.correlation_key)
    if command.message_id and core.state.messages.has_id(*name, command.message_id):
        reason = (
            f"Expected to publish a new message with id '{command.message_id}',"
            " but a message with that id was already published"
        )
        core.refuse(
            "PUBLISH",
            -1,
            codes.MESSAGE,
            codes.MESSAGE_PUBLISH,
            value,
            codes.ALREADY_EXISTS,
            reason,
        )
        return
    message = Message(
        core.next_key(),
        command.name,
        command.correlation_key,
        command.message_id,
        time_to_live_ms,
        min(core.now + time_to_live_ms, TIME_MAX_MS),
        document,
        command.tenant_id,
    )
    core.state.add_message(message)
    core.dirty(message)
    core.event(message.key, codes.MESSAGE, codes.MESSAGE_PUBLISHED, message.record())
    core.answer(PublishedMessage(message.key, command.tenant_id, core.position))
    _deliver(core, message)
    if time_to_live_ms <= 0:
        expire(core, message)


def _deliver(core: Core, message: Message) -> None:
    name = (message.tenant_id, message.name, message.correlation_key)
    taken: list[Subscription] = []
    for subscription in core.state.subscriptions.waiting(*name):
        free = subscription.process_side_open and not subscription.correlating
        free = free and subscription.instance_key not in core.state.banned
        if free and subscription.bpmn_process_id not in message.correlated:
            begin_correlation(core, subscription, message)
            taken.append(subscription)
    for start in core.state.start_subscriptions.waiting(message.tenant_id, message.name):
        if start.bpmn_process_id not in message.correlated and _may_start(core, start, message):
            start_instance(core, start, message)
    for subscription in taken:
        issue_correlation(core, subscription)


def _may_start(core: Core, start: StartSubscription, message: Message) -> bool:
    if not message.correlation_key:
        return True
    held = (message.tenant_id, start.bpmn_process_id, message.correlation_key)
    return held not in core.state.locks


def start_instance(core: Core, start: StartSubscription, message: Message) -> None:
    """Start an instance by a message; it holds the correlation key until it ends."""
    message.correlated.add(start.bpmn_process_id)
    core.dirty(message)
    instance_key = core.next_key()
    core.event(
        start.key,
        codes.MESSAGE_START_EVENT_SUBSCRIPTION,
        codes.MSES_CORRELATED,
        start.record(message, instance_key),
    )
    definition = core.state.definitions.by_key(start.definition_key)
    assert definition is not None, "a start event without its definition"
    instance = start_by_event(
        core, definition, instance_key, definition.nodes[start.start_event_id], message.document
    )
    if message.correlation_key:
        lock = CorrelationLock(
            instance_key, message.tenant_id, start.bpmn_process_id, message.correlation_key
        )
        core.state.add_lock(lock)
        core.dirty(lock)
        instance.lock = lock


def release_lock(core: Core, instance: ProcessInstance) -> None:
    """Free the correlation key of an instance that ended; the oldest waiting message starts."""
    lock = instance.lock
    if lock is None:
        return
    core.state.remove_lock(lock)
    core.drop(lock)
    definition = core.state.definitions.latest(lock.tenant_id, lock.bpmn_process_id)
    if definition is None:
        return
    waiting: list[tuple[int, StartSubscription, Message]] = []
    for start in core.state.start_subscriptions.of_definition(definition.key):
        name = (lock.tenant_id, start.message_name, lock.correlation_key)
        for message in core.state.messages.waiting(*name):
            if message.deadline > core.now and lock.bpmn_process_id not in message.correlated:
                waiting.append((message.key, start, message))
                break
    if waiting:
        _, start, message = min(waiting, key=lambda entry: entry[0])
        start_instance(core, start, message)


def expire(core: Core, message: Message) -> None:
    """Take a message out of the buffer."""
    core.event(message.key, codes.MESSAGE, codes.MESSAGE_EXPIRED, message.record())
    _forget(core, message)


def _forget(core: Core, message: Message) -> None:
    core.state.remove_message(message)
    core.drop(message)


def expire_due(core: Core, keys: list[int]) -> None:
    """Process MESSAGE_BATCH.EXPIRE: drop what is past its deadline."""
    core.begin(-1, codes.MESSAGE_BATCH, codes.MESSAGE_BATCH_EXPIRE, MessageBatchValue(keys))
    for key in keys:
        message = core.state.messages.by_key(key)
        if message is not None:
            # a sweep names the message by its key alone, as Zeebe does
            value = MessageValue(variables=EMPTY.raw)
            core.event(key, codes.MESSAGE, codes.MESSAGE_EXPIRED, value)
            _forget(core, message)
