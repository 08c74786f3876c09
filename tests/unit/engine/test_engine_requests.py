"""A creation with a request id happens once, ever; the answer is the first one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from engine_checks import records_of
from engine_drawings import sequence

from phee.commands import CreateProcessInstance, DeployResources, RequestId, Resource
from phee.engine import Engine
from phee.errors import AlreadyExists, NotFound
from phee.records import ValueType


def wish(request: str, digest: str = "body", **more: Any) -> CreateProcessInstance:
    return CreateProcessInstance("flow", request=RequestId(request, digest), **more)


@pytest.fixture
async def deployed(engine: Engine) -> Engine:
    await engine.submit(DeployResources([Resource("flow.bpmn", sequence("flow", "work"))]))
    return engine


async def test_repetition_gets_the_first_answer(deployed: Engine) -> None:
    first = await deployed.submit(wish("r1"))
    again = await deployed.submit(wish("r1"))
    assert (first.repeated, again.repeated) == (False, True)
    assert again.process_instance_key == first.process_instance_key
    assert again.position == first.position


async def test_repetitions_in_one_group_create_one_instance(deployed: Engine) -> None:
    answers = await asyncio.gather(*(deployed.submit(wish("r1")) for _ in range(20)))
    assert len({answer.process_instance_key for answer in answers}) == 1
    assert sum(not answer.repeated for answer in answers) == 1
    created = [
        record
        for record in records_of(deployed)
        if record.value_type == ValueType.PROCESS_INSTANCE_CREATION
        and record.intent_name == "CREATED"
    ]
    assert len(created) == 1


async def test_another_body_is_a_conflict(deployed: Engine) -> None:
    await deployed.submit(wish("r1"))
    with pytest.raises(AlreadyExists) as caught:
        await deployed.submit(wish("r1", "another body"))
    assert caught.value.code == "request-conflict"


async def test_refused_creation_does_not_use_the_request_up(deployed: Engine) -> None:
    with pytest.raises(NotFound):
        await deployed.submit(CreateProcessInstance("nothing", request=RequestId("r1", "body")))
    assert not (await deployed.submit(wish("r1"))).repeated


async def test_requests_of_tenants_are_apart(deployed: Engine) -> None:
    drawing = Resource("flow.bpmn", sequence("flow", "work"))
    await deployed.submit(DeployResources([drawing], "rhino"))
    first = await deployed.submit(wish("r1"))
    other = await deployed.submit(wish("r1", "another body", tenant_id="rhino"))
    assert not other.repeated
    assert other.process_instance_key != first.process_instance_key


async def test_request_is_remembered_after_reopening(tmp_path: Path, clock: Any) -> None:
    engine = Engine.open(tmp_path, clock=clock)
    await engine.start()
    await engine.submit(DeployResources([Resource("flow.bpmn", sequence("flow", "work"))]))
    first = await engine.submit(wish("r1"))
    await engine.close()
    engine = Engine.open(tmp_path, clock=clock)
    await engine.start()
    again = await engine.submit(wish("r1"))
    assert again.repeated
    assert again.process_instance_key == first.process_instance_key
    await engine.close()


async def test_old_requests_are_pruned(tmp_path: Path, clock: Any) -> None:
    engine = Engine.open(tmp_path, clock=clock, requests_kept_ms=1000)
    await engine.start()
    await engine.submit(DeployResources([Resource("flow.bpmn", sequence("flow", "work"))]))
    await engine.submit(wish("old"))
    clock.now += 500
    await engine.submit(wish("young"))
    await engine.close()
    clock.now += 700
    engine = Engine.open(tmp_path, clock=clock, requests_kept_ms=1000)
    await engine.start()  # prunes when it starts
    assert (await engine.submit(wish("young"))).repeated
    assert not (await engine.submit(wish("old"))).repeated
    await engine.close()
