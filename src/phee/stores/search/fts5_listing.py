"""The listing of documents: which index serves which filter of a search, and which order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from phee.stores.listing import Listing, Part
from phee.stores.money import money_text
from phee.stores.order import Conditions, Order
from phee.stores.search.query import SearchQuery
from phee.stores.search.tables import (
    FILTERED_BY,
    SORTED_BY,
    documents,
    index_name,
    order_index_name,
)


def _order_name(field: str) -> str:
    """The name of an order beside those of the filters."""
    return f"in order of {field}"


_STARTED = _order_name("started_at")
DOCUMENTS = Listing(
    documents,
    {
        "process_instance_key": "ix_documents_process_instance_key_kind",
        **{name: index_name(name) for name in FILTERED_BY},
        **{_order_name(field): order_index_name(field) for field in reversed(SORTED_BY)},
    },
    _STARTED,
    {_order_name(field): expression for field, expression in SORTED_BY.items()},
)


def order_of(query: SearchQuery) -> Order:
    """Return the total order of the hits."""
    columns = (SORTED_BY[query.sorted_by], documents.c.key, documents.c.id)
    return Order(columns, descending=query.newest_first)


def parts_of(query: SearchQuery) -> list[Part]:
    """Return the parts of a search: one for each kind of documents."""
    equal = {name: _typed(name, value) for name, value in query.filters.items()}
    ranges = {_order_name(name): _within(name, *query.ranges[name]) for name in query.ranges}
    fixed = query.filters.get(query.sorted_by)
    if fixed is not None:  # an order by what a filter fixes: the part of its index with that value
        value = _comparable(query.sorted_by, fixed)
        same = SORTED_BY[query.sorted_by] == value
        name = _order_name(query.sorted_by)
        ranges[name] = (*ranges.get(name, ()), same)
    _, ended = query.ranges.get("completed_at", (None, None))
    if ended is not None:  # then it began before, too: the order in time starts there
        ranges[_STARTED] = (*ranges.get(_STARTED, ()), SORTED_BY["started_at"] <= ended)
    ranges = {name: conditions for name, conditions in ranges.items() if conditions}
    kinds = [{"kind": kind} for kind in dict.fromkeys(query.kinds)] or [{}]
    return [Part(equal=equal | kind, ranges=ranges) for kind in kinds]


def _within(name: str, lowest: int | Decimal | None, highest: int | Decimal | None) -> Conditions:
    """Return the conditions of a range; a document without the field is in none."""
    expression = SORTED_BY[name]
    conditions = []
    if lowest is not None:
        conditions.append(expression >= _comparable(name, lowest))
    if highest is not None:
        conditions.append(expression <= _comparable(name, highest))
    if conditions and name == "amount":
        conditions.append(expression > "")
    elif conditions:
        conditions.append(expression >= 0)
    return tuple(conditions)


def _comparable(name: str, value: str | int | Decimal) -> Any:
    """Return a value as the order of ``name`` has it."""
    return money_text(Decimal(value)) if name == "amount" else value


def _typed(name: str, value: str | int | Decimal) -> Any:
    return Decimal(value) if name == "amount" else value
