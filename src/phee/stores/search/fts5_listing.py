"""The listing of documents: which index serves which filter of a search, and which order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement

from phee.stores.listing import Listing, Part
from phee.stores.order import Conditions, Order
from phee.stores.search.query import SearchQuery
from phee.stores.search.tables import FILTERED_BY, documents, index_name, moment

DOCUMENTS = Listing(
    documents,
    {
        "process_instance_key": "ix_documents_process_instance_key_kind",
        **{name: index_name(name) for name in FILTERED_BY},
        "completed_at": "ix_documents_completed_at",
        "started_at": "ix_documents_in_time",
    },
    "started_at",
    {"started_at": moment},
)


def order_of(query: SearchQuery) -> Order:
    """Return the total order of the hits."""
    return Order((moment, documents.c.key, documents.c.id), descending=query.newest_first)


def parts_of(query: SearchQuery) -> list[Part]:
    """Return the parts of a search: one for each kind of documents."""
    equal = {name: _typed(name, value) for name, value in query.filters.items()}
    ranges = _ranges(query)
    kinds = [{"kind": kind} for kind in dict.fromkeys(query.kinds)] or [{}]
    return [Part(equal=equal | kind, ranges=ranges) for kind in kinds]


def _ranges(query: SearchQuery) -> dict[str, Conditions]:
    ranges: dict[str, Conditions] = {}
    for name, (lowest, highest) in query.ranges.items():
        column: ColumnElement[Any] = moment if name == "started_at" else documents.c[name]
        conditions = []
        if lowest is not None:
            conditions.append(column >= _typed(name, lowest))
        if highest is not None:
            conditions.append(column <= _typed(name, highest))
        if conditions and name == "started_at":
            conditions.append(column >= 0)  # without a start is not within bounds
        if conditions:
            ranges[name] = tuple(conditions)
    return _begun_before_the_end(query, ranges)


def _begun_before_the_end(
    query: SearchQuery, ranges: dict[str, Conditions]
) -> dict[str, Conditions]:
    """Bound the start too where the end is bounded above: the order in time begins there then."""
    _, ended = query.ranges.get("completed_at", (None, None))
    if ended is None:
        return ranges
    return ranges | {"started_at": (*ranges.get("started_at", ()), moment <= ended)}


def _typed(name: str, value: str | int | Decimal) -> Any:
    return Decimal(value) if name == "amount" else value
