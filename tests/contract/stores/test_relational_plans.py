"""What a listing costs does not grow with what it does not show: each has its index.

Every statement that the reader really sends is explained by the database itself, on tables with
enough rows for its optimizer to care: filter and order -> index -> plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from mariadb_server import MariaDbServer
from relational_runtimes import MysqlRuntime, Runtime, SqliteRuntime
from sqlalchemy import event

from phee.operations.parameters import (
    DeadLettersQuery,
    IncidentsQuery,
    PageQuery,
    ProcessInstancesQuery,
    TransfersQuery,
    snake,
)
from phee.stores.listing import Listing
from phee.stores.relational import tables
from phee.stores.relational.filters import IncidentFilter, ProcessInstanceFilter, TransferFilter
from phee.stores.relational.models import Page
from phee.stores.relational.queries import RelationalReader
from phee.stores.relational.ways import INCIDENTS, PROCESS_INSTANCES, TRANSFERS
from phee.stores.taking import FEW_MAX

START = 1_760_000_000_000
ROWS = FEW_MAX + 1_000
FEW = 20
"""Rows with a value that is rare; nearly all others share one."""


def transfer(number: int) -> dict[str, Any]:
    value = "rare" if number < FEW else "common"
    return {
        "epoch": 1,
        "workflow_instance_key": number,
        "transaction_id": value,
        "client_correlation_id": value,
        "batch_id": value,
        "amount": Decimal(1 if number < FEW else 2),
        "currency": "XAU" if number < FEW else "EUR",
        "direction": "UNKNOWN" if number < FEW else "INCOMING",
        "payer_party_id": value,
        "payer_party_id_type": value,
        "payee_party_id": "rare" if FEW <= number < 2 * FEW else f"p{number}",
        "payee_party_id_type": "rare" if FEW <= number < 2 * FEW else "other",
        "payer_dfsp_id": value,
        "payee_dfsp_id": value,
        "status": "UNKNOWN" if number < FEW else "COMPLETED",
        "started_at": START + number,
        "completed_at": START + number,
    }


def instance(number: int) -> dict[str, Any]:
    return {
        "epoch": 1, "process_instance_key": number, "version": 1, "flow": "p",
        "bpmn_process_id": "rare" if number < FEW else "common", "process_definition_key": 1,
        "parent_process_instance_key": 1 if number < FEW else 2,
        "state": "ACTIVE" if number < FEW else "COMPLETED", "started_at": START + number,
        "ended_at": START + number,
    }  # fmt: skip


def incident(number: int) -> dict[str, Any]:
    value = "rare" if number < FEW else "common"
    return {
        "epoch": 1, "incident_key": number, "process_instance_key": 1 if number < FEW else 2,
        "process_definition_key": 1, "bpmn_process_id": value, "element_id": "e",
        "error_type": value, "state": "OPEN" if number < FEW else "RESOLVED",
        "created_at": START + number, "resolved_at": START + number,
    }  # fmt: skip


Case = tuple[dict[str, Any], dict[str, Any], str]
"""A filter that few rows meet, one that most do (empty: none), and the index of both."""


def text_case(name: str, column: str) -> Case:
    return {name: "rare"}, {name: "common"}, f"ix_transfers_{column}_started_at"


TRANSFER_CASES: dict[str, Case] = {
    **{
        name: text_case(name, name)
        for name in ("transaction_id", "batch_id", "payer_party_id", "payer_dfsp_id",
                     "payee_dfsp_id")
    },
    "client_correlation_id": text_case("client_correlation_id", "clientcorrelationid"),
    "payee_party_id": ({"payee_party_id": "rare"}, {}, "ix_transfers_payee_party_id_started_at"),
    "status": (
        {"status": "UNKNOWN"}, {"status": "COMPLETED"}, "ix_transfers_status_started_at",
    ),
    "direction": (
        {"direction": "UNKNOWN"}, {"direction": "INCOMING"}, "ix_transfers_direction_started_at",
    ),
    "currency": ({"currency": "XAU"}, {"currency": "EUR"}, "ix_transfers_currency_started_at"),
    "amount": (
        {"amount": Decimal(1)}, {"amount": Decimal(2)}, "ix_transfers_amount_started_at",
    ),
    "party_id": ({"party_id": "rare"}, {}, "ix_transfers_payee_party_id_started_at"),
    "party_id_type": (
        {"party_id_type": "rare"}, {}, "ix_transfers_payee_party_id_type_started_at",
    ),
    "start_from": (
        {"start_from": START + ROWS - FEW}, {"start_from": START}, "ix_transfers_started_at",
    ),
    "start_to": (
        {"start_to": START + FEW}, {"start_to": START + ROWS}, "ix_transfers_started_at",
    ),
    "workflow_instance_key": ({"workflow_instance_key": 7}, {}, ""),
}  # fmt: skip
INSTANCE_CASES: dict[str, Case] = {
    "process_instance_key": ({"process_instance_key": 7}, {}, ""),
    "bpmn_process_id": (
        {"bpmn_process_id": "rare"}, {"bpmn_process_id": "common"},
        "ix_process_instances_bpmn_process_id_started_at",
    ),
    "state": (
        {"state": "ACTIVE"}, {"state": "COMPLETED"}, "ix_process_instances_state_started_at",
    ),
    "parent_process_instance_key": (
        {"parent_process_instance_key": 1}, {"parent_process_instance_key": 2},
        "ix_process_instances_parent_process_instance_key_started_at",
    ),
    "start_from": (
        {"start_from": START + ROWS - FEW}, {"start_from": START},
        "ix_process_instances_started_at",
    ),
    "start_to": (
        {"start_to": START + FEW}, {"start_to": START + ROWS}, "ix_process_instances_started_at",
    ),
}  # fmt: skip
INCIDENT_CASES: dict[str, Case] = {
    "process_instance_key": (
        {"process_instance_key": 1}, {}, "ix_incidents_process_instance_key_state",
    ),
    "state": ({"state": "OPEN"}, {"state": "RESOLVED"}, "ix_incidents_state_created_at"),
    "error_type": (
        {"error_type": "rare"}, {"error_type": "common"}, "ix_incidents_error_type_created_at",
    ),
    "bpmn_process_id": (
        {"bpmn_process_id": "rare"}, {"bpmn_process_id": "common"},
        "ix_incidents_bpmn_process_id_created_at",
    ),
    "incident_key": ({"incident_key": 7}, {}, ""),
}  # fmt: skip

LISTINGS: list[tuple[type[Any], dict[str, Case], type[PageQuery], set[str]]] = [
    (TransferFilter, TRANSFER_CASES, TransfersQuery, set()),
    (ProcessInstanceFilter, INSTANCE_CASES, ProcessInstancesQuery, set()),
    (IncidentFilter, INCIDENT_CASES, IncidentsQuery, set()),
]
_OF_A_PAGE = {"page", "size", "cursor", "sorted_by", "sorted_order", "after", "store"}


def test_every_filter_that_is_offered_is_asked_about() -> None:
    for chosen, cases, query, _ in LISTINGS:
        assert {field.name for field in fields(chosen)} == set(cases)
        assert set(query.__struct_fields__) - _OF_A_PAGE <= set(cases), query.__name__
    assert set(DeadLettersQuery.__struct_fields__) - _OF_A_PAGE == {"state"}


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("mysql", marks=pytest.mark.services)]
)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    data = tmp_path_factory.mktemp(request.param)
    runtime: Runtime
    if request.param == "sqlite":
        runtime = SqliteRuntime(data)
    else:
        server: MariaDbServer = request.getfixturevalue("mariadb")
        runtime = MysqlRuntime(data, server)
    with closing(_Disposed(runtime.engine("rhino"))) as opened, opened.engine.begin() as connection:
        for table, row in (
            (tables.transfers, transfer),
            (tables.process_instances, instance),
            (tables.incidents, incident),
        ):
            connection.execute(table.insert(), [row(number) for number in range(ROWS)])
    return runtime


class _Disposed:
    def __init__(self, engine: Any) -> None:
        self.engine = engine

    def close(self) -> None:
        self.engine.dispose()


@pytest.fixture
def reader(filled: Runtime) -> Iterator[RelationalReader]:
    reader = filled.stores.open_reader("rhino")
    yield reader
    reader.close()


@contextmanager
def recorded(reader: RelationalReader) -> Iterator[list[tuple[str, Any]]]:
    """Collect the statements that the reader sends."""
    sent: list[tuple[str, Any]] = []

    def record(_c: Any, _k: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            sent.append((statement, parameters))

    event.listen(reader._engine, "before_cursor_execute", record)
    yield sent
    event.remove(reader._engine, "before_cursor_execute", record)


def plan(reader: RelationalReader, statement: str, parameters: Any) -> list[str]:
    """Every step that reads the table itself or sorts, in the database's words."""
    with reader._engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            steps = [row[3] for row in rows]
            return [s for s in steps if not s.startswith(("CO-ROUTINE", "MATERIALIZE"))]
        found = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).mappings().all()
        return [
            f"{row['type']} {row['table']} {row['key']} {row['Extra']}"
            for row in found
            if not str(row["table"]).startswith("<derived")
        ]


