"""The record keeps every field through its compact form and through its JSON form."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phee.records import (
    INTENTS,
    VALUES,
    Record,
    RecordType,
    ValueType,
    decode_block,
    encode_block,
    from_json,
    to_json,
)
from phee.records.values import (
    JobBatchValue,
    JobValue,
    OtherValue,
    ProcessInstanceCreationValue,
    ProcessInstanceValue,
)

keys = st.integers(min_value=-1, max_value=(1 << 63) - 1)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53), 1 << 53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FIELDS: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=10),
    int: keys,
    bool: st.booleans(),
    bytes: st.binary(max_size=8),
    dict[str, Any]: st.dictionaries(st.text(max_size=5), json_values, max_size=3),
    dict[str, str]: st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    list[int]: st.lists(keys, max_size=3),
    list[str]: st.lists(st.text(max_size=5), max_size=3),
    list[dict[str, Any]]: st.lists(st.dictionaries(st.text(max_size=5), json_values), max_size=2),
}


def values_of(struct: type) -> st.SearchStrategy[Any]:
    return st.builds(
        struct,
        **{
            field.name: FIELDS[field.type]
            if field.type in FIELDS
            else st.lists(values_of(field.type.__args__[0]), max_size=2)
            for field in msgspec.structs.fields(struct)
        },
    )


@st.composite
def records(draw: st.DrawFn) -> Record:
    value_type = draw(st.sampled_from(sorted(VALUES)))
    return Record(
        position=draw(st.integers(1, 1 << 62)),
        source_record_position=draw(keys),
        key=draw(keys),
        timestamp=draw(st.integers(0, 1 << 45)),
        record_type=draw(st.sampled_from(RecordType)),
        value_type=value_type,
        intent=draw(st.sampled_from(INTENTS[value_type])),
        value=draw(values_of(VALUES[value_type])),
        rejection_reason=draw(st.text(max_size=5)),
    )


@given(records())
def test_compact_form_keeps_everything(record: Record) -> None:
    block = decode_block(encode_block(7, 1, [record]))
    assert (block.epoch, block.partition_id) == (7, 1)
    assert [stored.decoded() for stored in block.records] == [record]


@given(records())
def test_json_form_keeps_everything_that_is_exported(record: Record) -> None:
    again = from_json(to_json(record, partition_id=3))
    if isinstance(record.value, ProcessInstanceCreationValue):
        record.value.fetch_variables = []  # Zeebe keeps them to itself
    assert again == (3, record)


def test_json_has_the_fields_of_zeebe() -> None:
    value = ProcessInstanceValue(bpmn_process_id="p", version=1, tenant_id="rhino")
    record = Record(5, 4, 9, 1000, RecordType.EVENT, ValueType.PROCESS_INSTANCE, 2, value)
    assert json.loads(to_json(record, partition_id=1)) == {
        "partitionId": 1,
        "position": 5,
        "sourceRecordPosition": 4,
        "key": 9,
        "timestamp": 1000,
        "recordType": "EVENT",
        "valueType": "PROCESS_INSTANCE",
        "intent": "ELEMENT_ACTIVATING",
        "rejectionType": "NULL_VAL",
        "rejectionReason": "",
        "brokerVersion": "8.5.8",
        "recordVersion": 1,
        "authorizations": {"authorized_tenants": ["rhino"]},
        "value": {
            "bpmnProcessId": "p",
            "version": 1,
            "processDefinitionKey": -1,
            "processInstanceKey": -1,
            "elementId": "",
            "flowScopeKey": -1,
            "bpmnElementType": "UNSPECIFIED",
            "bpmnEventType": "UNSPECIFIED",
            "parentProcessInstanceKey": -1,
            "parentElementInstanceKey": -1,
            "tenantId": "rhino",
        },
    }


def test_reads_what_it_has_no_struct_for() -> None:
    line = (
        b'{"partitionId":1,"position":8,"key":3,"timestamp":1,"valueType":"SIGNAL",'
        b'"intent":"BROADCASTED","recordType":"EVENT","value":{"signalName":"s","tenantId":"t"},'
        b'"aNewField":1}'
    )
    _, record = from_json(line)
    assert record.value == OtherValue({"signalName": "s", "tenantId": "t"})
    assert record.tenant_id == "t"


def test_select_takes_events_of_the_wanted_types_only() -> None:
    job = JobValue(type="a")
    wanted = Record(1, -1, 9, 0, RecordType.EVENT, ValueType.JOB, 0, job)
    block = decode_block(
        encode_block(
            1,
            1,
            [
                wanted,
                Record(2, -1, 9, 0, RecordType.COMMAND, ValueType.JOB, 1, job),
                Record(3, -1, 9, 0, RecordType.EVENT, ValueType.JOB_BATCH, 1, JobBatchValue()),
            ],
        )
    )
    assert list(block.select({ValueType.JOB})) == [wanted]


def test_a_block_of_another_version_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError, match="block version 99"):
        decode_block(msgspec.msgpack.encode((99, 1, 1, [])))


def test_a_block_with_a_gap_is_never_written() -> None:
    value = ProcessInstanceValue()
    record = [Record(p, -1, 9, 0, 0, ValueType.PROCESS_INSTANCE, 2, value) for p in (1, 3)]
    with pytest.raises(AssertionError, match="gap"):
        encode_block(1, 1, record)
