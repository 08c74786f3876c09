"""The normal form: hides what changes from run to run, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from zeebe_compare.normalise import first_difference, normalise

KEY = 2251799813685249


def record(position: int, **fields: Any) -> dict[str, Any]:
    return {
        "position": position,
        "sourceRecordPosition": -1,
        "key": KEY,
        "timestamp": 1_000_000,
        "recordType": "EVENT",
        "valueType": "JOB",
        "intent": "CREATED",
        "recordVersion": 1,
        "rejectionType": "NULL_VAL",
        "rejectionReason": "",
        "value": {},
        **fields,
    }


def variable(position: int, name: str, **fields: Any) -> dict[str, Any]:
    value = {"name": name, "value": "1", "scopeKey": KEY, **fields}
    return record(position, key=KEY + position, valueType="VARIABLE", value=value)


def stream(offset: int, moment_ms: int) -> list[dict[str, Any]]:
    value = {"elementInstanceKey": KEY + offset, "deadline": moment_ms + 2_010, "type": "a"}
    rejected = {
        "recordType": "COMMAND_REJECTION",
        "rejectionType": "NOT_FOUND",
        "rejectionReason": f"no '{KEY + offset}'",
    }
    return [
        record(offset + 1, key=KEY + offset, timestamp=moment_ms, value=value),
        record(offset + 2, sourceRecordPosition=offset + 1, timestamp=moment_ms + 700, value=value)
        | {"key": KEY + offset}
        | rejected,
    ]


def test_two_runs_of_the_same_are_equal() -> None:
    assert normalise(stream(1, 10_000_000)) == normalise(stream(77, 99_000_000))


@pytest.mark.parametrize(
    "change",
    [
        {"intent": "COMPLETED"},
        {"recordType": "COMMAND"},
        {"sourceRecordPosition": 3},
        {"recordVersion": 2},
        {"key": KEY + 7},
        {"value": {"elementInstanceKey": KEY + 5, "deadline": 2_010, "type": "a"}},
        {"value": {"elementInstanceKey": KEY + 1, "deadline": 4_000_000, "type": "a"}},
        {"value": {"elementInstanceKey": KEY + 1, "deadline": 10_002_010, "type": "b"}},
    ],
)
def test_every_other_change_shows(change: dict[str, Any]) -> None:
    expected = stream(1, 10_000_000)
    changed = [expected[0], expected[1] | change]
    difference = first_difference(normalise(expected), normalise(changed))
    assert difference.startswith("record 2 of 2")


def test_missing_and_extra_records_are_counted() -> None:
    lines = normalise(stream(1, 10_000_000))
    assert "missing in all: 1 x COMMAND_REJECTION JOB.CREATED" in first_difference(lines, lines[:1])
    assert "extra in all: 1 x COMMAND_REJECTION JOB.CREATED" in first_difference(lines[:1], lines)
    assert first_difference(lines, lines) == ""


def test_variables_of_one_scope_in_a_row_have_no_order() -> None:
    one, other = [variable(1, "a"), variable(2, "b")], [variable(1, "b"), variable(2, "a")]
    assert normalise(one) == normalise(other)


def test_variables_of_two_scopes_keep_their_order() -> None:
    lines = normalise([variable(1, "b"), variable(2, "a", scopeKey=KEY + 9)])
    assert '"name": "b"' in lines[0]


def test_text_that_only_looks_like_a_key_stays() -> None:
    (line,) = normalise([variable(1, "a", value="2251799813685249")])
    assert '"value": "2251799813685249"' in line


def timer(position: int, now_ms: int, due_ms: int) -> dict[str, Any]:
    value = {
        "processDefinitionKey": KEY,
        "elementInstanceKey": KEY + 1,
        "targetElementId": "a",
        "dueDate": due_ms,
    }
    return record(position, timestamp=now_ms, valueType="TIMER", value=value)


def test_a_repeated_timer_is_reckoned_from_the_one_before_however_late_it_fired() -> None:
    punctual = [timer(1, 10_000, 13_000), timer(2, 13_010, 16_000)]
    late = [timer(1, 50_000, 53_000), timer(2, 54_700, 56_000)]
    shorter = [timer(1, 50_000, 53_000), timer(2, 53_010, 55_000)]
    assert normalise(punctual) == normalise(late) != normalise(shorter)


def test_a_value_that_did_not_change_is_not_repeated() -> None:
    lines = normalise(
        [variable(1, "a"), record(2, value={"type": "a"}), record(3, value={"type": "a"})]
    )
    assert lines[1].endswith('{"type": "a"}')
    assert lines[2].endswith(" =")
