"""Who waits for which message: element instances, and message start events.

One :class:`Subscription` stands for both of Zeebe's records (the process's side and the message's
side), since both live on this partition; each side has its own key.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from phee.engine.rows import START_SUBSCRIPTION_ROW, SUBSCRIPTION_ROW, number_of, numbered
from phee.engine.variables import EMPTY, Document, stored_document
from phee.records.values import (
    MessageStartEventSubscriptionValue,
    MessageSubscriptionValue,
    ProcessMessageSubscriptionValue,
)

if TYPE_CHECKING:
    from phee.engine.messages.buffer import Message


class Subscription:
    """An element instance waits for a message.

    ``message_side_key`` is -1 until the message's side has opened; ``correlating`` holds while a
    correlation is under way. ``message_key`` and ``document`` are those of the last message.
    """

    __slots__ = (
        "bpmn_process_id",
        "correlating",
        "correlation_key",
        "document",
        "element_instance_key",
        "gone",
        "instance_key",
        "interrupting",
        "key",
        "message_key",
        "message_name",
        "message_side_key",
        "opening",
        "process_side_open",
        "stored",
        "target_id",
        "tenant_id",
    )

    def __init__(
        self,
        key: int,
        instance_key: int,
        element_instance_key: int,
        bpmn_process_id: str,
        message_name: str,
        correlation_key: str,
        interrupting: bool,
        target_id: str,
        tenant_id: str,
    ) -> None:
        self.key = key
        self.instance_key = instance_key
        self.element_instance_key = element_instance_key
        self.bpmn_process_id = bpmn_process_id
        self.message_name = message_name
        self.correlation_key = correlation_key
        self.interrupting = interrupting
        self.target_id = target_id
        self.tenant_id = tenant_id
        self.message_side_key = -1
        self.message_key = -1
        self.document: Document = EMPTY
        self.correlating = False
        self.process_side_open = True
        self.opening: MessageSubscriptionValue | None = None
        self.stored = False
        self.gone = False

    @property
    def name(self) -> tuple[str, str, str]:
        """Return what it answers to."""
        return (self.tenant_id, self.message_name, self.correlation_key)

    def row_key(self) -> bytes:
        """Return where it lies."""
        return numbered(SUBSCRIPTION_ROW, self.key)

    def row(self) -> tuple[Any, ...]:
        """Return what lies there."""
        return (
            self.key,
            self.instance_key,
            self.element_instance_key,
            self.bpmn_process_id,
            self.message_name,
            self.correlation_key,
            self.interrupting,
            self.target_id,
            self.tenant_id,
            self.message_side_key,
            self.message_key,
            self.document.raw,
            self.correlating,
            self.process_side_open,
        )

    @classmethod
    def load(cls, row: Any) -> Subscription:
        """Return the subscription of a row."""
        subscription = cls(*row[:9])
        subscription.message_side_key, subscription.message_key = row[9:11]
        subscription.document = stored_document(row[11])
        subscription.correlating, subscription.process_side_open = row[12:14]
        subscription.stored = True
        return subscription

    def process_record(self) -> ProcessMessageSubscriptionValue:
        """Return the value of a PROCESS_MESSAGE_SUBSCRIPTION record about it."""
        return ProcessMessageSubscriptionValue(
            self.instance_key,
            self.element_instance_key,
            self.bpmn_process_id,
            self.message_name,
            self.correlation_key,
            self.message_key,
            self.document.raw,
            self.interrupting,
            self.target_id,
            self.tenant_id,
        )

    def process_command(self, *, interrupting: bool = True) -> ProcessMessageSubscriptionValue:
        """Return the value of a command to the process's side: only what finds it."""
        return ProcessMessageSubscriptionValue(
            process_instance_key=self.instance_key,
            element_instance_key=self.element_instance_key,
            message_name=self.message_name,
            variables=EMPTY.raw,
            interrupting=interrupting,
            tenant_id=self.tenant_id,
        )

    def message_command(self, bpmn_process_id: str = "") -> MessageSubscriptionValue:
        """Return the value of a command to the message's side: only what finds it."""
        return MessageSubscriptionValue(
            process_instance_key=self.instance_key,
            element_instance_key=self.element_instance_key,
            bpmn_process_id=bpmn_process_id,
            message_name=self.message_name,
            variables=EMPTY.raw,
            tenant_id=self.tenant_id,
        )

    def message_record(self) -> MessageSubscriptionValue:
        """Return the value of a MESSAGE_SUBSCRIPTION record about it."""
        return MessageSubscriptionValue(
            self.instance_key,
            self.element_instance_key,
            self.bpmn_process_id,
            self.message_name,
            self.correlation_key,
            self.message_key,
            self.document.raw,
            self.interrupting,
            self.tenant_id,
        )


