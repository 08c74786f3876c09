"""The embedded engine writes the records that a real Zeebe 8.5.8 wrote, scenario by scenario.

The golden traces come from ``python -m zeebe_compare.record`` (see there). :data:`KNOWN` is the
whole list of differences that stay, each with its reason.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from zeebe_compare.engine_target import observe_engine
from zeebe_compare.known import expected_of_the_engine
from zeebe_compare.normalise import first_difference, normalise
from zeebe_compare.record import TRACE
from zeebe_compare.scenario import load

TRACES = sorted(path.parent for path in (Path(__file__).parent / "traces").glob("*/scenario.json"))


@pytest.mark.parametrize("folder", TRACES, ids=lambda folder: folder.name)
async def test_engine_writes_the_records_of_zeebe(folder: Path, tmp_path: Path) -> None:
    scenario = load(folder)
    records, refusals = await observe_engine(scenario, tmp_path / "data")
    got = normalise(records, refusals)
    expected = (folder / TRACE).read_text(encoding="utf-8").splitlines()
    difference = first_difference(expected_of_the_engine(scenario.name, expected), got)
    assert not difference, f"{scenario.name} ({scenario.about}): {difference}"
