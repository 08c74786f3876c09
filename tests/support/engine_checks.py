"""What must hold of an engine at rest: state, rows and log tell the same story."""

from __future__ import annotations

from collections import Counter
from typing import Any

from phee.engine import Engine
from phee.engine import jobs as job_states
from phee.engine.deployment import bind_stored
from phee.engine.group import load_state
from phee.engine.rows import decode_row, encode_row
from phee.engine.state import State
from phee.records import Record, RecordType, ValueType, decode_block

_INSTANCE_ROWS = (b"I", b"K", b"J", b"S", b"N", b"L", b"Z")


def records_of(engine: Engine) -> list[Record]:
    """Return the whole log, checking that positions have no gap."""
    records: list[Record] = []
    after = engine.log.first_position - 1
    while blocks := engine.log.read(after):
        for last, data in blocks:
            block = decode_block(data)
            assert block.epoch == engine.log.epoch
            records += [stored.decoded() for stored in block.records]
            after = last
            assert records[-1].position == last
    positions = [record.position for record in records]
    assert positions == list(range(engine.log.first_position, len(positions) + 1))
    return records


def check(engine: Engine) -> None:
    """Check every invariant of an engine that has nothing to do."""
    state = engine.state
    assert not state.backlog, "nothing is put off when nothing is to do"
    rows = _rows(state)
    _check_rows_match_memory(state, rows)
    fresh = _reopened(state)
    _check_elements(fresh)
    _check_waiting(fresh)
    _check_log(engine, fresh)


def _rows(state: State) -> dict[bytes, bytes]:
    return dict(state.port.scan(b""))


def _check_rows_match_memory(state: State, rows: dict[bytes, bytes]) -> None:
    for instance in list(state.instances.values()):
        for element in instance.elements.values():
            assert rows[element.row_key()] == encode_row(element.row()), f"row of {element}"
            for variable in (element.variables or {}).values():
                assert rows[variable.row_key()] == encode_row(variable.row())
    for entity in (*state.jobs.values(), *state.timers.values(), *state.incidents.values()):
        assert rows[entity.row_key()] == encode_row(entity.row()), f"row of {entity}"
    for subscription in state.subscriptions:
        assert rows[subscription.row_key()] == encode_row(subscription.row())
    families = Counter(key[:1] for key in rows)
    assert families[b"J"] == len(state.jobs)
    assert families[b"T"] == len(state.timers)
    assert families[b"S"] == len(state.subscriptions)
    assert families[b"N"] == len(state.incidents)
    assert families[b"B"] == len(state.messages)
    assert families[b"L"] == len(state.locks)


def _reopened(state: State) -> State:
    """Return the state as another engine would read it, every instance loaded."""
    fresh = State(state.port, bind_stored, partition_id=state.partition_id)
    load_state(fresh)
    for key in {int.from_bytes(row[1:9], "big") for row, _ in state.port.scan(b"I")}:
        assert fresh.instance(key) is not None
    assert (fresh.last_key, fresh.position) == (state.last_key, state.position)
    return fresh


def _check_elements(state: State) -> None:
    for instance in state.instances.values():
        root = instance.root
        assert root is not None
        assert instance.elements[instance.key] is root
        for key, element in instance.elements.items():
            assert element.key == key
            assert element.is_registered, f"{element} waits without being active"
            assert instance.definition.nodes[element.node.id] is element.node
            assert state.port.get(element.owner_key()) is not None or element.scope is None
            scope = element.scope
            assert (scope is None) == (element is root)
            if scope is not None:
                assert scope.children is not None
                assert scope.children[key] is element
                assert element.node.parent is scope.node, (
                    f"{element} in a scope that is not its own"
                )
            taken = sum((element.taken or {}).values())
            assert element.active_flows == taken, f"{element} counts flows that lead nowhere"
            assert (
                len(element.children or ())
                or not element.node.is_scope
                or taken
                or (element.incident_keys)
            ), f"{element} is empty and did not complete"
    owners = {int.from_bytes(key[1:9], "big") for key, _ in state.port.scan(b"K")}
    inner = {k for i in state.instances.values() for k, e in i.elements.items() if e.scope}
    assert owners == inner, "rows of owners and element instances differ"


