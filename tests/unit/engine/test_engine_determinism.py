"""The core is pure: the same commands at the same times give the same records, byte for byte."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

from engine_drawings import Drawing, RandomDrawing, definitions, sequence
from hypothesis import given, settings
from hypothesis import strategies as st

from phee.commands import (
    ActivateJobs,
    CompleteJob,
    CreateProcessInstance,
    DeployResources,
    FailJob,
    PublishMessage,
    Resource,
    ThrowError,
)
from phee.engine.core import Core
from phee.engine.deployment import bind_stored
from phee.engine.due import DueWork
from phee.engine.group import GroupProcessor
from phee.engine.state import State
from phee.engine.store import Store
from phee.engine.wishes import prepare

EVENTS = st.lists(
    st.tuples(st.sampled_from(["create", "take", "end", "publish", "wait"]), st.integers(0, 99)),
    max_size=40,
)


def command_of(kind: str, number: int, state: State) -> Any:
    if kind == "create":
        return CreateProcessInstance("flow", variables={"key": "a", "count": number})
    if kind == "take":
        return ActivateJobs("alpha" if number % 2 else "beta", "worker", 5_000, 3)
    if kind == "publish":
        return PublishMessage("ping" if number % 2 else "pong", "a", number * 1_000, "", {"n": 1})
    if not state.jobs:
        return None
    key = sorted(state.jobs)[number % len(state.jobs)]
    wishes = (CompleteJob(key, {"count": number}), FailJob(key, number % 3), ThrowError(key, "E0"))
    return wishes[number % 3]


def play(folder: Path, drawing: bytes, events: list[tuple[str, int]], group_size: int) -> list[Any]:
    """Play ``events`` in groups of ``group_size`` commands; return every record."""
    store = Store(folder)
    state = State(store, bind_stored)
    core = Core(state)
    groups = GroupProcessor(core, store, 7)
    now = 1_800_000_000_000
    due = DueWork(state, now)
    records: list[Any] = []
    resources = [Resource("flow.bpmn", drawing), Resource("child.bpmn", sequence("child", "beta"))]
    work = [(*prepare(DeployResources(resources)), object())]
    for kind, number in [*events, ("wait", 50)]:
        if kind == "wait":
            command = None
            now += number * 1_000
        else:
            command = command_of(kind, number, state) if not work else None
            command = command or command_of("create", number, state)
            work.append((*prepare(command), object()))
        if len(work) >= group_size or kind == "wait":
            work += [(handler, argument, None) for handler, argument in due.take(now)]
            groups.process(work, now)
            records += core.records
            work = []
    assert state.stats.faults == 0
    store.close()
    return records


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), events=EVENTS)
def test_same_commands_and_times_give_the_same_records(
    tmp_path_factory: Any, seed: int, events: list[tuple[str, int]]
) -> None:
    drawing = RandomDrawing("flow", random.Random(seed), called="child").grow()
    one = play(tmp_path_factory.mktemp("one"), drawing, events, 1)
    two = play(tmp_path_factory.mktemp("two"), drawing, events, 1)
    assert one == two
    assert [record[0] for record in one] == list(range(1, len(one) + 1))


def test_random_values_repeat_in_a_replay_and_differ_everywhere_else(
    tmp_path_factory: Any,
) -> None:
    mapping = (
        '<zeebe:ioMapping><zeebe:input source="=uuid()" target="one"/>'
        '<zeebe:input source="=uuid()" target="two"/></zeebe:ioMapping>'
    )
    drawing = Drawing("flow")
    first, second = drawing.add("startEvent"), drawing.service("alpha", mapping=mapping)
    drawing.flow(first, second)
    xml = definitions(drawing)
    events = [("create", 1), ("create", 2), ("wait", 1)]
    one = play(tmp_path_factory.mktemp("one"), xml, events, 1)
    two = play(tmp_path_factory.mktemp("two"), xml, events, 1)
    assert one == two
    drawn = re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", repr(one))
    assert len(set(drawn)) == 4, drawn
