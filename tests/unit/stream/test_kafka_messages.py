"""What a Kafka message means, in every form that is known and in those that are not."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_stream import Instance, RecordWriter

from phee.records import JsonRecord, Record, StoredRecord, to_json
from phee.records.json_form import UNKNOWN
from phee.stream.kafka.message import (
    MessageReader,
    mark_headers,
    record_headers,
    substitute_headers,
)
from phee.stream.port import Lane, Unreadable

RECORD = Instance(RecordWriter(first_position=41)).start(name="x")[0]
JSON = to_json(RECORD, partition_id=3)
OURS = record_headers(9, 3, RECORD.position, "rhino")


class Message:
    def __init__(
        self, value: bytes | None, headers: list[tuple[str, bytes]] | None, offset: int = 70
    ) -> None:
        self._value, self._headers, self._offset = value, headers, offset

    def value(self) -> bytes | None:
        return self._value

    def headers(self) -> list[tuple[str, bytes]] | None:
        return self._headers

    def offset(self) -> int:
        return self._offset


def read(
    value: bytes | None, headers: list[tuple[str, bytes]] | None = None
) -> tuple[Lane, int, object]:
    return MessageReader("t/5", 5, foreign_epoch=77).read(Message(value, headers))  # type: ignore[arg-type] # all that is used of one


def changed(**fields: object) -> bytes:
    content: Mapping[str, object] = json.loads(JSON)
    return json.dumps({**content, **fields}).encode()


def test_our_own_form_says_its_epoch() -> None:
    lane, position, content = read(JSON, OURS)
    assert (lane, position) == (Lane(9, 3, "t/5"), RECORD.position)
    assert isinstance(content, JsonRecord)
    assert content.decoded() == RECORD


@pytest.mark.parametrize("headers", [None, [], [("traceparent", b"00-1")]])
def test_a_foreign_record_gets_the_epoch_of_the_address(
    headers: list[tuple[str, bytes]] | None,
) -> None:
    lane, position, content = read(JSON, headers)
    assert (lane, position) == (Lane(77, 3, "t/5"), RECORD.position)
    assert isinstance(content, StoredRecord)


def test_a_mark_has_a_position_and_no_content() -> None:
    assert read(None, mark_headers(9, 3, 55)) == (Lane(9, 3, "t/5"), 55, None)


def test_a_substitute_says_what_is_missing_and_why() -> None:
    lane, position, content = read(None, substitute_headers(9, 3, 55, "rhino", "record-too-large"))
    assert (lane, position) == (Lane(9, 3, "t/5"), 55)
    assert isinstance(content, Unreadable)
    assert "record-too-large" in content.reason
    assert b"55" in content.content


@pytest.mark.parametrize(
    "value",
    [b"", b"not JSON", b"[]", b"{}", b"\xff\x00", b"[" * 100_000, changed(recordType="WISH")],
)
def test_poison_with_our_headers_keeps_its_place(value: bytes) -> None:
    lane, position, content = read(value, OURS)
    assert (lane, position) == (Lane(9, 3, "t/5"), RECORD.position)
    assert content == Unreadable(value, content.reason)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b"not JSON", None),
        (None, None),
        (changed(position=0), None),
        (changed(position=-5), None),
        (changed(position=1 << 63), None),
        (changed(partitionId=-1), None),
        (b"x", [("epoch", b"one"), ("partition", b"3"), ("position", b"4")]),
        (b"x", [("epoch", b"-1"), ("partition", b"3"), ("position", b"4")]),
        (b"x", [("epoch", b"1"), ("partition", b"3"), ("position", b"0")]),
        (JSON, [("epoch", b"one")]),
    ],
)
def test_poison_without_a_place_goes_by_its_offset(
    value: bytes | None, headers: list[tuple[str, bytes]] | None
) -> None:
    lane, position, content = read(value, headers)
    assert lane.name == "t/5/unplaced"
    assert lane.epoch < 0
    assert position == 71
    assert isinstance(content, Unreadable)


@given(st.binary(max_size=60), st.booleans())
def test_no_bytes_stop_the_reader(value: bytes, ours: bool) -> None:
    _, position, content = read(value, OURS if ours else None)
    assert position > 0
    assert isinstance(content, Unreadable | StoredRecord)


def test_a_value_type_of_a_newer_version_is_kept_whole() -> None:
    value = changed(valueType="AD_HOC_SUB_PROCESS", intent="ACTIVATED")
    _, _, content = read(value)
    assert isinstance(content, JsonRecord)
    assert (content.value_type, content.intent) == (UNKNOWN, UNKNOWN)
    assert bytes(content.value) == value


def test_an_intent_of_a_newer_version_passes() -> None:
    _, _, content = read(changed(intent="ELEMENT_DREAMT"))
    assert isinstance(content, JsonRecord)
    assert content.intent == UNKNOWN
    assert content.value_type == RECORD.value_type


def test_a_value_type_without_a_struct_keeps_its_fields() -> None:
    value = {"formId": "f", "tenantId": "rhino", "later": [1]}
    _, _, content = read(changed(valueType="FORM", intent="CREATED", value=value))
    assert isinstance(content, JsonRecord)
    record: Record = content.decoded()
    assert record.tenant_id == "rhino"
    assert record.value.fields == value  # type: ignore[attr-defined]
