"""Creation at most once under random faults: lost calls, lost answers, restarts, late jobs."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from phee.commands import ActivatedJob, CreatedProcessInstance, RequestId
from phee.errors import InvalidState, NotFound, PheeError, TimedOut, Unavailable
from phee.gateway.zeebe.registry import RequestRegistry
from phee.gateway.zeebe.request_mark import read_mark
from phee.gateway.zeebe.requests import Requests

JOBS = 3
REQUESTS = [RequestId(f"r{number}", "digest") for number in range(30)]


@dataclass
class Instance:
    key: int
    variables: Mapping[str, Any]
    called: bool
    """Its first job is one of a process that it calls."""
    done: int = 0
    ended: bool = False


@dataclass
class FlakyCluster:
    """Instances with some jobs each; calls fail before or after they took effect."""

    rng: random.Random
    instances: dict[int, Instance] = field(default_factory=dict)
    flaky: bool = True

    def _fault(self) -> str:
        return self.rng.choice(("", "", "before", "after")) if self.flaky else ""

    async def create(self, variables: Mapping[str, Any]) -> CreatedProcessInstance:
        fault = self._fault()
        await asyncio.sleep(0)
        if fault == "before":
            raise Unavailable("lost on the way")
        key = 10 * (len(self.instances) + 1)
        self.instances[key] = Instance(key, variables, called=self.rng.random() < 0.3)
        for _ in range(self.rng.randrange(4)):
            await asyncio.sleep(0)
        if fault == "after":
            raise TimedOut("the answer was lost")
        return CreatedProcessInstance(key, 1, "p", 1, "<default>", -1)

    async def cancel(self, key: int) -> None:
        fault = self._fault()
        await asyncio.sleep(0)
        if fault == "before":
            raise Unavailable("lost on the way")
        if key % 10:
            raise InvalidState(f"Cancel the root process instance '{key - 1}' instead")
        if self.instances[key].ended:
            raise NotFound("no such instance")
        self.instances[key].ended = True
        if fault == "after":
            raise TimedOut("the answer was lost")

    def job_of(self, instance: Instance) -> ActivatedJob:
        in_child = instance.called and instance.done == 0
        return ActivatedJob(
            key=instance.key + 5,
            type="t",
            process_instance_key=instance.key + in_child,
            bpmn_process_id="child" if in_child else "p",
            process_definition_version=1,
            process_definition_key=1,
            element_id="e",
            element_instance_key=1,
            custom_headers={},
            worker="w",
            retries=3,
            deadline=0,
            variables=instance.variables,
            tenant_id="<default>",
        )

    def with_jobs(self) -> list[Instance]:
        return [each for each in self.instances.values() if not each.ended and each.done < JOBS]


class World:
    """A hub that is restarted now and then."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.rng = rng
        self.folder = folder
        self.cluster = FlakyCluster(rng)
        self.answers: dict[str, set[int]] = defaultdict(set)
        self.worked: dict[str, set[int]] = defaultdict(set)
        self.start()

    def start(self) -> None:
        self.registry = RequestRegistry(self.folder)
        self.requests = Requests(self.registry, self.cluster.cancel)

    def restart(self) -> None:
        self.registry.close()
        self.start()

    async def ask(self, request: RequestId) -> None:
        try:
            answer = await self.requests.create("p", {}, "rhino", request, self.cluster.create)
        except PheeError:
            return
        self.answers[request.id].add(answer.process_instance_key)

    async def work(self, instance: Instance) -> None:
        attempt = read_mark(self.cluster.job_of(instance), "rhino")
        assert attempt is not None
        try:
            admitted = await self.requests.admits(self.cluster.job_of(instance), attempt)
        except PheeError:
            return  # it is left to time out
        if admitted:
            assert not instance.ended, "an instance that counts was ended"
            self.worked[attempt.request.id].add(instance.key)
            instance.done += 1

    async def step(self) -> None:
        """Some things at once, then perhaps a restart."""
        things: list[Any] = [self.ask(self.rng.choice(REQUESTS)) for _ in range(6)]
        ready = self.cluster.with_jobs()
        things += map(self.work, self.rng.sample(ready, min(2, len(ready))))
        self.rng.shuffle(things)
        await asyncio.gather(*things)
        if self.rng.random() < 0.1:
            self.restart()

    def check(self) -> None:
        for request in REQUESTS:
            known = self.answers[request.id] - {-1}
            assert len(self.worked[request.id] | known) <= 1, request


@pytest.mark.parametrize("seed", range(25))
async def test_one_instance_of_a_request_works(tmp_path: Path, seed: int) -> None:
    print(f"seed {seed}")
    world = World(tmp_path, random.Random(seed))
    for _ in range(40):
        await world.step()
        world.check()
    world.cluster.flaky = False
    for request in REQUESTS:
        await world.ask(request)
    while ready := world.cluster.with_jobs():
        for instance in ready:
            await world.work(instance)
        world.check()
    finished = [each for each in world.cluster.instances.values() if not each.ended]
    assert len(finished) == len(REQUESTS)
    assert all(each.done == JOBS for each in finished)
    assert len(world.cluster.instances) > len(REQUESTS), "no fault made a second instance"
    world.registry.close()