class StartSubscription:
    """A message start event of the newest version of a process waits for messages."""

    __slots__ = (
        "bpmn_process_id",
        "definition_key",
        "gone",
        "key",
        "message_name",
        "start_event_id",
        "stored",
        "tenant_id",
    )

    def __init__(
        self,
        key: int,
        definition_key: int,
        bpmn_process_id: str,
        start_event_id: str,
        message_name: str,
        tenant_id: str,
    ) -> None:
        self.key = key
        self.definition_key = definition_key
        self.bpmn_process_id = bpmn_process_id
        self.start_event_id = start_event_id
        self.message_name = message_name
        self.tenant_id = tenant_id
        self.stored = False
        self.gone = False

    def row_key(self) -> bytes:
        """Return where it lies."""
        return numbered(START_SUBSCRIPTION_ROW, self.key)

    def row(self) -> tuple[Any, ...]:
        """Return what lies there."""
        return (
            self.definition_key,
            self.bpmn_process_id,
            self.start_event_id,
            self.message_name,
            self.tenant_id,
        )

    @classmethod
    def load(cls, key: bytes, row: Any) -> StartSubscription:
        """Return the subscription of a row."""
        subscription = cls(number_of(key), *row)
        subscription.stored = True
        return subscription

    def record(
        self, message: Message | None = None, instance_key: int = -1
    ) -> MessageStartEventSubscriptionValue:
        """Return the value of a MESSAGE_START_EVENT_SUBSCRIPTION record about it."""
        return MessageStartEventSubscriptionValue(
            self.definition_key,
            self.bpmn_process_id,
            self.start_event_id,
            self.message_name,
            message.correlation_key if message else "",
            message.key if message else -1,
            instance_key,
            message.document.raw if message else EMPTY.raw,
            self.tenant_id,
        )


class Subscriptions:
    """Every subscription, by key and by what it answers to."""

    def __init__(self) -> None:
        self._by_key: dict[int, Subscription] = {}
        self._by_name: dict[tuple[str, str, str], dict[int, Subscription]] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Subscription]:
        return iter(self._by_key.values())

    def add(self, subscription: Subscription) -> None:
        """Remember a subscription; it answers to messages once its message side is open."""
        self._by_key[subscription.key] = subscription
        if subscription.message_side_key != -1:
            self.open(subscription)

    def open(self, subscription: Subscription) -> None:
        """Let messages find it."""
        waiting = self._by_name.setdefault(subscription.name, {})
        waiting[subscription.message_side_key] = subscription

    def close(self, subscription: Subscription) -> None:
        """Let no message find it any more."""
        waiting = self._by_name.get(subscription.name)
        if waiting is None:
            return
        waiting.pop(subscription.message_side_key, None)
        if not waiting:
            del self._by_name[subscription.name]

    def remove(self, subscription: Subscription) -> None:
        """Forget a subscription."""
        self.close(subscription)
        self._by_key.pop(subscription.key, None)

    def by_key(self, key: int) -> Subscription | None:
        """Return the subscription whose process side has ``key``."""
        return self._by_key.get(key)

    def waiting(self, tenant_id: str, name: str, correlation_key: str) -> list[Subscription]:
        """Return those that answer to a message, in the order they opened."""
        waiting = self._by_name.get((tenant_id, name, correlation_key))
        return [waiting[key] for key in sorted(waiting)] if waiting else []


class StartSubscriptions:
    """The message start events of the newest versions."""

    def __init__(self) -> None:
        self._by_name: dict[tuple[str, str], dict[int, StartSubscription]] = {}
        self._by_definition: dict[int, list[StartSubscription]] = {}

    def __len__(self) -> int:
        return sum(len(same) for same in self._by_definition.values())

    def add(self, subscription: StartSubscription) -> None:
        """Open a start event for messages."""
        name = (subscription.tenant_id, subscription.message_name)
        self._by_name.setdefault(name, {})[subscription.key] = subscription
        self._by_definition.setdefault(subscription.definition_key, []).append(subscription)

    def take_definition(self, definition_key: int) -> list[StartSubscription]:
        """Close and return the start events of a definition."""
        taken = self._by_definition.pop(definition_key, [])
        for subscription in taken:
            name = (subscription.tenant_id, subscription.message_name)
            del self._by_name[name][subscription.key]
            if not self._by_name[name]:
                del self._by_name[name]
        return taken

    def waiting(self, tenant_id: str, name: str) -> list[StartSubscription]:
        """Return the start events that answer to a message, in the order they opened."""
        same = self._by_name.get((tenant_id, name))
        return [same[key] for key in sorted(same)] if same else []

    def of_definition(self, definition_key: int) -> list[StartSubscription]:
        """Return the start events of a definition."""
        return list(self._by_definition.get(definition_key, ()))
