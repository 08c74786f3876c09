"""What the engine answers, refuses and keeps apart, through its public door."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from engine_checks import assert_nothing_left, check, records_of
from engine_drawings import Drawing, definitions, sequence

from phee.commands import (
    ActivatedJob,
    ActivateJobs,
    CancelProcessInstance,
    CompleteJob,
    CreateProcessInstance,
    DeployResources,
    FailJob,
    PublishMessage,
    ResolveIncident,
    Resource,
    SetVariables,
    ThrowError,
    UpdateJobRetries,
)
from phee.engine import Engine
from phee.engine.errors import DataDirectoryInUse, EngineStopped
from phee.errors import InputTooLarge, InvalidInput, NotFound, Overloaded
from phee.records import RecordType, ValueType


async def deploy(engine: Engine, *job_types: str, tenant: str = "<default>") -> None:
    drawing = Resource("flow.bpmn", sequence("flow", *(job_types or ("work",))))
    await engine.submit(DeployResources([drawing], tenant))


async def take(engine: Engine, job_type: str = "work", **more: Any) -> list[ActivatedJob]:
    jobs: list[ActivatedJob] = await engine.submit(
        ActivateJobs(job_type, "worker", 60_000, 10, **more)
    )
    return jobs


async def test_instance_runs_to_its_end_and_leaves_nothing(engine: Engine) -> None:
    await deploy(engine)
    created = await engine.submit(CreateProcessInstance("flow", variables={"amount": "12.50"}))
    assert engine.log.durable_position >= created.position
    [job] = await take(engine)
    assert job.variables == {"amount": "12.50"}
    await engine.submit(CompleteJob(job.key, {"ok": True}))
    check(engine)
    assert_nothing_left(engine)


async def test_what_ended_in_this_group_is_not_found_any_more(engine: Engine) -> None:
    await deploy(engine)
    created = await engine.submit(CreateProcessInstance("flow"))
    [job] = await take(engine)
    cancel = CancelProcessInstance(created.process_instance_key)
    wishes = [cancel, cancel, CompleteJob(job.key), SetVariables(job.element_instance_key, {})]
    first, *others = await asyncio.gather(
        *(engine.submit(wish) for wish in wishes), return_exceptions=True
    )
    assert first.key == created.process_instance_key
    assert [type(error).__name__ for error in others] == ["RejectedNotFound"] * 3
    check(engine)
    assert_nothing_left(engine)


async def test_result_is_answered_when_the_instance_completes(engine: Engine) -> None:
    await deploy(engine)
    command = CreateProcessInstance(
        "flow", variables={"a": 1, "b": 2}, await_result=True, fetch_variables=("b", "c")
    )
    waiting = engine.submit_nowait(command)
    await engine.wake()
    assert not waiting.done()
    [job] = await take(engine)
    await engine.submit(CompleteJob(job.key, {"c": 3}))
    assert (await waiting).result == {"b": 2, "c": 3}


async def test_nothing_crosses_tenants(engine: Engine) -> None:
    await deploy(engine, tenant="rhino")
    await deploy(engine, tenant="gorilla")
    with pytest.raises(NotFound):
        await engine.submit(CreateProcessInstance("flow"))
    rhino = await engine.submit(CreateProcessInstance("flow", tenant_id="rhino"))
    await engine.submit(CreateProcessInstance("flow", tenant_id="gorilla"))
    with pytest.raises(NotFound):
        await engine.submit(
            CreateProcessInstance(
                process_definition_key=rhino.process_definition_key, tenant_id="gorilla"
            )
        )
    assert await take(engine) == []
    [job] = await take(engine, tenant_ids=("rhino",))
    assert job.process_instance_key == rhino.process_instance_key
    assert job.tenant_id == "rhino"


async def test_message_reaches_its_tenant_alone(engine: Engine) -> None:
    flow = Drawing("flow")
    start = flow.add("startEvent")
    wait = flow.add("receiveTask", attributes=f'messageRef="{flow.message("go", "=key")}"')
    flow.flow(start, wait)
    flow.flow(wait, flow.add("endEvent"))
    for tenant in ("rhino", "gorilla"):
        resource = Resource("flow.bpmn", definitions(flow))
        await engine.submit(DeployResources([resource], tenant))
        create = CreateProcessInstance("flow", variables={"key": "k"}, tenant_id=tenant)
        await engine.submit(create)
    await engine.submit(PublishMessage("go", "k", 60_000, "", {}, "rhino"))
    left = [i.definition.tenant_id for i in engine.state.instances.values()]
    assert left == ["gorilla"]


async def test_variables_are_copied_in_and_out(engine: Engine) -> None:
    await deploy(engine)
    sent = {"list": [1, 2]}
    await engine.submit(CreateProcessInstance("flow", variables=sent))
    sent["list"].append(3)
    [job] = await take(engine)
    assert job.variables == {"list": [1, 2]}
    job.variables["list"].append(4)  # a worker may do that to what it was given
    await engine.submit(CompleteJob(job.key))
    written = [r for r in records_of(engine) if r.value_type == ValueType.VARIABLE]
    assert [record.value.value for record in written] == ["[1,2]"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "variables",
    [{"number": 2**64}, {"text": "\ud800"}, {"deep": None}, {1: "name is no text"}],
    ids=["too-large-number", "half-a-character", "too-deep", "name"],
)
async def test_what_cannot_be_put_on_record_is_refused(engine: Engine, variables: Any) -> None:
    await deploy(engine)
    if "deep" in variables:
        nested: Any = []
        for _ in range(100_000):
            nested = [nested]
        variables = {"deep": nested}
    before = engine.log.durable_position
    with pytest.raises(InvalidInput):
        await engine.submit(CreateProcessInstance("flow", variables=variables))
    assert engine.log.durable_position == before


async def test_too_many_bytes_are_refused(engine: Engine) -> None:
    await deploy(engine)
    with pytest.raises(InputTooLarge):
        await engine.submit(CreateProcessInstance("flow", variables={"x": "y" * 5_000_000}))


async def test_overload_is_refused_and_finishing_work_is_not(engine: Engine) -> None:
    await deploy(engine)
    await engine.submit(CreateProcessInstance("flow"))
    [job] = await take(engine)
    engine.set_intake_limit("the disk is nearly full")
    with pytest.raises(Overloaded, match="nearly full"):
        await engine.submit(CreateProcessInstance("flow"))
    await engine.submit(CompleteJob(job.key))
    engine.set_intake_limit(None)
    await engine.submit(CreateProcessInstance("flow"))


async def test_stream_gets_waiting_and_new_jobs_up_to_its_credit(engine: Engine) -> None:
    await deploy(engine)
    for _ in range(3):
        await engine.submit(CreateProcessInstance("flow"))
    given: list[ActivatedJob] = []
    stream = engine.open_job_stream("work", "w", 60_000, ("<default>",), (), 2, given.extend)
    await engine.wake()
    assert len(given) == 2
    await engine.submit(CreateProcessInstance("flow"))
    assert len(given) == 2
    stream.done(2)
    await engine.wake()
    assert [job.key for job in given] == sorted(job.key for job in given)
    assert len(given) == 4
    stream.close()
    await engine.submit(CreateProcessInstance("flow"))
    assert len(given) == 4


async def test_job_of_a_stream_that_closed_is_offered_again(engine: Engine) -> None:
    await deploy(engine)
    given: list[ActivatedJob] = []
    stream = engine.open_job_stream("work", "w", 60_000, ("<default>",), (), 2, given.extend)
    answer = engine.submit_nowait(CreateProcessInstance("flow"))
    await asyncio.sleep(0)  # the job is pushed in the core, and not yet durable
    stream.close()
    await answer
    await engine.wake()
    assert given == []
    assert len(await take(engine)) == 1


async def test_listener_that_fails_gets_its_job_taken_back(engine: Engine) -> None:
    await deploy(engine)

    def fail(jobs: list[ActivatedJob]) -> None:
        raise RuntimeError("no hands")

    stream = engine.open_job_stream("work", "w", 60_000, ("<default>",), (), 1, fail)
    await engine.submit(CreateProcessInstance("flow"))
    stream.close()
    await engine.wake()
    assert len(await take(engine)) == 1
    assert engine.healthy


async def test_who_polls_hears_of_available_jobs(engine: Engine) -> None:
    heard: list[str] = []
    engine.on_jobs_available(heard.append)
    await deploy(engine)
    await engine.submit(CreateProcessInstance("flow"))
    assert heard == ["work"]


async def test_cold_instances_come_back(tmp_path: Path, clock: Any) -> None:
    engine = Engine.open(tmp_path, clock=clock, loaded_max=3)
    await engine.start()
    await deploy(engine)
    for number in range(20):
        await engine.submit(CreateProcessInstance("flow", variables={"n": number}))
    assert len(engine.state.instances) <= 3
    [first, *_] = await take(engine)
    assert first.variables == {"n": 0}
    await engine.submit(SetVariables(first.element_instance_key, {"local": 1}, local=True))
    check(engine)
    await engine.close()


async def test_endless_flow_does_not_hold_the_engine(engine: Engine) -> None:
    flow = Drawing("endless")
    start = flow.add("startEvent")
    call = flow.add(
        "callActivity",
        '<bpmn:extensionElements><zeebe:calledElement processId="=self"/></bpmn:extensionElements>',
    )
    flow.flow(start, call)
    flow.flow(call, flow.add("endEvent"))
    await engine.submit(DeployResources([Resource("endless.bpmn", definitions(flow))]))
    await deploy(engine)
    created = await engine.submit(CreateProcessInstance("endless", variables={"self": "endless"}))
    assert engine.state.backlog, "the batch was cut"
    await engine.submit(CreateProcessInstance("flow"))
    assert len(await take(engine)) == 1
    await engine.wake()
    incidents = [incident.value.error_type for incident in engine.state.incidents.values()]
    assert incidents == ["CALLED_ELEMENT_ERROR"]
    await engine.submit(CancelProcessInstance(created.process_instance_key))
    await engine.wake()
    check(engine)
    assert engine.stats.faults == 0
    assert len(engine.state.instances) == 1


async def test_put_off_commands_survive_reopening(tmp_path: Path, clock: Any) -> None:
    flow = Drawing("long")
    last = flow.add("startEvent")
    for _ in range(300):
        step = flow.add("manualTask")
        flow.flow(last, step)
        last = step
    task = flow.service("work")
    flow.flow(last, task)
    flow.flow(task, flow.add("endEvent"))
    engine = Engine.open(tmp_path, clock=clock)
    await engine.start()
    await engine.submit(DeployResources([Resource("long.bpmn", definitions(flow))]))
    await engine.submit(CreateProcessInstance("long"))
    assert engine.state.backlog
    engine._loop = None  # as if the process ended here: no further step is taken
    await engine.close()
    engine = Engine.open(tmp_path, clock=clock)
    assert engine.state.backlog
    await engine.start()
    await engine.wake()
    assert len(await take(engine)) == 1
    check(engine)
    await engine.close()


async def test_second_opener_is_kept_out(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(DataDirectoryInUse):
        Engine.open(tmp_path)


async def test_failed_flush_answers_nothing_and_stops(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await deploy(engine)
    position = engine.log.durable_position

    def fail() -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(engine._store, "flush", fail)
        with pytest.raises(EngineStopped):
            await engine.submit(CreateProcessInstance("flow"))
    assert not engine.healthy
    assert engine.log.durable_position == position
    with pytest.raises(EngineStopped):
        engine.submit_nowait(CreateProcessInstance("flow"))


async def test_fault_in_one_command_spares_the_others(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from phee.engine import job_commands, wishes
    from phee.engine.errors import RejectedFault

    await deploy(engine)
    for _ in range(3):
        await engine.submit(CreateProcessInstance("flow"))
    jobs = await take(engine)
    broken = jobs[1].key

    def complete(core: Any, wish: Any) -> None:
        job_commands.complete_job(core, wish)
        if wish[0].job_key == broken:
            raise RuntimeError("a fault half way")

    kind = (complete, wishes._KINDS[CompleteJob][1])
    monkeypatch.setitem(wishes._KINDS, CompleteJob, kind)
    answers = await asyncio.gather(
        *(engine.submit(CompleteJob(job.key)) for job in jobs), return_exceptions=True
    )
    assert isinstance(answers[1], RejectedFault)
    assert answers[0].key == jobs[0].key
    assert answers[2].key == jobs[2].key
    assert engine.stats.faults == 1
    assert engine.healthy
    check(engine)
    errors = [r for r in records_of(engine) if r.value_type == ValueType.ERROR]
    assert [e.value.process_instance_key for e in errors] == [jobs[1].process_instance_key]  # type: ignore[attr-defined]
    monkeypatch.undo()
    with pytest.raises(NotFound):  # its instance is banned
        await engine.submit(CompleteJob(broken))
    await engine.submit(CancelProcessInstance(jobs[1].process_instance_key))
    check(engine)
    assert_nothing_left(engine)
    assert not list(engine.state.port.scan(b"X"))


async def test_refusals_are_on_record_and_in_zeebes_words(engine: Engine) -> None:
    with pytest.raises(NotFound) as caught:
        await engine.submit(CompleteJob(42))
    reason = "Expected to complete job with key '42', but no such job was found"
    assert str(caught.value) == f"Command 'COMPLETE' rejected with code 'NOT_FOUND': {reason}"
    last = records_of(engine)[-1]
    assert last.record_type == RecordType.COMMAND_REJECTION
    assert last.rejection_reason == reason


@pytest.mark.parametrize("key", [-(2**63), -1, 0, 1, 2**51 + 1, 2**63 - 1])
async def test_keys_of_nothing_are_not_found(engine: Engine, key: int) -> None:
    await deploy(engine)
    wishes = [
        CompleteJob(key),
        FailJob(key, 1),
        ThrowError(key, "E"),
        UpdateJobRetries(key, 1),
        CancelProcessInstance(key),
        ResolveIncident(key),
        SetVariables(key, {"a": 1}),
    ]
    answers = await asyncio.gather(*map(engine.submit, wishes), return_exceptions=True)
    if key == 2**51 + 1:  # that is the deployed definition
        assert engine.processes.by_key(key) is not None
    assert [type(error).__name__ for error in answers] == ["RejectedNotFound"] * len(wishes)
    assert engine.stats.faults == 0


async def test_cron_is_refused_clearly(engine: Engine) -> None:
    flow = Drawing("flow")
    start = flow.add(
        "startEvent",
        "<bpmn:timerEventDefinition><bpmn:timeCycle>0 0 9 * * MON</bpmn:timeCycle>"
        "</bpmn:timerEventDefinition>",
    )
    flow.flow(start, flow.add("endEvent"))
    with pytest.raises(InvalidInput, match="cron"):
        await engine.submit(DeployResources([Resource("flow.bpmn", definitions(flow))]))


async def test_stats_count_what_happened(engine: Engine) -> None:
    await deploy(engine)
    await engine.submit(CreateProcessInstance("flow"))
    [job] = await take(engine)
    await engine.submit(CompleteJob(job.key))
    stats = engine.stats
    assert stats.elements["completed", "SERVICE_TASK", "UNSPECIFIED"] == 1
    assert stats.jobs["activated", "work"] == 1
    assert stats.instances_completed == 1
    assert sum(stats.records.values()) == engine.log.durable_position
    assert engine.in_flight == 0
