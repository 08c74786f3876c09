"""The parts of the Kafka exporter that need no Kafka: selection, keys, state, control."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from record_stream import Instance, RecordWriter, definition

from phee.errors import AlreadyExists, InvalidInput, NotFound, Unavailable
from phee.exporter.__main__ import main
from phee.exporter.kafka import control
from phee.exporter.kafka.keys import STRAGGLERS, MessageKeys
from phee.exporter.kafka.selection import Selection
from phee.exporter.kafka.state import Place, State, state_path
from phee.projections.interest import DOCUMENT_INTEREST, INTENT_BITS, RELATIONAL_INTEREST
from phee.records import INTENTS, Record, RecordType, ValueType
from phee.records.types import JobIntent, VariableIntent
from phee.records.values import MessageValue, OtherValue, ProcessInstanceValue

EVENT, COMMAND = int(RecordType.EVENT), int(RecordType.COMMAND)
JOB, VARIABLE = int(ValueType.JOB), int(ValueType.VARIABLE)


# --- selection ---


def test_events_are_exported_and_internal_affairs_are_not() -> None:
    wants = Selection().wants
    assert wants(EVENT, JOB, JobIntent.CREATED)
    assert not wants(COMMAND, JOB, JobIntent.COMPLETED)
    assert not wants(EVENT, ValueType.PROCESS_EVENT, 0)


def test_selection_by_record_type_value_type_and_intent() -> None:
    selection = Selection(["event", "command"], ["JOB.CREATED", "variable"], ["VARIABLE.UPDATED"])
    assert selection.wants(EVENT, JOB, JobIntent.CREATED)
    assert not selection.wants(EVENT, JOB, JobIntent.COMPLETED)
    assert selection.wants(COMMAND, VARIABLE, VariableIntent.CREATED)
    assert not selection.wants(EVENT, VARIABLE, VariableIntent.UPDATED)
    assert selection.value_types == {JOB, VARIABLE}


def test_what_importers_use_is_selected_by_one_word() -> None:
    selection = Selection(include=["projected"])
    wants = {
        value_type << INTENT_BITS | intent
        for value_type in ValueType
        for intent in INTENTS.get(value_type, ())
        if selection.wants(EVENT, value_type, intent)
    }
    assert wants == RELATIONAL_INTEREST | DOCUMENT_INTEREST


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((["FACT"],), "no record type"),
        ((["EVENT"], ["JOBS"]), "no value type"),
        ((["EVENT"], ["JOB.DONE"]), "no intent of JOB"),
    ],
)
def test_names_that_do_not_exist_are_refused(
    arguments: tuple[list[str], ...], complaint: str
) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        Selection(*arguments)


# --- keys ---


def child_of(writer: RecordWriter, parent: int) -> tuple[Instance, list[Record]]:
    child = Instance(writer)
    records = child.start(name="x")
    for record in records:
        if isinstance(record.value, ProcessInstanceValue):
            record.value.parent_process_instance_key = parent
    return child, records


def test_every_record_of_a_payment_has_the_key_of_its_root() -> None:
    writer = RecordWriter()
    keys, root = MessageKeys({}), Instance(writer)
    child, started = child_of(writer, root.key)
    grandchild, deeper = child_of(writer, child.key)
    for records in (root.start(), started[1:], deeper[1:]):
        assert {keys.key(record) for record in records} == {str(root.key).encode()}
    assert keys.key(grandchild.job(JobIntent.CREATED, 1, "pay")) == str(root.key).encode()


def test_roots_survive_a_restart(tmp_path: Path) -> None:
    writer = RecordWriter()
    keys, root = MessageKeys({}), Instance(writer)
    child, started = child_of(writer, root.key)
    for record in started[1:]:
        keys.key(record)
    with State(tmp_path / "x.db") as state:
        state.move(Place(1, 1, writer.position), *keys.changes(writer.position))
    with State(tmp_path / "x.db") as state:
        later = MessageKeys(state.roots())
    assert later.key(child.variable("y", 1)) == str(root.key).encode()


def test_the_root_of_a_child_that_ended_is_forgotten_in_time() -> None:
    writer = RecordWriter()
    keys, root = MessageKeys({}), Instance(writer)
    child, started = child_of(writer, root.key)
    for record in (*started[1:], *child.end()):
        keys.key(record)
    fresh, gone = keys.changes(writer.position)
    assert (fresh, gone) == ({child.key: root.key}, [])
    assert keys.changes(writer.position) == (fresh, gone), "not saved: told again"
    keys.saved(fresh, gone)
    assert keys.key(child.variable("late", 1)) == str(root.key).encode()
    fresh, gone = keys.changes(writer.position + STRAGGLERS)
    assert (fresh, gone) == ({}, [child.key])
    keys.saved(fresh, gone)
    assert keys.changes(writer.position + STRAGGLERS) == ({}, [])


def test_records_of_no_instance_have_a_stable_key() -> None:
    writer, keys = RecordWriter(), MessageKeys({})
    first = definition(writer, "flow", tenant_id="rhino")
    other = definition(writer, "flow", tenant_id="gorilla")
    assert keys.key(first) == b"tenant:rhino"
    assert keys.key(other) == b"tenant:gorilla"
    message = writer.record(ValueType.MESSAGE, 0, 17, MessageValue(name="m", tenant_id="rhino"))
    assert keys.key(message) == b"17"
    task = writer.record(ValueType.USER_TASK, 0, 5, OtherValue({"processInstanceKey": 23}))
    assert keys.key(task) == b"23"


# --- state and control ---


def test_there_is_one_exporter_of_a_name(tmp_path: Path) -> None:
    path = state_path(tmp_path, "kafka")
    with State(path) as first, State(path) as second:
        first.lock()
        assert second.is_locked()
        with pytest.raises(AlreadyExists, match="runs already"):
            second.lock()
    with State(path) as third:
        assert not third.is_locked()
        third.lock()


def test_another_life_of_the_log_begins_without_roots(tmp_path: Path) -> None:
    with State(tmp_path / "x.db") as state:
        state.move(Place(1, 1, 50), {5: 4}, ())
        state.begin_life(Place(2, 1, 0))
        assert state.place() == Place(2, 1, 0)
        assert state.roots() == {}


def test_an_exporter_is_steered_through_its_state(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="ever ran"):
        control.status(tmp_path)
    with State(state_path(tmp_path, "kafka")) as state:
        state.move(Place(3, 1, 50), {}, ())
    control.pause(tmp_path)
    control.skip(tmp_path, 60)
    status = control.status(tmp_path)
    assert (status.epoch, status.position, status.running) == (3, 50, False)
    assert status.waiting == ["pause", "skip"]
    with pytest.raises(InvalidInput, match="0 or more"):
        control.reset(tmp_path, -1)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--stream", "kafka://nowhere"], "no broker"),
        (["--brokers", "h:1", "--include", "JOBS"], "no value type"),
    ],
)
def test_a_wrong_command_line_is_explained(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["kafka", "--data", str(tmp_path), *arguments]) == 1
    assert complaint in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with State(path) as state:
        state.move(Place(1, 1, 5), {1: 2}, ())
        with closing(sqlite3.connect(path)) as other:
            state._connection.execute("PRAGMA busy_timeout = 0")
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable, match="state cannot be written"):
                state.move(Place(1, 1, 9), {3: 4}, (1,))
            other.rollback()
        assert state.place() == Place(1, 1, 5)
        assert state.roots() == {1: 2}