_NO_TABLES = {
    f"SCAN {name}" for name in ("chosen", "some", "looked_at", "kept", "ended", "dead_letters")
}
"""Steps over what was chosen already; in the order of its numbers, a table is its own index."""


def check(
    reader: RelationalReader, sent: list[tuple[str, Any]], index: str, *, sorts: bool
) -> None:
    """Every statement uses an index; the last that reads rows uses ``index`` and sorts nothing."""
    plans = [plan(reader, *each) for each in sent]
    assert plans
    for steps in plans:
        for step in steps:
            reads = step.startswith("SCAN") and step not in _NO_TABLES
            assert not reads or " INDEX " in step, f"reads a whole table: {step}"
            assert not step.startswith("ALL ") or "dead_letters" in step, (
                f"reads a whole table: {step}"
            )
    joined = [" | ".join(steps) for steps in plans]
    assert any(index in steps for steps in joined), f"{index} is not used: {joined}"
    if not sorts:
        for steps in joined:
            assert "TEMP B-TREE" not in steps, steps
            assert "filesort" not in steps, steps


def listed(reader: RelationalReader, chosen: Any, **shown: Any) -> Page[Any]:
    if isinstance(chosen, TransferFilter):
        return reader.list_transfers(chosen, **shown)
    if isinstance(chosen, ProcessInstanceFilter):
        return reader.process_instances(chosen, **shown)
    return reader.incidents(chosen, **shown)


