"""What listings can be narrowed by and sorted by; values are checked before SQL sees them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, and_, or_

from phee.errors import InvalidInput
from phee.stores.relational import tables

TRANSFER_STATUSES = ("IN_PROGRESS", "COMPLETED", "FAILED", "EXCEPTION", "UNKNOWN")
DIRECTIONS = ("INCOMING", "OUTGOING", "UNKNOWN")
PAGE_SIZE_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferFilter:
    """Which transfers: every field that is set must match exactly.

    ``party_id`` matches payer or payee, ``party_id_type`` likewise (the same party when both are
    set); ``start_from`` and ``start_to`` (ms since 1970 UTC, both inclusive) bound ``started_at``.
    """

    payer_party_id: str | None = None
    payee_party_id: str | None = None
    payer_dfsp_id: str | None = None
    payee_dfsp_id: str | None = None
    transaction_id: str | None = None
    status: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    direction: str | None = None
    client_correlation_id: str | None = None
    party_id: str | None = None
    party_id_type: str | None = None
    start_from: int | None = None
    start_to: int | None = None
    batch_id: str | None = None
    workflow_instance_key: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFilter:
    """Which incidents; ``state`` is OPEN or RESOLVED."""

    process_instance_key: int | None = None
    state: str | None = None
    error_type: str | None = None
    bpmn_process_id: str | None = None
    incident_key: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessInstanceFilter:
    """Which process instances; ``state`` is ACTIVE, COMPLETED or TERMINATED."""

    process_instance_key: int | None = None
    bpmn_process_id: str | None = None
    state: str | None = None
    parent_process_instance_key: int | None = None
    start_from: int | None = None
    start_to: int | None = None


EQUAL = (
    "payer_party_id",
    "payee_party_id",
    "payer_dfsp_id",
    "payee_dfsp_id",
    "transaction_id",
    "client_correlation_id",
    "status",
    "amount",
    "currency",
    "direction",
    "batch_id",
    "workflow_instance_key",
)


def transfer_conditions(chosen: TransferFilter) -> list[ColumnElement[bool]]:
    """Return the SQL conditions of ``chosen``.

    Raises:
        InvalidInput: a status or direction that does not exist.
    """
    check_choice("status", chosen.status, TRANSFER_STATUSES)
    check_choice("direction", chosen.direction, DIRECTIONS)
    columns = tables.transfers.c
    return (
        equal_conditions(tables.transfers, chosen, EQUAL)
        + _party_conditions(chosen)
        + between(columns.started_at, chosen.start_from, chosen.start_to)
    )


def _party_conditions(chosen: TransferFilter) -> list[ColumnElement[bool]]:
    sides = [party_of(chosen, side) for side in ("payer", "payee")]
    if not sides[0]:
        return []
    columns = tables.transfers.c
    return [or_(*(and_(*(columns[f] == v for f, v in side.items())) for side in sides))]


def party_of(chosen: TransferFilter, side: str) -> dict[str, str]:
    """Return what ``party_id`` and ``party_id_type`` ask of one side (payer or payee)."""
    wanted = {"party_id": chosen.party_id, "party_id_type": chosen.party_id_type}
    return {f"{side}_{field}": value for field, value in wanted.items() if value is not None}


def equal_conditions(table: Table, chosen: Any, fields: tuple[str, ...]) -> list[Any]:
    """Return one equality for each of ``fields`` that is set in ``chosen``."""
    return [
        table.c[field] == value for field in fields if (value := getattr(chosen, field)) is not None
    ]


def between(column: Column[Any], start: Any, end: Any) -> list[ColumnElement[bool]]:
    """Return the conditions of an inclusive range with open ends."""
    conditions: list[ColumnElement[bool]] = []
    if start is not None:
        conditions.append(column >= start)
    if end is not None:
        conditions.append(column <= end)
    return conditions


def check_choice(name: str, value: str | None, choices: tuple[str, ...]) -> None:
    """Accept None or one of ``choices``.

    Raises:
        InvalidInput: it is neither.
    """
    if value is not None and value not in choices:
        raise InvalidInput(f"{name} is not known", where=name, fix=f"Use one of {choices}")


def check_page(page: int, size: int, cursor: str = "") -> None:
    """Accept a page number from 0 or a cursor, and a size from 1 to 10,000.

    Raises:
        InvalidInput: one is out of range, or both a page number and a cursor are given.
    """
    if page < 0:
        raise InvalidInput("page must not be negative", where="page")
    if page and cursor:
        raise InvalidInput("page and cursor exclude each other", where="cursor", fix="Send one")
    if not 1 <= size <= PAGE_SIZE_MAX:
        raise InvalidInput(f"size must be between 1 and {PAGE_SIZE_MAX}", where="size")
