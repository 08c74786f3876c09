"""The state: tables and indexes in memory, cold instances on demand from the store.

What waits (jobs, timers, subscriptions, buffered messages, incidents) and what is deployed is
always in memory, since it must be found when its moment comes; element instances and variables
are loaded by instance when something touches them, and leave again when many others were touched
since. A finished instance leaves nothing here.

Invariants: memory and store agree once a group is written; what is evicted is not dirty.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from phee.commands import CreatedProcessInstance
from phee.engine import jobs as job_states
from phee.engine.definitions import Definition, Definitions
from phee.engine.incidents import Incident
from phee.engine.instances import (
    CorrelationLock,
    ElementInstance,
    ProcessInstance,
    Trigger,
)
from phee.engine.job_streams import JobStreams
from phee.engine.jobs import Job, JobQueues
from phee.engine.messages.buffer import Message, MessageBuffer
from phee.engine.messages.subscriptions import (
    StartSubscription,
    StartSubscriptions,
    Subscription,
    Subscriptions,
)
from phee.engine.rows import (
    BACKLOG_ROW,
    BANNED_ROW,
    CORRELATION_LOCK_ROW,
    DEFINITION_ROW,
    ELEMENT_OWNER,
    INCIDENT_ROW,
    INSTANCE,
    JOB_ROW,
    MESSAGE_ROW,
    RESOURCE_ROW,
    START_SUBSCRIPTION_ROW,
    SUBSCRIPTION_ROW,
    TIMER_ROW,
    decode_row,
    number_of,
    numbered,
)
from phee.engine.stats import Stats
from phee.engine.timers import DueHeap, Timer
from phee.engine.variables import Variable, stored_document

if TYPE_CHECKING:
    from phee.engine.backlog import PutOff
    from phee.engine.requests import Request

Awaited = tuple[object, CreatedProcessInstance, tuple[str, ...]]
"""Who waits for an instance to complete: its token, the answer so far, the wanted variables."""

KEY_BITS = 51
"""Zeebe keys: the partition id above, a counter of 51 bits below."""


KEY_MAX = (1 << 63) - 1


class StatePort(Protocol):
    """Where rows come from."""

    def get(self, key: bytes) -> bytes | None:
        """Return a row."""

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the rows whose key begins with ``prefix``, in key order."""