FILTERS = [(chosen, name) for chosen, cases, _, _ in LISTINGS for name in cases]


@pytest.mark.parametrize(("chosen", "name"), FILTERS, ids=lambda v: getattr(v, "__name__", v))
def test_a_filter_uses_its_index(reader: RelationalReader, chosen: type[Any], name: str) -> None:
    rare, common, index = next(cases for c, cases, _, _ in LISTINGS if c is chosen)[name]
    with recorded(reader) as sent:
        page = listed(reader, chosen(**rare))
        assert 0 < page.total <= 2 * FEW
        assert page.total_is_exact
    check(reader, sent, index, sorts=True)
    if common:
        for order in ("DESC", "ASC"):
            with recorded(reader) as sent:
                page = listed(reader, chosen(**common), sorted_order=order)
                assert page.total >= ROWS - 2 * FEW
                beyond = listed(
                    reader, chosen(**common), sorted_order=order, cursor=page.next_cursor
                )
            check(reader, sent, index, sorts=False)
            assert len(page.rows) == len(beyond.rows) == 20
            assert not {row.id for row in page.rows} & {row.id for row in beyond.rows}


SORTS: list[tuple[type[Any], str, Listing]] = [
    (chosen, snake(name), listing)
    for chosen, query, listing in (
        (TransferFilter, TransfersQuery, TRANSFERS),
        (ProcessInstanceFilter, ProcessInstancesQuery, PROCESS_INSTANCES),
        (IncidentFilter, IncidentsQuery, INCIDENTS),
    )
    for name in get_args(get_type_hints(query)["sorted_by"])
]


@pytest.mark.parametrize("direction", ["DESC", "ASC"])
@pytest.mark.parametrize(
    ("chosen", "sorted_by", "listing"), SORTS, ids=lambda v: getattr(v, "__name__", str(v))[:30]
)
def test_an_order_is_that_of_an_index(
    reader: RelationalReader, chosen: type[Any], sorted_by: str, listing: Listing, direction: str
) -> None:
    shown = {"sorted_by": sorted_by, "sorted_order": direction}
    with recorded(reader) as sent:
        page = listed(reader, chosen(), **shown)
        listed(reader, chosen(), **shown, cursor=page.next_cursor)
        listed(reader, chosen(), **shown, page=400)
    check(reader, sent, listing.indexes[sorted_by] or "", sorts=False)


def test_dead_letters_are_read_in_their_order(reader: RelationalReader) -> None:
    with recorded(reader) as sent:
        reader.dead_letters(state="OPEN")
        reader.dead_letters(state=None)
    check(reader, sent, "", sorts=False)


def test_two_filters_that_most_meet_are_walked(reader: RelationalReader) -> None:
    """The better index is walked in order, and what the other refuses is left out."""
    chosen = TransferFilter(status="COMPLETED", payer_dfsp_id="common")
    with recorded(reader) as sent:
        page = reader.list_transfers(chosen)
    check(reader, sent, "ix_transfers_payer_dfsp_id_started_at", sorts=True)
    assert (len(page.rows), page.total_is_exact) == (20, False)


def test_what_cannot_meet_both_is_known_at_once(reader: RelationalReader) -> None:
    chosen = TransferFilter(status="UNKNOWN", payer_dfsp_id="common", currency="EUR")
    with recorded(reader) as sent:
        page = reader.list_transfers(chosen, sorted_by="amount")
    check(reader, sent, "ix_transfers_status_started_at", sorts=True)
    assert (page.rows, page.total, page.total_is_exact) == ([], 0, True)


def test_the_indexes_are_documented() -> None:
    text = (Path(__file__).parents[3] / "docs/data.md").read_text(encoding="utf-8")
    for listing in (TRANSFERS, PROCESS_INSTANCES, INCIDENTS):
        for name in filter(None, listing.indexes.values()):
            assert f"`{name.removeprefix('ix_')}`" in text, name


def test_no_index_is_for_nothing() -> None:
    for listing in (TRANSFERS, PROCESS_INSTANCES, INCIDENTS):
        kept = {index.name for index in listing.table.indexes}
        assert kept == set(filter(None, listing.indexes.values()))
