"""Variables: how they travel, and how their values are spelled."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from engine_checks import records_of
from engine_drawings import Drawing, definitions
from hypothesis import given
from hypothesis import strategies as st

from phee.commands import (
    ActivateJobs,
    CompleteJob,
    CreateProcessInstance,
    DeployResources,
    Resource,
)
from phee.engine import Engine
from phee.engine.intake import LIMIT_FIRST, LIMIT_MIN, Intake
from phee.engine.variables import json_text, storable
from phee.errors import Overloaded
from phee.records import ValueType


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (2.0, "2.0"),
        (1e20, "1.0E20"),
        (-1.5e300, "-1.5E300"),
        (12345678.9, "1.23456789E7"),
        (0.00012, "1.2E-4"),
        (9999999.0, "9999999.0"),
        (0.001, "0.001"),
        (12, "12"),
        ("ä", '"ä"'),
        ({"a": [1, None]}, '{"a":[1,null]}'),
    ],
)
def test_values_are_spelled_as_zeebe_does(value: Any, text: str) -> None:
    assert json_text(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_float_changes_by_being_written(value: float) -> None:
    assert json.loads(json_text(value)) == value


@given(st.recursive(st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_computed_integers_fit_into_64_bits(value: Any) -> None:
    def check(kept: Any, given: Any) -> None:
        if isinstance(given, list):
            for one, other in zip(kept, given, strict=True):
                check(one, other)
        elif isinstance(given, int) and not -(2**63) <= given < 2**63:
            assert isinstance(kept, float)
            assert math.isclose(kept, given)
        else:
            assert kept == given

    check(storable(value), value)


async def values_written(engine: Engine, job_result: dict[str, Any]) -> list[tuple[str, str]]:
    """Run a task inside a sub-process and return the variables that its result wrote."""
    flow = Drawing("flow")
    start = flow.add("startEvent")
    flow.open_scope()
    inner = flow.add("startEvent")
    mapping = '<zeebe:ioMapping><zeebe:input source="=1" target="local"/></zeebe:ioMapping>'
    task = flow.service("work", mapping=mapping)
    flow.flow(inner, task)
    flow.flow(task, flow.add("endEvent"))
    sub = flow.close_scope()
    flow.flow(start, sub)
    flow.flow(sub, flow.add("endEvent"))
    await engine.submit(DeployResources([Resource("flow.bpmn", definitions(flow))]))
    await engine.submit(CreateProcessInstance("flow", variables={"root": 1}))
    [job] = await engine.submit(ActivateJobs("work", "w", 60_000, 1))
    before = engine.log.durable_position
    await engine.submit(CompleteJob(job.key, job_result))
    return [
        (record.intent_name, record.value.name)  # type: ignore[attr-defined]
        for record in records_of(engine)
        if record.value_type == ValueType.VARIABLE and record.position > before
    ]


async def test_results_update_what_exists_and_create_the_rest_at_the_root(engine: Engine) -> None:
    written = await values_written(engine, {"root": 2, "local": 2, "fresh": 3})
    assert sorted(written) == [("CREATED", "fresh"), ("UPDATED", "local"), ("UPDATED", "root")]


async def test_equal_value_travels_on_to_the_root(engine: Engine) -> None:
    assert await values_written(engine, {"root": 1, "local": 1}) == [("CREATED", "local")]


def test_slow_answers_shrink_the_intake_and_fast_ones_let_it_grow() -> None:
    intake = Intake()
    for _ in range(LIMIT_FIRST):
        intake.admit(always=False)
    with pytest.raises(Overloaded):
        intake.admit(always=False)
    intake.admit(always=True)
    intake.finished(1, 10.0)
    assert intake.limit > LIMIT_FIRST
    for _ in range(100):
        intake.finished(1, 500.0)
    assert intake.limit == LIMIT_MIN