class State:
    """Everything the engine knows, as processing sees it."""

    def __init__(
        self,
        port: StatePort,
        binder: Callable[[Definition, bytes], None],
        *,
        partition_id: int = 1,
        loaded_max: int = 5_000,
    ) -> None:
        """Begin empty; :meth:`load` reads what is there.

        ``binder`` makes a definition executable again, from its drawing, when it is first used.
        """
        self.port = port
        self.binder = binder
        self.partition_id = partition_id
        self.loaded_max = loaded_max
        self.stats = Stats()
        self.streams = JobStreams()
        self.awaited: dict[int, Awaited] = {}
        self.last_key = partition_id << KEY_BITS
        self.position = 0
        self._reset()

    def _reset(self) -> None:
        self.definitions = Definitions(self._bind)
        self.instances: OrderedDict[int, ProcessInstance] = OrderedDict()
        self.elements: dict[int, ElementInstance] = {}
        self.jobs: dict[int, Job] = {}
        self.queues = JobQueues()
        self.job_deadlines = DueHeap()
        self.job_backoffs = DueHeap()
        self.timers: dict[int, Timer] = {}
        self.timers_due = DueHeap()
        self.subscriptions = Subscriptions()
        self.start_subscriptions = StartSubscriptions()
        self.messages = MessageBuffer()
        self.message_deadlines = DueHeap()
        self.incidents: dict[int, Incident] = {}
        self.locks: dict[tuple[str, str, str], CorrelationLock] = {}
        self.lock_of: dict[int, CorrelationLock] = {}
        self.banned: set[int] = set()
        # what the group under way ended or remembered, and the store does not know yet
        self.ended: set[int] = set()
        self.requests: dict[bytes, Request] = {}
        self.backlog: deque[PutOff] = deque()

    # -- element instances

    def instance(self, key: int) -> ProcessInstance | None:
        """Return a running process instance, from the store if it is cold."""
        instance = self.instances.get(key)
        if instance is None:
            return self._load_instance(key)
        self.instances.move_to_end(key)
        return instance

    def element(self, key: int) -> ElementInstance | None:
        """Return a registered element instance, from the store if its instance is cold."""
        element = self.elements.get(key)
        if element is not None:
            self.instances.move_to_end(element.instance.key)
            return element
        if not 0 < key <= KEY_MAX:
            return None
        owner = self.port.get(numbered(ELEMENT_OWNER, key))
        instance = self.instance(int.from_bytes(owner, "big") if owner is not None else key)
        return instance.elements.get(key) if instance is not None else None

    def element_of(self, instance_key: int, key: int) -> ElementInstance | None:
        """Return an element instance whose process instance is known."""
        element = self.elements.get(key)
        if element is None:
            instance = self.instance(instance_key)
            return instance.elements.get(key) if instance is not None else None
        self.instances.move_to_end(instance_key)
        return element

    def written(self) -> None:
        """Say that memory and store agree: the group is in the store."""
        self.ended.clear()
        self.requests.clear()

    def _load_instance(self, key: int) -> ProcessInstance | None:
        if key in self.ended or not 0 < key <= KEY_MAX:
            return None
        rows = [(k, decode_row(v)) for k, v in self.port.scan(numbered(INSTANCE, key))]
        element_rows = [(int.from_bytes(k[10:18], "big"), r) for k, r in rows if k[9:10] == b"E"]
        root = next((row[12] for _, row in element_rows if row[12] is not None), None)
        if root is None:
            assert not rows, f"instance {key} has rows but no root"
            return None
        definition = self.definitions.by_key(root[0])
        assert definition is not None, f"instance {key} of an unknown definition"
        instance = ProcessInstance(key, definition, *root[1:])
        instance.lock = self.lock_of.get(key)
        instance.banned = key in self.banned
        self._load_elements(instance, element_rows)
        for row_key, row in rows:
            if row_key[9:10] == b"V":
                variable = Variable.load(row_key, row)
                scope = instance.elements[variable.scope_key]
                scope.variables = scope.variables or {}
                scope.variables[variable.name] = variable
        self.instances[key] = instance
        self.elements.update(instance.elements)
        return instance

    def _load_elements(self, instance: ProcessInstance, rows: list[tuple[int, Any]]) -> None:
        nodes = instance.definition.nodes
        for key, row in sorted(rows, key=lambda entry: entry[0]):
            scope = instance.elements[row[2]] if row[2] != -1 else None
            element = instance.element(key, nodes[row[0]], scope, row[2])
            self._fill(element, row)
            instance.elements[key] = element
            if scope is None:
                instance.root = element
                continue
            scope.children = scope.children or {}
            scope.children[key] = element

    def _fill(self, element: ElementInstance, row: Any) -> None:
        nodes = element.instance.definition.nodes
        element.state, element.active_flows, element.taken = row[1], row[3], row[4]
        element.interrupted_by = nodes[row[5]] if row[5] is not None else None
        element.triggers = [
            Trigger(k, nodes[t], stored_document(raw)) for k, t, raw in row[6]
        ] or None
        element.called_key = row[7]
        element.job = self.jobs[row[8]] if row[8] != -1 else None
        element.timers = [self.timers[key] for key in row[9]] or None
        found = [self.subscriptions.by_key(key) for key in row[10]]
        element.subscriptions = [subscription for subscription in found if subscription] or None
        element.incident_keys = list(row[11]) or None
        element.stored = True

    def evict(self) -> None:
        """Let go of the instances touched longest ago, down to the bound (nothing is dirty)."""
        instances = self.instances
        while len(instances) > self.loaded_max:
            _, instance = instances.popitem(last=False)
            for key in instance.elements:
                del self.elements[key]

    # -- loading

    def load(self) -> None:
        """Read what is always in memory from the store (also to forget a group that failed)."""
        self._reset()
        counters = self.port.get(b"Mcounters")
        self.last_key, self.position = (
            decode_row(counters) if counters is not None else (self.partition_id << KEY_BITS, 0)
        )
        self.banned = {number_of(key) for key, _ in self.port.scan(BANNED_ROW)}
        for key, row in self._rows(DEFINITION_ROW):
            self.definitions.add(Definition.load(key, row))
        for _, row in self._rows(JOB_ROW):
            self.add_job(Job.load(row))
        for _, row in self._rows(TIMER_ROW):
            self.add_timer(Timer.load(row))
        for _, row in self._rows(SUBSCRIPTION_ROW):
            self.subscriptions.add(Subscription.load(row))
        for key, row in self._rows(START_SUBSCRIPTION_ROW):
            self.start_subscriptions.add(StartSubscription.load(key, row))
        for _, row in self._rows(MESSAGE_ROW):
            self.add_message(Message.load(row))
        for key, row in self._rows(INCIDENT_ROW):
            incident = Incident.load(key, row)
            self.incidents[incident.key] = incident
        for key, row in self._rows(CORRELATION_LOCK_ROW):
            self.add_lock(CorrelationLock.load(key, row))

    def load_backlog(self) -> None:
        """Read the follow-up commands that were put off (needs bound definitions)."""
        from phee.engine.backlog import PutOff

        for key, row in self._rows(BACKLOG_ROW):
            self.backlog.append(PutOff.load(self, number_of(key), row))

    def _bind(self, definition: Definition) -> None:
        self.binder(definition, self.resource(definition.checksum))

    def resource(self, checksum: bytes) -> bytes:
        """Return a deployed drawing."""
        row = self.port.get(RESOURCE_ROW + checksum)
        assert row is not None, "a definition without its drawing"
        return decode_row(row)  # type: ignore[no-any-return]

    def _rows(self, family: bytes) -> Iterator[tuple[bytes, Any]]:
        for key, row in self.port.scan(family):
            yield key, decode_row(row)

    # -- tables with more than one index

    def add_job(self, job: Job) -> None:
        """Remember a job where its state wants it."""
        self.jobs[job.key] = job
        if job.instance_key in self.banned:
            return
        if job.state == job_states.ACTIVATABLE:
            self.queues.add(job)
        elif job.state == job_states.ACTIVATED:
            self.job_deadlines.add(job.deadline, job.key, job)
        elif job.state == job_states.FAILED and job.retries > 0 and job.recurring_at > 0:
            self.job_backoffs.add(job.recurring_at, job.key, job)

    def unqueue_job(self, job: Job) -> None:
        """Take a job out of whatever its state put it in (before the state changes)."""
        if job.state == job_states.ACTIVATABLE:
            self.queues.discard(job)
        elif job.state == job_states.ACTIVATED:
            self.job_deadlines.discard(job.deadline, job.key)
        elif job.state == job_states.FAILED:
            self.job_backoffs.discard(job.recurring_at, job.key)

    def add_timer(self, timer: Timer) -> None:
        """Remember a timer."""
        self.timers[timer.key] = timer
        if timer.element_instance_key == -1 or timer.instance_key not in self.banned:
            self.timers_due.add(timer.due_at, timer.key, timer)

    def remove_timer(self, timer: Timer) -> None:
        """Forget a timer."""
        del self.timers[timer.key]
        self.timers_due.discard(timer.due_at, timer.key)

    def add_message(self, message: Message) -> None:
        """Buffer a message."""
        self.messages.add(message)
        self.message_deadlines.add(message.deadline, message.key, message)

    def remove_message(self, message: Message) -> None:
        """Take a message out of the buffer."""
        self.messages.remove(message)
        self.message_deadlines.discard(message.deadline, message.key)

    def add_lock(self, lock: CorrelationLock) -> None:
        """Remember that an instance holds a correlation key."""
        self.locks[lock.name] = lock
        self.lock_of[lock.instance_key] = lock

    def remove_lock(self, lock: CorrelationLock) -> None:
        """Set a correlation key free."""
        del self.locks[lock.name]
        del self.lock_of[lock.instance_key]

    def put_off(self, core: Any, queue: deque[Any]) -> None:
        """Keep the follow-ups of a batch that is full for later."""
        from phee.engine.backlog import PutOff

        while queue:
            later = PutOff(queue.popleft())
            self.backlog.append(later)
            core.dirty(later)
            later.touch_scope(core)
