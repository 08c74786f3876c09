"""Record the golden traces anew, from a real Zeebe.

    python scripts/services.py start --fresh kafka zeebe
    PYTHONPATH=tests/support:scripts python -m zeebe_compare.record tests/contract/zeebe/traces/*
    python scripts/services.py stop

Each argument is a scenario's folder; its ``trace.txt`` is written. ``--raw DIR`` also keeps the
records as they came. The broker must be fresh: what an earlier run left behind would show.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import grpc
from real_components.kafka import consumer_command
from real_components.zeebe import TOPIC

from zeebe_compare.grpc_target import GrpcTarget, RecordFeed
from zeebe_compare.kafka_feed import KafkaFeed
from zeebe_compare.normalise import normalise
from zeebe_compare.scenario import Json, Scenario, load, play

TRACE = "trace.txt"


async def observe(
    scenario: Scenario, channel: grpc.aio.Channel, feed: RecordFeed
) -> tuple[Sequence[Json], Sequence[str]]:
    """Play ``scenario`` on a gateway; return its records and what was refused."""
    target = GrpcTarget(channel, feed)
    await target.open()
    try:
        refusals = await play(scenario, target)
        return await target.records(), refusals
    finally:
        await target.close()


def write_trace(folder: Path, records: Sequence[Json], refusals: Sequence[str]) -> int:
    """Write the golden trace of the scenario in ``folder``; return its number of lines."""
    lines = normalise(records, refusals)
    (folder / TRACE).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return len(lines)


@contextmanager
def zeebe_records(kafka_port: int) -> Iterator[KafkaFeed]:
    """Follow the records of the Zeebe that exports to this Kafka."""
    with KafkaFeed(consumer_command(f"127.0.0.1:{kafka_port}", TOPIC)) as feed:
        yield feed


async def _main(folders: Sequence[Path], raw: Path | None) -> None:
    ports = _running_ports()
    address = f"127.0.0.1:{ports['zeebe']['grpc']}"
    with zeebe_records(ports["kafka"]["kafka"]) as feed:
        async with grpc.aio.insecure_channel(address) as channel:
            for folder in folders:
                records, refusals = await observe(load(folder), channel, feed)
                print(f"{folder.name}: {write_trace(folder, records, refusals)} lines")
                if raw:
                    lines = "".join(json.dumps(record) + "\n" for record in records)
                    (raw / f"{folder.name}.jsonl").write_text(lines, encoding="utf-8")


def _running_ports() -> dict[str, dict[str, int]]:
    script = Path(__file__).parents[3] / "scripts" / "services.py"
    command = [sys.executable, str(script), "status", "--json"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    ports: dict[str, dict[str, int]] = json.loads(answer.stdout)
    if not {"kafka", "zeebe"} <= ports.keys():
        sys.exit("start Kafka and Zeebe first: scripts/services.py start --fresh kafka zeebe")
    return ports


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="+", type=Path)
    parser.add_argument("--raw", type=Path)
    options = parser.parse_args()
    asyncio.run(_main(options.folder, options.raw))
