"""The golden traces are what a real Zeebe does today, and our own flows run alike on both."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from zeebe_compare.engine_target import observe_engine
from zeebe_compare.kafka_feed import KafkaFeed
from zeebe_compare.known import expected_of_the_engine
from zeebe_compare.normalise import first_difference, normalise
from zeebe_compare.record import TRACE, observe
from zeebe_compare.scenario import Scenario, load

HERE = Path(__file__).parent
TRACES = sorted(path.parent for path in (HERE / "traces").glob("*/scenario.json"))
FLOWS = sorted(path.parent for path in (HERE / "flows").glob("*/scenario.json"))

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]


async def zeebe_lines(scenario: Scenario, zeebe: tuple[str, KafkaFeed]) -> list[str]:
    address, feed = zeebe
    async with grpc.aio.insecure_channel(address) as channel:
        records, refusals = await observe(scenario, channel, feed)
    return normalise(records, refusals)


@pytest.mark.parametrize("folder", TRACES, ids=lambda folder: folder.name)
async def test_zeebe_still_writes_the_golden_trace(
    folder: Path, real_zeebe: tuple[str, KafkaFeed]
) -> None:
    expected = (folder / TRACE).read_text(encoding="utf-8").splitlines()
    difference = first_difference(expected, await zeebe_lines(load(folder), real_zeebe))
    assert not difference, f"{folder.name}: {difference}"


@pytest.mark.parametrize("folder", FLOWS, ids=lambda folder: folder.name)
async def test_a_flow_that_ships_runs_alike_on_both(
    folder: Path, real_zeebe: tuple[str, KafkaFeed], tmp_path: Path
) -> None:
    scenario = load(folder)
    records, refusals = await observe_engine(scenario, tmp_path / "data")
    got = normalise(records, refusals)
    expected = expected_of_the_engine(scenario.name, await zeebe_lines(scenario, real_zeebe))
    difference = first_difference(expected, got)
    assert not difference, f"{folder.name}: {difference}"
