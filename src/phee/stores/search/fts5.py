"""Answers of the search store from SQLite, for readers.

A reader belongs to one tenant. What people type never becomes part of a query's syntax: words are
quoted, fields come from fixed lists, values are bound.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from sqlalchemy import ColumnElement, Engine, select

from phee.errors import TimedOut
from phee.stores.letters import DeadLetterReader
from phee.stores.order import Place
from phee.stores.paths import search_path
from phee.stores.relational.queries import RelationalReader
from phee.stores.search import aggregations
from phee.stores.search.checks import check_query, terms_of
from phee.stores.search.cursors import cursor_of, place_of
from phee.stores.search.fts5_listing import DOCUMENTS, order_of, parts_of
from phee.stores.search.fts5_words import is_rare, looked_in, match_condition, matcher
from phee.stores.search.query import (
    Document,
    Histogram,
    Hits,
    Percentiles,
    SearchQuery,
    Terms,
)
from phee.stores.search.tables import documents, watermarks
from phee.stores.sqlite import reader_engine
from phee.stores.taking import Asked
from phee.stores.watermarks import position_reached

POLL_S_MIN = 0.002
POLL_S_MAX = 0.05


def open_search(data: Path, tenant_id: str) -> Fts5Search:
    """Return a reader of one tenant's embedded search store (opened at the first query)."""
    return Fts5Search(reader_engine(search_path(data, tenant_id)))


def open_letters(data: Path, tenant_id: str) -> DeadLetterReader:
    """Return a reader of a search store's dead letters."""
    return RelationalReader(reader_engine(search_path(data, tenant_id)))


_COLUMNS = [documents.c[name] for name in Document.__struct_fields__]


class Fts5Search:
    """A :class:`phee.stores.search.query.SearchStore` on SQLite."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """See SearchStore."""
        self._engine.dispose()

    def search(self, query: SearchQuery) -> Hits:
        """See SearchStore."""
        check_query(query)
        terms = terms_of(query.text)
        parts = parts_of(query)
        with self._engine.begin() as connection:
            accepts = None
            if terms and is_rare(connection, query, terms):
                few = match_condition(query, terms)
                parts = [replace(part, few=few) for part in parts]
            elif terms:
                accepts = matcher(query, terms)
            asked = Asked(
                order=order_of(query),
                place=_place(query),
                offset=query.offset,
                size=query.size,
                accepts=accepts,
                looks_at=tuple(documents.c[name] for name in looked_in(query)),
            )
            found = DOCUMENTS.page(connection, _COLUMNS, parts, asked)
        fields = Document.__struct_fields__
        shown = [Document(**dict(zip(fields, row, strict=False))) for row in found.rows]
        return Hits(found.total, shown, _cursor(found.end, query), found.is_exact)

    def histogram(self, query: SearchQuery, *, interval_ms: int, by: str = "status") -> Histogram:
        """See SearchStore. Documents without a start are left out."""
        return aggregations.histogram(
            self._engine, _conditions(query), interval_ms=interval_ms, by=by
        )

    def top_terms(
        self, query: SearchQuery, *, field: str, size: int = 10, by: str | None = None
    ) -> Terms:
        """See SearchStore. Exact."""
        return aggregations.top_terms(
            self._engine, _conditions(query), field=field, size=size, by=by
        )

    def percentiles(
        self,
        query: SearchQuery,
        *,
        field: str,
        percents: Sequence[Decimal],
        by: str | None = None,
    ) -> Percentiles:
        """See SearchStore. Exact: the values of the nearest rank."""
        return aggregations.percentiles(
            self._engine, _conditions(query), field=field, percents=percents, by=by
        )

    async def wait_for_position(
        self, epoch: int, partition_id: int, position: int, *, timeout_s: float
    ) -> None:
        """See SearchStore."""
        deadline = time.monotonic() + timeout_s
        pause_s = POLL_S_MIN
        while self._position(epoch, partition_id) < position:
            if time.monotonic() >= deadline:
                raise TimedOut(
                    "the search store has not caught up with this position",
                    where=f"epoch {epoch}, partition {partition_id}, position {position}",
                    fix="Read again a moment later, or without the position",
                )
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, POLL_S_MAX)

    def _position(self, epoch: int, partition_id: int) -> int:
        columns = watermarks.c
        query = select(columns.lane, columns.position).where(
            columns.epoch == epoch, columns.partition_id == partition_id
        )
        with self._engine.connect() as connection:
            return position_reached((row.lane, row.position) for row in connection.execute(query))


def _conditions(query: SearchQuery) -> list[ColumnElement[bool]]:
    check_query(query)
    conditions: list[ColumnElement[bool]] = []
    if query.kinds:
        conditions.append(documents.c.kind.in_(query.kinds))
    for name, value in query.filters.items():
        conditions.append(documents.c[name] == _typed(name, value))
    for name, (lowest, highest) in query.ranges.items():
        column = documents.c[name]
        if lowest is not None:
            conditions.append(column >= _typed(name, lowest))
        if highest is not None:
            conditions.append(column <= _typed(name, highest))
    return conditions + _text_condition(query)


def _text_condition(query: SearchQuery) -> list[ColumnElement[bool]]:
    terms = terms_of(query.text)
    return [match_condition(query, terms)] if terms else []


def _typed(name: str, value: str | int | Decimal) -> object:
    return Decimal(value) if name == "amount" else value


def _cursor(place: Place | None, query: SearchQuery) -> str:
    if place is None:
        return ""
    value, key, row_id = place
    return cursor_of((value, key, row_id), order=query.order)


def _place(query: SearchQuery) -> Place | None:
    if not query.cursor:
        return None
    if query.sorted_by in {"started_at", "completed_at"}:
        return place_of(query.cursor, tuple[int, int, int], order=query.order)
    return place_of(query.cursor, tuple[str, int, int], order=query.order)
