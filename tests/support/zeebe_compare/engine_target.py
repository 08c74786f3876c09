"""The embedded engine as a target: in this process, on a clock that only steps move."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from phee import commands
from phee.engine import Engine
from phee.errors import PheeError
from phee.records import decode_block, to_json
from zeebe_compare.scenario import Json, Refused, Scenario, Step, matches, play

_START_MS = 1_800_000_000_000
_TICK_MS = 100


async def observe_engine(
    scenario: Scenario, data_dir: Path
) -> tuple[Sequence[Json], Sequence[str]]:
    """Play ``scenario`` on a fresh engine; return its records and what was refused."""
    target = EngineTarget(data_dir)
    await target.open()
    try:
        refusals = await play(scenario, target)
        return await target.records(), refusals
    finally:
        await target.close()


class Clock:
    """Time in ms since 1970 that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_ms = _START_MS

    def __call__(self) -> int:
        """Return the time."""
        return self.now_ms


class EngineTarget:
    """One scenario on a fresh engine in ``data_dir``."""

    def __init__(self, data_dir: Path) -> None:
        self._clock = Clock()
        self._engine = Engine.open(data_dir, clock=self._clock)
        self._background: list[asyncio.Task[Any]] = []
        self._streams: list[Any] = []
        self._records: list[Json] = []
        self._read_to = 0

    async def open(self) -> None:
        """Start the engine."""
        await self._engine.start()

    async def close(self) -> None:
        """End what runs in the background, and the engine."""
        for stream in self._streams:
            stream.close()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._engine.close()

    async def deploy(self, files: Mapping[str, bytes]) -> None:
        resources = [commands.Resource(name, data) for name, data in files.items()]
        await self._submit(commands.DeployResources(resources))

    async def create(self, step: Step) -> int:
        answer = await self._submit(_creation(step))
        return int(answer.process_instance_key)

    async def create_with_result(self, step: Step) -> None:
        call = self._submit(_creation(step, await_result=True))
        self._background.append(asyncio.create_task(call))
        await self.wait_until_written({"intent": "CREATE_WITH_AWAITING_RESULT"}, 1, 10_000)

    async def activate(self, step: Step) -> Sequence[int]:
        command = commands.ActivateJobs(
            type=step["type"],
            worker=step.get("worker", "worker"),
            timeout_ms=step.get("timeout_ms", 600_000),
            max_jobs=step.get("max", 10),
            fetch_variables=step.get("fetch", ()),
        )
        return [job.key for job in await self._submit(command)]

    async def stream(self, step: Step) -> None:
        stream = self._engine.open_job_stream(
            step["type"],
            step.get("worker", "worker"),
            step.get("timeout_ms", 600_000),
            ("<default>",),
            step.get("fetch", ()),
            100,
            lambda jobs: None,
        )
        self._streams.append(stream)

    async def publish(self, step: Step) -> None:
        command = commands.PublishMessage(
            name=step["name"],
            correlation_key=step.get("correlation_key", ""),
            time_to_live_ms=step.get("ttl_ms", 0),
            message_id=step.get("message_id", ""),
            variables=step.get("variables", {}),
        )
        await self._submit(command)

    async def command(self, name: str, key: int, step: Step) -> None:
        await self._submit(_command(name, key, step))

    async def records(self) -> Sequence[Json]:
        while blocks := self._engine.log.read(self._read_to):
            for last, data in blocks:
                block = decode_block(data)
                self._records += [
                    json.loads(to_json(stored.decoded(), partition_id=block.partition_id))
                    for stored in block.records
                ]
                self._read_to = last
        return self._records

    async def wait_until_written(self, wanted: Json, count: int, within_ms: int) -> None:
        """Move the clock in small steps until the records are there."""
        for _ in range(within_ms // _TICK_MS):
            if sum(matches(record, wanted) for record in await self.records()) >= count:
                return
            self._clock.now_ms += _TICK_MS
            await self._engine.wake()
        raise AssertionError(f"no {count} x {wanted} within {within_ms} ms")

    async def settle(self) -> None:
        await self._engine.wake()

    async def _submit(self, command: Any) -> Any:
        self._clock.now_ms += 1  # no two steps at the same moment
        try:
            return await self._engine.submit(command)
        except PheeError as error:
            raise Refused(error.grpc_status, str(error)) from error


def _creation(step: Step, *, await_result: bool = False) -> commands.CreateProcessInstance:
    return commands.CreateProcessInstance(
        bpmn_process_id=step["process"],
        version=step.get("version", -1),
        process_definition_key=0,  # as gRPC clients send it when they name the id
        variables=step.get("variables", {}),
        await_result=await_result,
        fetch_variables=step.get("fetch", ()),
    )


def _command(name: str, key: int, step: Step) -> commands.Command:
    variables = step.get("variables", {})
    message = step.get("message", "")
    match name:
        case "complete":
            return commands.CompleteJob(key, variables)
        case "fail":
            return commands.FailJob(
                key, step["retries"], message, step.get("backoff_ms", 0), variables
            )
        case "throw":
            return commands.ThrowError(key, step["code"], message, variables)
        case "update_retries":
            return commands.UpdateJobRetries(key, step["retries"])
        case "cancel":
            return commands.CancelProcessInstance(key)
        case "resolve":
            return commands.ResolveIncident(key)
        case "set_variables":
            return commands.SetVariables(key, variables, step.get("local", False))
    raise ValueError(f"unknown step {name}")
