"""Process instances and the element instances (tokens) in them.

Invariants: an element instance is registered from ELEMENT_ACTIVATING to ELEMENT_COMPLETED or
ELEMENT_TERMINATED; a registered child has a registered scope; ``scope.children`` holds exactly the
registered children. All PROCESS_INSTANCE records of one element instance share one value struct,
so that value is never changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phee.engine.rows import (
    BANNED_ROW,
    CORRELATION_LOCK_ROW,
    ELEMENT_OWNER,
    element_key,
    number_of,
    numbered,
)
from phee.records.values import ProcessInstanceValue

if TYPE_CHECKING:
    from phee.engine.definitions import Definition
    from phee.engine.jobs import Job
    from phee.engine.messages.subscriptions import Subscription
    from phee.engine.nodes import Node
    from phee.engine.timers import Timer
    from phee.engine.variables import Document, Variable

ACTIVATING = 2
ACTIVATED = 3
COMPLETING = 4
COMPLETED = 5
TERMINATING = 6
TERMINATED = 7
"""States, numbered as the intents of the events that lead to them."""


class Trigger:
    """An event that was caught and waits for its element to take it."""

    __slots__ = ("document", "event_key", "target")

    def __init__(self, event_key: int, target: Node, document: Document) -> None:
        self.event_key = event_key
        self.target = target
        self.document = document


class ElementInstance:
    """A token on an element.

    ``active_flows`` counts taken sequence flows whose target is not yet activating; ``taken``
    counts them by flow id for gateways that join. ``interrupted_by`` is the node that interrupted
    this scope. ``called_key`` is the instance that a call activity started.
    """

    __slots__ = (
        "active_flows",
        "called_key",
        "children",
        "gone",
        "incident_keys",
        "instance",
        "interrupted_by",
        "job",
        "key",
        "node",
        "scope",
        "state",
        "stored",
        "subscriptions",
        "taken",
        "timers",
        "triggers",
        "value",
        "variables",
    )

    def __init__(
        self,
        key: int,
        node: Node,
        instance: ProcessInstance,
        scope: ElementInstance | None,
        value: ProcessInstanceValue,
    ) -> None:
        self.key = key
        self.node = node
        self.instance = instance
        self.scope = scope
        self.value = value
        self.state = 0
        self.active_flows = 0
        self.called_key = -1
        self.interrupted_by: Node | None = None
        self.job: Job | None = None
        self.children: dict[int, ElementInstance] | None = None
        self.taken: dict[str, int] | None = None
        self.timers: list[Timer] | None = None
        self.subscriptions: list[Subscription] | None = None
        self.triggers: list[Trigger] | None = None
        self.variables: dict[str, Variable] | None = None
        self.incident_keys: list[int] | None = None
        self.stored = False
        self.gone = False

    @property
    def is_registered(self) -> bool:
        """True while this is a token on an element (from ACTIVATING until it left)."""
        return self.state != 0 and not self.gone

    def row_key(self) -> bytes:
        """Return where it lies."""
        return element_key(self.instance.key, self.key)

    def owner_key(self) -> bytes:
        """Return where the row lies that says which instance this belongs to."""
        return numbered(ELEMENT_OWNER, self.key)

    def row(self) -> tuple[Any, ...]:
        """Return what lies there."""
        scope = self.scope
        return (
            self.node.id,
            self.state,
            scope.key if scope is not None else -1,
            self.active_flows,
            self.taken,
            self.interrupted_by.id if self.interrupted_by is not None else None,
            [(t.event_key, t.target.id, t.document.raw) for t in self.triggers or ()],
            self.called_key,
            self.job.key if self.job is not None else -1,
            [timer.key for timer in self.timers or ()],
            [subscription.key for subscription in self.subscriptions or ()],
            self.incident_keys or (),
            self.instance.identity() if scope is None else None,
        )

    def __repr__(self) -> str:
        return f"<{self.node.id} {self.key} state {self.state}>"


class ProcessInstance:
    """A running process: what its element instances have in common.

    ``depth`` counts the processes from the one that was created down to this one. ``started_at``
    is in ms since 1970.
    """

    __slots__ = (
        "banned",
        "definition",
        "depth",
        "elements",
        "key",
        "lock",
        "parent_element_key",
        "parent_key",
        "root",
        "started_at",
    )

    def __init__(
        self,
        key: int,
        definition: Definition,
        started_at: int,
        parent_key: int = -1,
        parent_element_key: int = -1,
        depth: int = 1,
    ) -> None:
        self.key = key
        self.started_at = started_at
        self.definition = definition
        self.parent_key = parent_key
        self.parent_element_key = parent_element_key
        self.depth = depth
        self.elements: dict[int, ElementInstance] = {}
        self.root: ElementInstance | None = None
        self.lock: CorrelationLock | None = None
        self.banned = False

    def identity(self) -> tuple[int, int, int, int, int]:
        """Return what the row of the root adds."""
        return (
            self.definition.key,
            self.started_at,
            self.parent_key,
            self.parent_element_key,
            self.depth,
        )

    def element(
        self, key: int, node: Node, scope: ElementInstance | None, scope_key: int
    ) -> ElementInstance:
        """Return a new element instance (not yet registered)."""
        definition = self.definition
        value = ProcessInstanceValue(
            definition.bpmn_process_id,
            definition.version,
            definition.key,
            self.key,
            node.id,
            scope_key,
            node.type,
            node.event_type,
            self.parent_key,
            self.parent_element_key,
            definition.tenant_id,
        )
        return ElementInstance(key, node, self, scope, value)


class Ban:
    """Says that an instance is banned after a fault of the engine (row only, always stored)."""

    __slots__ = ("gone", "instance_key", "stored")

    def __init__(self, instance_key: int) -> None:
        self.instance_key = instance_key
        self.stored = True
        self.gone = False

    def row_key(self) -> bytes:
        """Return where it lies."""
        return numbered(BANNED_ROW, self.instance_key)

    def row(self) -> None:
        """Return what lies there: nothing, the key says all."""


class CorrelationLock:
    """One instance per process id and correlation key, for those started by a message."""

    __slots__ = (
        "bpmn_process_id",
        "correlation_key",
        "gone",
        "instance_key",
        "stored",
        "tenant_id",
    )

    def __init__(
        self, instance_key: int, tenant_id: str, bpmn_process_id: str, correlation_key: str
    ) -> None:
        self.instance_key = instance_key
        self.tenant_id = tenant_id
        self.bpmn_process_id = bpmn_process_id
        self.correlation_key = correlation_key
        self.stored = False
        self.gone = False

    @property
    def name(self) -> tuple[str, str, str]:
        """Return what is held."""
        return (self.tenant_id, self.bpmn_process_id, self.correlation_key)

    def row_key(self) -> bytes:
        """Return where it lies."""
        return numbered(CORRELATION_LOCK_ROW, self.instance_key)

    def row(self) -> tuple[str, str, str]:
        """Return what lies there."""
        return self.name

    @classmethod
    def load(cls, key: bytes, row: Any) -> CorrelationLock:
        """Return the lock of a row."""
        lock = cls(number_of(key), *row)
        lock.stored = True
        return lock
