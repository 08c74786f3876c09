"""The listings of the relational store: which index serves which filter and which order.

Every filter and every order that the operations API offers is here, and the other way round; what
is not here cannot be asked for. ``docs/data.md`` shows the same as a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, not_

from phee.stores.listing import Listing, Part
from phee.stores.order import Conditions, Order
from phee.stores.relational import tables
from phee.stores.relational.filters import (
    DIRECTIONS,
    EQUAL,
    TRANSFER_STATUSES,
    IncidentFilter,
    ProcessInstanceFilter,
    TransferFilter,
    between,
    check_choice,
    party_of,
)


def _in_time(table: Table, moment: str, *names: str) -> dict[str, str | None]:
    """The indexes on a column and the moment, by column."""
    return {
        name: "_".join(["ix", table.name, *(table.c[c].name for c in (name, moment))])
        for name in names
    }


TRANSFERS = Listing(
    tables.transfers,
    {
        "workflow_instance_key": None,
        **_in_time(
            tables.transfers, "started_at", "transaction_id", "client_correlation_id",
            "payer_party_id", "payee_party_id", "batch_id", "amount", "payer_dfsp_id",
            "payee_dfsp_id", "payer_party_id_type", "payee_party_id_type", "currency", "status",
            "direction", "completed_at",
        ),
        "started_at": "ix_transfers_started_at",
    },
    "started_at",
)  # fmt: skip
PROCESS_INSTANCES = Listing(
    tables.process_instances,
    {
        "process_instance_key": None,
        **_in_time(
            tables.process_instances, "started_at", "parent_process_instance_key",
            "bpmn_process_id", "state", "ended_at",
        ),
        "started_at": "ix_process_instances_started_at",
    },
    "started_at",
)  # fmt: skip
INCIDENTS = Listing(
    tables.incidents,
    {
        "incident_key": None,
        "process_instance_key": "ix_incidents_process_instance_key_state",
        **_in_time(
            tables.incidents, "created_at", "error_type", "bpmn_process_id", "state", "resolved_at"
        ),
        "created_at": "ix_incidents_created_at",
    },
    "created_at",
)
DEAD_LETTERS = Listing(tables.dead_letters, {"state": "ix_dead_letters_state_id", "id": None}, "id")
_SORTED_BY_NAME = {
    "transfers": "workflow_instance_key",
    "process_instances": "process_instance_key",
    "incidents": "incident_key",
}


def order(listing: Listing, sorted_by: str, sorted_order: str, parts: Sequence[Part]) -> Order:
    """Return the total order of a listing.

    Rows that are equal in ``sorted_by`` are in the order in time, then in that of their numbers. A
    column that a filter fixes orders nothing.

    Raises:
        InvalidInput: a column that has no index, or an order that is not ASC or DESC.
    """
    check_choice("sorted_by", sorted_by, tuple(listing.indexes))
    check_choice("sorted_order", sorted_order, ("ASC", "DESC"))
    table, moment = listing.table, listing.column(listing.moment)
    first = moment if all(sorted_by in part.equal for part in parts) else listing.column(sorted_by)
    second = table.c.epoch if sorted_by == _SORTED_BY_NAME.get(table.name) else moment
    is_unique = second is not moment and first is not moment
    columns = (first, second) if is_unique else tuple(dict.fromkeys((first, moment, table.c.id)))
    return Order(columns, descending=sorted_order == "DESC")


def transfer_parts(chosen: TransferFilter) -> list[Part]:
    """Return the parts of a listing of transfers: the payer's, then what is the payee's alone.

    Raises:
        InvalidInput: a status or direction that does not exist.
    """
    check_choice("status", chosen.status, TRANSFER_STATUSES)
    check_choice("direction", chosen.direction, DIRECTIONS)
    columns = tables.transfers.c
    equal = _equal(chosen, EQUAL)
    ranges = _times(columns.started_at, chosen)
    payer, payee = party_of(chosen, "payer"), party_of(chosen, "payee")
    if not payer:
        return [Part(equal=equal, ranges=ranges)]
    parts: list[Part] = []
    earlier: Conditions = ()
    for side in (payer, payee):
        clashes = any(equal.get(name, value) != value for name, value in side.items())
        if not clashes:
            parts.append(Part(equal=equal | side, ranges=ranges, rest=earlier))
        earlier = (_differs(side),)
    return parts


def instance_parts(chosen: ProcessInstanceFilter) -> list[Part]:
    """Return the one part of a listing of process instances."""
    names = ("process_instance_key", "bpmn_process_id", "state", "parent_process_instance_key")
    started_at = tables.process_instances.c.started_at
    return [Part(equal=_equal(chosen, names), ranges=_times(started_at, chosen))]


def incident_parts(chosen: IncidentFilter) -> list[Part]:
    """Return the one part of a listing of incidents."""
    names = ("process_instance_key", "state", "error_type", "bpmn_process_id", "incident_key")
    return [Part(equal=_equal(chosen, names), ranges={})]


def _differs(side: dict[str, str]) -> ColumnElement[bool]:
    """That not all of these are equal; NULL is equal to nothing."""
    columns = tables.transfers.c
    same = [columns[name].is_not_distinct_from(value) for name, value in side.items()]
    return not_(same[0] & same[1] if len(same) > 1 else same[0])


def _equal(chosen: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(chosen, name)) is not None}


def _times(
    column: Column[Any], chosen: TransferFilter | ProcessInstanceFilter
) -> dict[str, Conditions]:
    bounds = between(column, chosen.start_from, chosen.start_to)
    return {"started_at": tuple(bounds)} if bounds else {}
