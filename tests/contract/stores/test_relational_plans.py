"""What a listing costs does not grow with what it does not show: every filter has its index.

Asked of the database itself, with enough rows for its optimizer to care.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest
from relational_runtimes import Runtime
from sqlalchemy import Engine, Select, Table, text

from phee.stores.relational import tables
from phee.stores.relational.filters import (
    IncidentFilter,
    ProcessInstanceFilter,
    TransferFilter,
    between,
    equal_conditions,
    order,
    transfer_conditions,
)

START = 1_760_000_000_000
ROWS = 6_000
FEW = 20
"""Rows that a filter finds."""


def transfer(number: int) -> dict[str, Any]:
    rare = number < FEW
    return {
        "epoch": 1,
        "workflow_instance_key": number,
        "transaction_id": f"tx-{number}",
        "client_correlation_id": f"corr-{number}",
        "batch_id": f"batch-{number // FEW}",
        "amount": Decimal(number // FEW),
        "currency": "XAU" if rare else "EUR",
        "direction": "UNKNOWN" if rare else "INCOMING",
        "payer_party_id": f"p{number // FEW}",
        "payer_party_id_type": "ALIAS" if rare else "MSISDN",
        "payee_party_id": f"p{number // FEW + 1}",
        "payee_party_id_type": "ALIAS" if rare else "IBAN",
        "payer_dfsp_id": f"bank{number // FEW}",
        "payee_dfsp_id": f"bank{number // FEW + 1}",
        "status": "UNKNOWN" if rare else "COMPLETED",
        "started_at": START + number,
    }


def instance(number: int) -> dict[str, Any]:
    return {
        "epoch": 1, "process_instance_key": number, "version": 1, "flow": "p",
        "bpmn_process_id": f"p{number // FEW}", "process_definition_key": number // FEW,
        "parent_process_instance_key": number // FEW,
        "state": "ACTIVE" if number < FEW else "COMPLETED", "started_at": START + number,
    }  # fmt: skip


def incident(number: int) -> dict[str, Any]:
    return {
        "epoch": 1, "incident_key": number, "process_instance_key": number // FEW,
        "process_definition_key": 1, "bpmn_process_id": f"p{number // FEW}", "element_id": "e",
        "error_type": f"T{number // FEW}", "state": "OPEN" if number < FEW else "RESOLVED",
        "created_at": START + number,
    }  # fmt: skip


TRANSFERS: dict[str, Any] = {
    "payer_party_id": "p7", "payee_party_id": "p7", "payer_dfsp_id": "bank7",
    "payee_dfsp_id": "bank7", "transaction_id": "tx-7", "status": "UNKNOWN",
    "amount": Decimal(7), "currency": "XAU", "direction": "UNKNOWN",
    "client_correlation_id": "corr-7", "party_id": "p7", "party_id_type": "ALIAS",
    "start_from": START + ROWS - FEW, "start_to": START + FEW, "batch_id": "batch-7",
    "workflow_instance_key": 7,
}  # fmt: skip
INSTANCES: dict[str, Any] = {
    "process_instance_key": 7, "bpmn_process_id": "p7", "state": "ACTIVE",
    "parent_process_instance_key": 7, "process_definition_key": 7,
    "start_from": START + ROWS - FEW, "start_to": START + FEW,
}  # fmt: skip
INCIDENTS: dict[str, Any] = {
    "process_instance_key": 7, "state": "OPEN", "error_type": "T7", "bpmn_process_id": "p7",
    "incident_key": 7,
}  # fmt: skip


def test_every_filter_is_asked_about() -> None:
    for chosen, asked in (
        (TransferFilter, TRANSFERS),
        (ProcessInstanceFilter, INSTANCES),
        (IncidentFilter, INCIDENTS),
    ):
        assert {field.name for field in fields(chosen)} == set(asked)  # type: ignore[arg-type]


@pytest.fixture
def engine(runtime: Runtime) -> Iterator[Engine]:
    engine = runtime.engine("rhino")
    with engine.begin() as connection:
        for table, row in (
            (tables.transfers, transfer),
            (tables.process_instances, instance),
            (tables.incidents, incident),
        ):
            connection.execute(table.insert(), [row(number) for number in range(ROWS)])
    with engine.connect() as connection:
        for name in ("transfers", "process_instances", "incidents"):
            connection.execute(
                text(f"ANALYZE {'' if runtime.name == 'sqlite' else 'TABLE '}{name}")
            )
    yield engine
    engine.dispose()


def plan(engine: Engine, query: Select[Any]) -> list[str]:
    sql = query.compile(engine, compile_kwargs={"literal_binds": True}).string.replace("%%", "%")
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")]
        rows = connection.exec_driver_sql(f"EXPLAIN {sql}").mappings().all()
        return [f"{row['type']} {row['key']} {row['Extra']}" for row in rows]


def is_indexed(step: str) -> bool:
    """Whether a step of a plan finds its rows by an index."""
    first = step.split()[0]
    if first in ("SEARCH", "SCAN", "USE", "MULTI-INDEX", "INDEX"):
        return first != "SCAN"
    return first in ("const", "ref", "range", "index_merge", "ref_or_null")


def conditions(table: Table, name: str, value: Any) -> list[Any]:
    if table is tables.transfers:
        return transfer_conditions(TransferFilter(**{name: value}))
    if name in ("start_from", "start_to"):
        chosen = ProcessInstanceFilter(**{name: value})
        return between(table.c.started_at, chosen.start_from, chosen.start_to)
    chosen_class = IncidentFilter if table is tables.incidents else ProcessInstanceFilter
    return equal_conditions(table, chosen_class(**{name: value}), (name,))


def test_every_filter_has_an_index(engine: Engine) -> None:
    for table, asked in (
        (tables.transfers, TRANSFERS),
        (tables.process_instances, INSTANCES),
        (tables.incidents, INCIDENTS),
    ):
        for name, value in asked.items():
            steps = plan(engine, table.select().where(*conditions(table, name, value)))
            assert all(map(is_indexed, steps)), f"{table.name}.{name}: {steps}"


PAGES: list[tuple[Table, str, dict[str, Any]]] = [
    (tables.transfers, "started_at", {}),
    (tables.transfers, "started_at", {"status": "COMPLETED"}),
    (tables.transfers, "started_at", {"direction": "INCOMING"}),
    (tables.transfers, "started_at", {"payer_party_id": "p7"}),
    (tables.transfers, "amount", {}),
    (tables.process_instances, "started_at", {}),
    (tables.process_instances, "started_at", {"state": "COMPLETED"}),
    (tables.incidents, "created_at", {}),
    (tables.incidents, "created_at", {"state": "RESOLVED"}),
]


def test_a_page_is_read_in_the_order_of_an_index(engine: Engine) -> None:
    for table, sorted_by, filtered in PAGES:
        order_by = order(table, sorted_by, "DESC", allowed=(sorted_by,))
        query = table.select().order_by(*order_by).limit(20)
        for name, value in filtered.items():
            query = query.where(table.c[name] == value)
        (step,) = plan(engine, query)
        assert "filesort" not in step, (table.name, sorted_by, filtered)
        assert "TEMP B-TREE" not in step, (table.name, sorted_by, filtered)
        assert " ix_" in step, (table.name, sorted_by, filtered)
