"""One real record of every kind: what Zeebe exports is read, and written again, without loss."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from phee.records import from_json, to_json

SAMPLES = (Path(__file__).parent / "samples.jsonl").read_text(encoding="utf-8").splitlines()


def kind(line: str) -> str:
    record = json.loads(line)
    return f"{record['recordType']}-{record['valueType']}-{record['intent']}"


@pytest.mark.parametrize("line", SAMPLES, ids=kind)
def test_a_real_record_survives_reading_and_writing(line: str) -> None:
    partition_id, record = from_json(line)
    expected: dict[str, Any] = json.loads(line)
    assert json.loads(to_json(record, partition_id=partition_id)) == expected
