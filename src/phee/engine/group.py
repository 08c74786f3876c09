"""One group: commands processed together, written together, answered together.

A fault of the engine inside a command must not harm the others: the state is read again from the
store (which holds everything up to the group before), the group is processed again without that
command, and the instance it belongs to is banned. Processing is deterministic, so the second pass
gives the others the same answers.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import structlog

from phee.engine import codes
from phee.engine.core import Core, Handler
from phee.engine.errors import RejectedFault
from phee.engine.instances import ElementInstance
from phee.engine.rows import BANNED_ROW, Entity, encode_row, numbered, pack_number
from phee.errors import InvariantBroken
from phee.records import encode_rows
from phee.records.values import ErrorValue

if TYPE_CHECKING:
    from rocksdict import WriteBatch

    from phee.commands import ActivatedJob
    from phee.engine.job_streams import JobStream
    from phee.engine.state import State
    from phee.engine.store import Store

log = structlog.get_logger(__name__)

_KIND = itemgetter(4, 5, 6)

Work = tuple[Handler, Any, object]
"""A handler, its argument, and the token of whoever waits for the answer (None: nobody)."""


class Group:
    """What one group leaves behind: to be handed out once it is durable."""

    __slots__ = (
        "available_types",
        "commands",
        "latency_ms",
        "position",
        "pushes",
        "replies",
        "started_at",
    )

    def __init__(self, core: Core, commands: int, started_at: float) -> None:
        self.position = core.position
        self.replies = core.replies
        self.pushes: dict[JobStream, list[ActivatedJob]] = core.pushes
        self.available_types = core.available_types
        self.commands = commands
        self.started_at = started_at
        self.latency_ms = 0.0


class GroupProcessor:
    """Processes groups and writes them to the store."""

    def __init__(self, core: Core, store: Store, epoch: int) -> None:
        self._core = core
        self._store = store
        self._epoch = epoch

    def process(self, work: list[Work], now: int) -> Group | None:
        """Process and write ``work``; None when nothing came of it.

        Raises:
            InvariantBroken: a fault that cannot be pinned on one command; the engine must stop.
        """
        started_at = time.perf_counter()
        core = self._core
        core.clear()
        awaited = dict(core.state.awaited) if core.state.awaited else {}
        faults: dict[int, tuple[Exception, int]] = {}
        while (failed := self._run(work, now, faults)) is not None:
            index, error = failed
            # found in the state as it was before the group: processing may have moved things
            self._rewind(awaited)
            instance_key = _instance_of(core.state, work, index)
            log.error("command_failed", instance=instance_key, exc_info=error)
            if work[index][2] is None and instance_key == -1:
                raise InvariantBroken("a step that nobody asked for fails") from error
            faults[index] = (error, instance_key)
        if not core.records and not core.replies:
            return None
        if core.records:
            self._write(faults)
        stats = core.state.stats
        stats.group_ms.add((time.perf_counter() - started_at) * 1000)
        stats.group_commands.add(len(work))
        return Group(core, sum(token is not None for _, _, token in work), started_at)

    def _run(
        self, work: list[Work], now: int, faults: dict[int, tuple[Exception, int]]
    ) -> tuple[int, Exception] | None:
        core = self._core
        for index, (handler, argument, token) in enumerate(work):
            if index in faults:
                if argument is core.state:
                    core.drop(core.state.backlog.popleft())
                self._record_fault(token, now, *faults[index])
                continue
            try:
                core.run(handler, argument, token, now)
            except Exception as error:  # noqa: BLE001 - a fault of ours: isolated, logged, counted
                return index, error
        return None

    def _record_fault(self, token: object, now: int, error: Exception, instance_key: int) -> None:
        core = self._core
        core.now, core.token, core.source = now, token, -1
        message = f"{type(error).__name__}: {error}"
        core.event(
            core.next_key(),
            codes.ERROR,
            codes.ERROR_CREATED,
            ErrorValue(message, "", -1, instance_key),
        )
        core.answer(RejectedFault("PROCESS", f"the engine failed on this command: {message}"))
        core.state.stats.faults += 1

    def _rewind(self, awaited: dict[int, Any]) -> None:
        core = self._core
        core.abandon()
        for stream, jobs in core.pushes.items():
            stream.active -= len(jobs)
        state = core.state
        load_state(state)
        state.awaited = awaited.copy()
        core.position = state.position
        core.clear()

    def _write(self, faults: dict[int, tuple[Exception, int]]) -> None:
        core, store = self._core, self._store
        state = core.state
        batch = store.batch()
        put = batch.put
        _write_rows(core, batch)
        for _, instance_key in faults.values():
            if instance_key != -1:
                put(numbered(BANNED_ROW, instance_key), b"")
        state.position = core.position
        put(b"Mcounters", encode_row((state.last_key, core.position)))
        block = encode_rows(self._epoch, state.partition_id, core.records)
        store.add_block(batch, core.position, block)
        store.write(batch)
        for kind, count in Counter(map(_KIND, core.records)).items():
            state.stats.records[kind] += count
        state.stats.groups += 1
        state.written()
        if faults:
            # what is banned must leave the queues and heaps
            load_state(state)
        elif len(state.instances) > state.loaded_max and not state.backlog:
            state.evict()


def _write_rows(core: Core, batch: WriteBatch) -> None:
    put, delete = batch.put, batch.delete
    for entity in core.touched:
        if not entity.gone:
            put(entity.row_key(), encode_row(entity.row()))
            if not entity.stored:
                entity.stored = True
                if type(entity) is ElementInstance and entity.scope is not None:
                    put(entity.owner_key(), pack_number(entity.instance.key))
        elif entity.stored:
            _delete(entity, delete)


def _delete(entity: Entity, delete: Callable[[bytes], None]) -> None:
    delete(entity.row_key())
    entity.stored = False
    if type(entity) is ElementInstance and entity.scope is not None:
        delete(entity.owner_key())


def load_state(state: State) -> None:
    """Read the state from the store, keeping what is executable already."""
    before = {definition.key: definition for definition in state.definitions}
    state.load()
    for definition in state.definitions:
        known = before.get(definition.key)
        if known is not None and known.nodes:
            definition.nodes, definition.root = known.nodes, known.root
            definition.start_events = known.start_events
    state.load_backlog()


def _instance_of(state: State, work: list[Work], index: int) -> int:
    """Return the process instance that a failed command is about, -1 if none is known."""
    argument = work[index][1]
    if argument is state:
        turn = sum(earlier[1] is state for earlier in work[:index])
        value = state.backlog[turn].follow_up[6]
        return getattr(value, "process_instance_key", -1)
    command = argument[0] if isinstance(argument, tuple) else argument
    key = command if isinstance(command, int) else getattr(command, "job_key", -1)
    waiting = state.jobs.get(key) or state.timers.get(key)
    if waiting is not None:
        return waiting.instance_key
    incident = state.incidents.get(getattr(command, "incident_key", -1))
    if incident is not None:
        return incident.value.process_instance_key
    element = state.element(getattr(command, "element_instance_key", -1))
    return element.instance.key if element is not None else -1
