"""``kill -9`` at random moments loses nothing that was answered, and doubles nothing.

Method: a child process works on an engine and says what was answered; it is killed, the directory
is opened here, and answers, records and state must agree. The same directory goes through all
rounds, so every reopening also works on what a crash left. The seed is printed.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path

from engine_checks import check, records_of

from phee.commands import CreateProcessInstance, RequestId
from phee.engine import Engine
from phee.records import Record, RecordType, ValueType

ROUNDS = 5
CHILD = Path(__file__).parents[2] / "support" / "engine_crash_child.py"


async def test_no_answer_is_lost_and_none_doubled(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    created: dict[int, str] = {}
    completed: set[int] = set()
    published: set[int] = set()
    for number in range(ROUNDS):
        lines = await run_and_kill(tmp_path, number, rng.uniform(0.05, 0.6))
        for line in lines:
            kind, *rest = line.split()
            if kind == "created":
                created[int(rest[0])] = rest[1]
            elif kind == "completed":
                completed.add(int(rest[0]))
            elif kind == "published":
                published.add(int(rest[0]))
        await agree(tmp_path, created, completed, published)
    assert len(created) > ROUNDS, "the child did next to nothing"
    assert completed


async def run_and_kill(folder: Path, number: int, seconds: float) -> list[str]:
    """Run a child, kill it ``seconds`` after it is ready, return what it said in whole lines."""
    path = os.pathsep.join(part for part in (str(CHILD.parent), *sys.path) if part)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(CHILD),
        str(folder),
        f"round{number}",
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"ready\n", "the child did not start"
    said = asyncio.create_task(child.stdout.read())
    await asyncio.sleep(seconds)
    child.send_signal(signal.SIGKILL)
    await child.wait()
    text = (await said).decode()
    return text[: text.rfind("\n") + 1].splitlines()


async def agree(
    folder: Path, created: dict[int, str], completed: set[int], published: set[int]
) -> None:
    """Open the directory and compare answers, records and state."""
    engine = Engine.open(folder)
    records = records_of(engine)
    instances = facts(records, ValueType.PROCESS_INSTANCE_CREATION, "CREATED")
    jobs = facts(records, ValueType.JOB, "COMPLETED")
    messages = facts(records, ValueType.MESSAGE, "PUBLISHED")
    assert all(count == 1 for count in (*instances.values(), *jobs.values(), *messages.values()))
    assert created.keys() <= instances.keys(), "an answered creation is gone"
    assert completed <= jobs.keys(), "an answered completion is gone"
    assert published <= messages.keys(), "an answered message is gone"
    await engine.start()
    for key, identity in list(created.items())[-3:]:
        command = CreateProcessInstance("crash", request=RequestId(identity, "same"))
        again = await engine.submit(command)
        assert again.repeated
        assert again.process_instance_key == key
    await engine.wake()
    check(engine)
    await engine.close()


def facts(records: list[Record], value_type: ValueType, intent: str) -> Counter[int]:
    """Count the events of one kind by the key of what they are about."""
    found: Counter[int] = Counter()
    for record in records:
        is_fact = record.record_type == RecordType.EVENT and record.value_type == value_type
        if is_fact and record.intent_name == intent:
            key = record.key
            if value_type == ValueType.PROCESS_INSTANCE_CREATION:
                key = record.value.process_instance_key  # type: ignore[attr-defined]
            found[key] += 1
    return found
