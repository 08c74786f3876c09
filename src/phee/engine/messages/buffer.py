"""Buffered messages: published, not yet expired.

Invariants: of one name, correlation key and message id at most one message is buffered per
tenant; ``correlated`` names the process ids that got the message already.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from phee.engine.rows import MESSAGE_ROW, numbered
from phee.engine.variables import Document, stored_document
from phee.records.values import MessageValue


class Message:
    """A published message. ``deadline`` is in ms since 1970."""

    __slots__ = (
        "correlated",
        "correlation_key",
        "deadline",
        "document",
        "gone",
        "key",
        "message_id",
        "name",
        "stored",
        "tenant_id",
        "time_to_live_ms",
    )

    def __init__(
        self,
        key: int,
        name: str,
        correlation_key: str,
        message_id: str,
        time_to_live_ms: int,
        deadline: int,
        document: Document,
        tenant_id: str,
    ) -> None:
        self.key = key
        self.name = name
        self.correlation_key = correlation_key
        self.message_id = message_id
        self.time_to_live_ms = time_to_live_ms
        self.deadline = deadline
        self.document = document
        self.tenant_id = tenant_id
        self.correlated: set[str] = set()
        self.stored = False
        self.gone = False

    def row_key(self) -> bytes:
        """Return where it lies."""
        return numbered(MESSAGE_ROW, self.key)

    def row(self) -> tuple[Any, ...]:
        """Return what lies there."""
        return (
            self.key,
            self.name,
            self.correlation_key,
            self.message_id,
            self.time_to_live_ms,
            self.deadline,
            self.document.raw,
            self.tenant_id,
            sorted(self.correlated),
        )

    @classmethod
    def load(cls, row: Any) -> Message:
        """Return the message of a row."""
        key, name, correlation_key, message_id, time_to_live_ms, deadline, raw, tenant_id = row[:8]
        document = stored_document(raw)
        message = cls(
            key, name, correlation_key, message_id, time_to_live_ms, deadline, document, tenant_id
        )
        message.correlated = set(row[8])
        message.stored = True
        return message

    def record(self) -> MessageValue:
        """Return the value of a MESSAGE record about this message."""
        return MessageValue(
            self.name,
            self.correlation_key,
            self.message_id,
            self.time_to_live_ms,
            self.deadline,
            self.document.raw,
            self.tenant_id,
        )


class MessageBuffer:
    """The buffered messages, by key, by what they answer to, and by id."""

    def __init__(self) -> None:
        self._by_key: dict[int, Message] = {}
        self._by_name: dict[tuple[str, str, str], dict[int, Message]] = {}
        self._by_id: dict[tuple[str, str, str, str], Message] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def add(self, message: Message) -> None:
        """Buffer a message."""
        self._by_key[message.key] = message
        name = (message.tenant_id, message.name, message.correlation_key)
        self._by_name.setdefault(name, {})[message.key] = message
        if message.message_id:
            self._by_id[(*name, message.message_id)] = message

    def remove(self, message: Message) -> None:
        """Take a message out; its id is free again."""
        del self._by_key[message.key]
        name = (message.tenant_id, message.name, message.correlation_key)
        same = self._by_name[name]
        del same[message.key]
        if not same:
            del self._by_name[name]
        if message.message_id:
            del self._by_id[(*name, message.message_id)]

    def by_key(self, key: int) -> Message | None:
        """Return a buffered message."""
        return self._by_key.get(key)

    def has_id(self, tenant_id: str, name: str, correlation_key: str, message_id: str) -> bool:
        """Return whether a message with this id is buffered."""
        return (tenant_id, name, correlation_key, message_id) in self._by_id

    def waiting(self, tenant_id: str, name: str, correlation_key: str) -> Iterator[Message]:
        """Yield the messages of that name and correlation key, oldest first."""
        same = self._by_name.get((tenant_id, name, correlation_key))
        if same:
            for key in sorted(same):
                yield same[key]
