"""A scenario: drawings and a list of steps that any Zeebe-like orchestrator can be driven by.

A scenario is a folder with ``scenario.json`` and the BPMN files it deploys; ``drawings`` names more
of them by their path in the repository, deployed for a tenant with the scenario's name. Steps run
one after the other, each when the one before is answered, so that the record stream is the same on
every run.
Keys are never written down: a step names a saved answer (``"jobs.0"``) or a record
(``{"record": {"valueType": ..., "intent": ..., ...}, "index": 0}``, the key of that record).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).parents[3]
Step = Mapping[str, Any]
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Scenario:
    """``steps`` in order; ``files`` are the drawings by the name they are deployed under."""

    name: str
    about: str
    steps: Sequence[Step]
    files: Mapping[str, bytes]


class Refused(Exception):
    """The orchestrator refused a command; ``code`` is the gRPC status name."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Target(Protocol):
    """An orchestrator under test. Every method answers like the gRPC call of that name."""

    async def deploy(self, files: Mapping[str, bytes]) -> None:
        """Deploy all files at once."""

    async def create(self, step: Step) -> int:
        """Create an instance; return its key."""

    async def create_with_result(self, step: Step) -> None:
        """Create an instance and wait, in the background, until it has completed."""

    async def activate(self, step: Step) -> Sequence[int]:
        """Take the jobs that are there right now (no long poll); return their keys."""

    async def stream(self, step: Step) -> None:
        """Have jobs of a type pushed from now on."""

    async def command(self, name: str, key: int, step: Step) -> None:
        """Complete, fail or throw a job, cancel, resolve, set variables, update retries."""

    async def publish(self, step: Step) -> None:
        """Publish a message."""

    async def records(self) -> Sequence[Json]:
        """Return the records of this scenario so far, in position order."""

    async def wait_until_written(self, wanted: Json, count: int, within_ms: int) -> None:
        """Let time pass until ``count`` records match ``wanted``, at most ``within_ms``."""

    async def settle(self) -> None:
        """Return when everything that was asked so far is in :meth:`records`."""


def load(folder: Path) -> Scenario:
    """Read the scenario in ``folder``."""
    data = json.loads((folder / "scenario.json").read_text(encoding="utf-8"))
    files = {path.name: path.read_bytes() for path in sorted(folder.glob("*.bpmn"))}
    for path in data.get("drawings", ()):
        drawing = ROOT / path
        files[drawing.name] = drawing.read_bytes().replace(b"DFSPID", folder.name.encode())
    return Scenario(folder.name, data["about"], data["steps"], files)


def matches(record: Json, wanted: Json) -> bool:
    """Tell whether ``record`` has the wanted fields, in its envelope or in its value."""
    return all(
        record.get(name, record["value"].get(name)) == value for name, value in wanted.items()
    )


async def play(scenario: Scenario, target: Target) -> list[str]:
    """Run every step; return the refusals that steps expected (of whatever code), in order."""
    player = _Player(scenario, target)
    for step in scenario.steps:
        await player.run(step)
    await target.settle()
    return player.refusals


class _Player:
    def __init__(self, scenario: Scenario, target: Target) -> None:
        self._files = scenario.files
        self._target = target
        self._saved: dict[str, Sequence[int]] = {}
        self.refusals: list[str] = []

    async def run(self, step: Step) -> None:
        expected = step.get("refused")
        try:
            await self._do(step)
        except Refused as refused:
            if expected is None:
                raise
            self.refusals.append(str(refused))
        else:
            assert expected is None, f"{step} should have been refused with {expected}"

    async def _do(self, step: Step) -> None:
        target = self._target
        match step["do"]:
            case "deploy":
                await target.deploy({name: self._files[name] for name in step["files"]})
            case "create":
                self._save(step, [await target.create(step)])
            case "create_with_result":
                await target.create_with_result(step)
            case "activate":
                self._save(step, await target.activate(step))
            case "stream":
                await target.stream(step)
            case "publish":
                await target.publish(step)
            case "wait":
                await target.settle()
                within_ms = step.get("within_ms", 10_000)
                await target.wait_until_written(step["for"], step.get("count", 1), within_ms)
            case name:
                await target.command(name, await self._key(step["key"]), step)

    def _save(self, step: Step, keys: Sequence[int]) -> None:
        if "as" in step:
            self._saved[step["as"]] = keys

    async def _key(self, reference: Any) -> int:
        if isinstance(reference, int):
            return reference
        if isinstance(reference, str):
            name, _, index = reference.partition(".")
            return self._saved[name][int(index or 0)]
        await self._target.settle()
        found = [r for r in await self._target.records() if matches(r, reference["record"])]
        return int(found[reference.get("index", 0)]["key"])