def _check_waiting(state: State) -> None:
    for job in state.jobs.values():
        element = state.element_of(job.instance_key, job.element_instance_key)
        assert element is not None, f"job {job.key} of nothing"
        assert element.job is job
    for timer in state.timers.values():
        if timer.element_instance_key != -1:
            element = state.element_of(timer.instance_key, timer.element_instance_key)
            assert element is not None, f"timer {timer.key} of nothing"
            assert timer in (element.timers or ())
    for subscription in state.subscriptions:
        element = state.element_of(subscription.instance_key, subscription.element_instance_key)
        assert element is not None, f"subscription {subscription.key} of nothing"
        assert subscription in (element.subscriptions or ())
        assert subscription.process_side_open
        assert not subscription.correlating
        assert subscription.message_side_key != -1
    for incident in state.incidents.values():
        value = incident.value
        element = state.element_of(value.process_instance_key, value.element_instance_key)
        assert element is not None, f"incident {incident.key} of nothing"
        assert incident.key in (element.incident_keys or ())
    for instance_key in state.lock_of:
        assert state.instance(instance_key) is not None


def fold(records: list[Record]) -> tuple[set[int], set[int], set[int], dict[int, Any]]:
    """Return what the facts of a log leave: element instances, jobs, incidents, variables."""
    elements: set[int] = set()
    jobs: set[int] = set()
    incidents: set[int] = set()
    variables: dict[int, Any] = {}
    scopes: dict[int, int] = {}
    for record in records:
        if record.record_type != RecordType.EVENT:
            continue
        kind, intent, key = record.value_type, record.intent_name, record.key
        if kind == ValueType.PROCESS_INSTANCE:
            if intent == "ELEMENT_ACTIVATING":
                assert key not in elements, f"{key} activated twice"
                elements.add(key)
            elif intent in ("ELEMENT_COMPLETED", "ELEMENT_TERMINATED"):
                elements.remove(key)
                for variable in [v for v, scope in scopes.items() if scope == key]:
                    del scopes[variable], variables[variable]
        elif kind == ValueType.JOB:
            _fold_job(jobs, intent, key, record.value)
        elif kind == ValueType.INCIDENT:
            (incidents.add if intent == "CREATED" else incidents.remove)(key)
        elif kind == ValueType.VARIABLE:
            value: Any = record.value
            variables[key] = (value.scope_key, value.name, value.value)
            scopes[key] = value.scope_key
    return elements, jobs, incidents, variables


def _fold_job(jobs: set[int], intent: str, key: int, value: Any) -> None:
    if intent == "CREATED":
        assert key not in jobs, f"job {key} created twice"
        jobs.add(key)
    elif intent in ("COMPLETED", "CANCELED") or (
        intent == "ERROR_THROWN" and value.element_id != "NO_CATCH_EVENT_FOUND"
    ):
        jobs.remove(key)


def _check_log(engine: Engine, state: State) -> None:
    elements, jobs, incidents, variables = fold(records_of(engine))
    assert elements == {k for i in state.instances.values() for k in i.elements}
    assert jobs == set(state.jobs)
    assert incidents == set(state.incidents)
    held = {
        variable.key: (variable.scope_key, variable.name, variable.text)
        for instance in state.instances.values()
        for element in instance.elements.values()
        for variable in (element.variables or {}).values()
    }
    assert variables == held


def assert_nothing_left(engine: Engine) -> None:
    """Check that finished instances left nothing but their records."""
    state = engine.state
    assert not state.instances
    assert not state.elements
    assert not state.jobs
    assert not state.incidents
    assert not len(state.subscriptions)
    left = [key for family in _INSTANCE_ROWS for key, _ in state.port.scan(family)]
    assert not left, f"rows of finished instances: {left[:5]}"
    running = [t for t in state.timers.values() if t.element_instance_key != -1]
    assert not running


def waiting_jobs(engine: Engine) -> list[int]:
    """Return the jobs that a worker could hold or take, in key order."""
    states = (job_states.ACTIVATABLE, job_states.ACTIVATED)
    return sorted(key for key, job in engine.state.jobs.items() if job.state in states)


__all__ = [
    "assert_nothing_left",
    "check",
    "decode_row",
    "fold",
    "records_of",
    "waiting_jobs",
]
