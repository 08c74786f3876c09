"""Random drawings, random events, a clock that is moved by hand: the engine's invariants hold.

Goal: no sequence of events leaves a token, job, timer or subscription that belongs to nothing, a
row that memory does not know, or a log that tells another story. Method: grow block-structured
drawings, throw events at them, check everything at rest, reopen now and then, cancel what is left
and look for remains. Every seed is the test's name; ``PHEE_SIMULATION_SEEDS=500`` runs more.
"""

from __future__ import annotations

import contextlib
import os
import random
from pathlib import Path

import pytest
from engine_checks import assert_nothing_left, check, waiting_jobs
from engine_drawings import RandomDrawing, sequence

from phee.commands import (
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
from phee.engine import Engine, core
from phee.engine.errors import RejectedFault
from phee.errors import InvalidState, NotFound

STEPS = 120
SEEDS = int(os.environ.get("PHEE_SIMULATION_SEEDS", "12"))
"""How many worlds; a long run sets more."""


class World:
    """One engine and the random events thrown at it."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = random.Random(seed)
        self.folder = folder
        self.now = 1_800_000_000_000
        self.engine = self._open()

    def _open(self) -> Engine:
        # few instances stay in memory, so that cold ones are loaded again all the time
        return Engine.open(self.folder, clock=lambda: self.now, loaded_max=2)

    async def reopen(self) -> None:
        await self.engine.close()
        self.engine = self._open()
        await self.engine.start()

    async def deploy(self) -> None:
        drawing = RandomDrawing("random", self.rng, called="child").grow()
        child = sequence("child", "alpha")
        resources = [Resource("random.bpmn", drawing), Resource("child.bpmn", child)]
        await self.engine.submit(DeployResources(resources))

    async def event(self) -> None:
        often = [self.work] * 10 + [self.publish] * 6 + [self.wait] * 3 + [self.help] * 4
        seldom = [self.create, self.create, self.set_variables, self.cancel, self.reopen]
        await self.rng.choice(often + seldom)()

    async def create(self) -> None:
        variables = {"key": self.rng.choice("ab"), "count": self.rng.randint(0, 5)}
        if self.rng.random() < 0.1:
            del variables["key"]
        await self.engine.submit(CreateProcessInstance("random", variables=variables))

    async def work(self) -> None:
        await self.engine.submit(
            ActivateJobs(self.rng.choice(["alpha", "beta"]), "worker", 20_000, 3)
        )
        jobs = waiting_jobs(self.engine)
        if not jobs:
            return
        key = self.rng.choice(jobs)
        chance = self.rng.random()
        if chance < 0.6:
            variables = {"count": self.rng.randint(0, 5)} if chance < 0.3 else {}
            await self.engine.submit(CompleteJob(key, variables))
        elif chance < 0.8:
            retries = self.rng.randint(0, 1)
            backoff = self.rng.choice([0, 5_000])
            await self.engine.submit(FailJob(key, retries, "no luck", backoff, {"why": "test"}))
        else:
            code = f"E{self.rng.randint(0, 2)}"
            await self.engine.submit(ThrowError(key, code, "thrown", {"thrown": code}))

    async def publish(self) -> None:
        name = self.rng.choice(["ping", "pong", "stop0", "stop1", "stop2", "stop3"])
        time_to_live = self.rng.choice([0, 0, 30_000])
        key = self.rng.choice("ab")
        await self.engine.submit(PublishMessage(name, key, time_to_live, "", {"got": name}))

    async def wait(self) -> None:
        self.now += self.rng.choice([100, 2_000, 8_000, 40_000])
        await self.engine.wake()

    async def help(self) -> None:
        incidents = sorted(self.engine.state.incidents)
        if not incidents:
            return
        key = self.rng.choice(incidents)
        value = self.engine.state.incidents[key].value
        if value.job_key != -1:
            await self.engine.submit(UpdateJobRetries(value.job_key, 2))
        elif self.rng.random() < 0.7:
            await self.engine.submit(SetVariables(value.process_instance_key, {"key": "a"}))
        await self.engine.submit(ResolveIncident(key))

    async def set_variables(self) -> None:
        elements = sorted(self.engine.state.elements)
        if elements:
            wish = SetVariables(
                self.rng.choice(elements),
                {"count": self.rng.randint(0, 5)},
                self.rng.random() < 0.5,
            )
            await self.engine.submit(wish)

    async def cancel(self) -> None:
        if self.rng.random() < 0.3:
            await self.cancel_one()

    async def cancel_one(self) -> None:
        keys = {int.from_bytes(k[1:9], "big") for k, _ in self.engine.state.port.scan(b"I")}
        if not keys:
            return
        # the child of a call activity is cancelled with its parent alone
        with contextlib.suppress(InvalidState, NotFound):
            await self.engine.submit(CancelProcessInstance(self.rng.choice(sorted(keys))))

    async def finish(self) -> None:
        while any(self.engine.state.port.scan(b"I")):
            await self.cancel_one()
        await self.engine.wake()


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_invariants_hold_under_random_events(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if seed % 2:  # batches that are full at once: what is put off must come to the same
        monkeypatch.setattr(core, "COMMANDS_MAX", 3)
    world = World(seed, tmp_path)
    await world.engine.start()
    await world.deploy()
    await world.create()
    for step in range(STEPS):
        await world.event()
        await world.engine.wake()
        if step % 15 == 0:
            check(world.engine)
    check(world.engine)
    await world.finish()
    assert_nothing_left(world.engine)
    assert world.engine.stats.faults == 0
    await world.engine.close()


@pytest.mark.parametrize("seed", range(SEEDS // 2))
async def test_a_fault_half_way_leaves_no_trace(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever step of a command fails, the rest of the world is as if it had never come."""
    faults = random.Random(seed)
    write = core.Core.event

    def failing(self: core.Core, *record: object) -> None:
        if self.token is not None and faults.random() < 0.01:
            raise RuntimeError("a fault half way")
        write(self, *record)

    world = World(seed, tmp_path)
    await world.engine.start()
    await world.deploy()
    monkeypatch.setattr(core.Core, "event", failing)
    failed = 0
    for step in range(STEPS):
        try:
            await world.event()
        except (RejectedFault, NotFound):  # NotFound: the job of an instance that is banned
            failed += 1
        await world.engine.wake()
        if step % 15 == 0:
            check(world.engine)
    check(world.engine)
    assert world.engine.healthy
    assert failed
    monkeypatch.undo()
    await world.finish()
    assert_nothing_left(world.engine)
    await world.engine.close()
