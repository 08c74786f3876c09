"""What recorded streams mean for rows: each case is a short story of one process instance."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from record_stream import Instance, RecordWriter, channel_request, definition

from phee.projections.documents import DocumentFold
from phee.projections.interest import DOCUMENT_INTEREST, INTENT_BITS, RELATIONAL_INTEREST
from phee.projections.mapping import default_mapping
from phee.projections.relational import RelationalFold
from phee.projections.routing import Route, Router
from phee.projections.rows import (
    FLOW_NODE_INSTANCES,
    INCIDENTS,
    PROCESS_DEFINITIONS,
    PROCESS_INSTANCES,
    TASKS,
    TRANSFER_INSTANCES,
    TRANSFER_JOBS,
    TRANSFER_VARIABLES,
    VARIABLES,
    Target,
)
from phee.projections.transfers import status_rule
from phee.records import Record
from phee.records.types import IncidentIntent, JobIntent


class Rhino:
    def known_tenants(self) -> set[str]:
        return {"rhino"}


ROUTER = Router(default_mapping(), Rhino())


def fold(records: list[Record]) -> dict[Target, list[Any]]:
    folded = RelationalFold(1)
    for record in records:
        if wanted(record, RELATIONAL_INTEREST):
            folded.apply(record, route(record))
    return {target: list(rows) for target, rows in folded.changes()}


def wanted(record: Record, interest: frozenset[int]) -> bool:
    return record.is_event and record.value_type << INTENT_BITS | record.intent in interest


def route(record: Record) -> Route:
    found = ROUTER.route(record.value.bpmn_process_id, record.tenant_id)  # type: ignore[attr-defined]
    assert found is not None
    return found


@pytest.fixture
def instance() -> Instance:
    return Instance(RecordWriter())


def test_a_process_instance_is_one_row_with_its_times(instance: Instance) -> None:
    started = instance.start()
    rows = fold([*started, *instance.end()])[PROCESS_INSTANCES]
    (row,) = rows
    assert (row.process_instance_key, row.flow, row.state) == (
        instance.key,
        "PayerFundTransfer",
        "COMPLETED",
    )
    assert row.started_at == started[0].timestamp
    assert row.ended_at == instance.writer.clock_ms
    assert row.position == instance.writer.position


def test_flow_nodes_have_state_and_times_and_no_sequence_flows(instance: Instance) -> None:
    rows = fold([*instance.start(), *instance.task("block-funds")])[FLOW_NODE_INSTANCES]
    assert [(row.element_type, row.state) for row in rows] == [
        ("START_EVENT", "COMPLETED"),
        ("SERVICE_TASK", "COMPLETED"),
    ]
    assert all(row.started_at < row.ended_at for row in rows)


def test_a_variable_has_its_latest_value_per_scope(instance: Instance) -> None:
    records = [
        *instance.start(note="first"),
        instance.variable("note", "second"),
        instance.variable("note", "local", scope_key=instance.key + 5),
    ]
    rows = {(row.scope_key, row.name): row.value for row in fold(records)[VARIABLES]}
    assert rows == {
        (instance.key, "note"): '"second"',
        (instance.key + 5, "note"): '"local"',
    }


def test_a_job_is_one_row_with_what_happened_last(instance: Instance) -> None:
    key = instance.writer.key()
    records = [
        instance.job(JobIntent.CREATED, key, "block-funds"),
        instance.job(JobIntent.FAILED, key, "block-funds", retries=2, error_message="no answer"),
        instance.job(JobIntent.TIMED_OUT, key, "block-funds", retries=2),
        instance.job(JobIntent.COMPLETED, key, "block-funds", worker="w1", retries=2),
    ]
    (row,) = fold(records)[TASKS]
    assert (row.intent, row.worker, row.retries) == ("COMPLETED", "w1", 2)
    assert row.error_message == "no answer"
    assert (row.created_at, row.ended_at) == (records[0].timestamp, records[-1].timestamp)


def test_an_incident_opens_and_resolves(instance: Instance) -> None:
    key = instance.writer.key()
    created = instance.incident(IncidentIntent.CREATED, key)
    (opened,) = fold([created])[INCIDENTS]
    assert (opened.state, opened.created_at, opened.resolved_at) == (
        "OPEN",
        created.timestamp,
        None,
    )
    resolved = instance.incident(IncidentIntent.RESOLVED, key)
    (row,) = fold([created, resolved])[INCIDENTS]
    assert (row.state, row.resolved_at) == ("RESOLVED", resolved.timestamp)


def test_a_definition_keeps_its_drawing(instance: Instance) -> None:
    record = definition(instance.writer, "PayerFundTransfer-rhino", tenant_id="rhino")
    (row,) = fold([record])[PROCESS_DEFINITIONS]
    assert (row.resource, row.state) == ("<definitions/>", "DEPLOYED")


def test_an_unmapped_flow_is_everywhere_but_among_the_transfers() -> None:
    instance = Instance(RecordWriter(), "some_flow", tenant_id="rhino")
    changes = fold([*instance.start(transactionId="t"), *instance.end()])
    assert changes[PROCESS_INSTANCES]
    assert changes[VARIABLES]
    assert not changes[TRANSFER_INSTANCES]
    assert not changes[TRANSFER_VARIABLES]


def test_local_variables_do_not_speak_for_the_transfer(instance: Instance) -> None:
    records = [
        *instance.start(transactionId="right"),
        instance.variable("transactionId", "wrong", scope_key=instance.key + 1),
    ]
    (row,) = fold(records)[TRANSFER_VARIABLES]
    assert row.transaction_id == "right"


# --- the status of a transfer ---


def status(records: list[Record]) -> str:
    """Work the status out as a store does, from the folded facts."""
    changes = fold(records)
    facts: dict[str, Any] = {"instance_state": None, "outcome": None, "is_unknown": None}
    for target in (TRANSFER_INSTANCES, TRANSFER_JOBS):
        for row in changes[target]:
            facts.update({name: getattr(row, name) for name in facts if hasattr(row, name)})
    open_incidents = sum(row.state == "OPEN" for row in changes[INCIDENTS])
    connection = sqlite3.connect(":memory:")
    names = ", ".join(f":{name} AS {name}" for name in facts)
    rule = status_rule(f"{open_incidents} > 0")
    (found,) = connection.execute(f"SELECT {rule} FROM (SELECT {names})", facts).fetchone()
    connection.close()
    return str(found)


def _failed_job(instance: Instance) -> list[Record]:
    return [instance.incident(IncidentIntent.CREATED, 99)]


def _resolved(instance: Instance) -> list[Record]:
    return [*_failed_job(instance), instance.incident(IncidentIntent.RESOLVED, 99)]


def _two_incidents_one_resolved(instance: Instance) -> list[Record]:
    return [*_resolved(instance), instance.incident(IncidentIntent.CREATED, 100)]


def _unknown(instance: Instance) -> list[Record]:
    return instance.task("send-unknown-to-channel") + instance.task("notify-operator")


def _unknown_then_on(instance: Instance) -> list[Record]:
    return [*_unknown(instance), *instance.task("book-funds")]


Story = Callable[[Instance], list[Record]]
STORIES: list[tuple[str, Story]] = [
    ("IN_PROGRESS", lambda i: []),
    ("IN_PROGRESS", lambda i: i.task("block-funds")),
    ("COMPLETED", lambda i: i.end()),
    ("FAILED", lambda i: i.end("EndEvent_Failure_Aborted")),
    ("FAILED", lambda i: i.end("EndEvent_1jaizso")),
    ("UNKNOWN", lambda i: i.end("EndEvent_1f5l27f")),
    ("FAILED", lambda i: [*i.node("Failed_branch", "END_EVENT"), *i.end()]),
    ("FAILED", lambda i: i.terminate()),
    ("EXCEPTION", _failed_job),
    ("IN_PROGRESS", _resolved),
    ("EXCEPTION", _two_incidents_one_resolved),
    ("COMPLETED", lambda i: [*_resolved(i), *i.end()]),
    ("FAILED", lambda i: [*_failed_job(i), *i.terminate()]),
    ("UNKNOWN", _unknown),
    ("UNKNOWN", lambda i: [*_unknown(i), *i.task("get-transfer-state-rhino")]),
    ("IN_PROGRESS", lambda i: i.task("get-transfer-state-rhino")),
    ("UNKNOWN", lambda i: i.task("notify-operator-rhino")),
    ("IN_PROGRESS", _unknown_then_on),
    ("COMPLETED", lambda i: [*_unknown_then_on(i), *i.end()]),
    ("EXCEPTION", lambda i: [*_unknown(i), *_failed_job(i)]),
]


@pytest.mark.parametrize(("expected", "story"), STORIES)
def test_status(expected: str, story: Story, instance: Instance) -> None:
    assert status([*instance.start(transactionId="t"), *story(instance)]) == expected


def test_the_end_of_a_subprocess_is_not_the_end(instance: Instance) -> None:
    records = instance.start() + instance.node("Failed_inside", "END_EVENT")
    for record in records[-5:]:
        record.value.flow_scope_key = instance.key + 7  # type: ignore[attr-defined]
    assert status([*records, *instance.end()]) == "COMPLETED"


def test_documents_are_payments_instances_and_incidents(instance: Instance) -> None:
    other = Instance(instance.writer, "some_flow", tenant_id="rhino")
    records = [
        *instance.start(channelRequest=channel_request("5.00", note_free="")),
        *other.start(),
        instance.incident(IncidentIntent.CREATED, 7),
        instance.variable("errorInformation", json.dumps({"errorDescription": "x"})),
    ]
    folded = DocumentFold(1)
    for record in records:
        if wanted(record, DOCUMENT_INTEREST):
            folded.apply(record, route(record))
    found = {(row.kind, row.key) for _, rows in folded.changes() for row in rows}  # type: ignore[attr-defined]
    assert found == {("payment", instance.key), ("instance", other.key), ("incident", 7)}
