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
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, func, literal_column, select

from phee.errors import TimedOut
from phee.stores.listing import Asked
from phee.stores.money import money_sum, sum_columns
from phee.stores.order import Place
from phee.stores.paths import search_path
from phee.stores.relational.queries import RelationalReader
from phee.stores.search import checks
from phee.stores.search.checks import check_interval, check_query, terms_of
from phee.stores.search.cursors import cursor_of, place_of
from phee.stores.search.fts5_listing import DOCUMENTS, order_of, parts_of
from phee.stores.search.fts5_words import is_rare, match_condition, matcher
from phee.stores.search.query import (
    Bucket,
    Document,
    Histogram,
    Hits,
    SearchQuery,
    TimeBucket,
)
from phee.stores.search.tables import documents, watermarks
from phee.stores.sqlite import reader_engine
from phee.stores.watermarks import position_reached

POLL_S_MIN = 0.002
POLL_S_MAX = 0.05


def open_search(data: Path, tenant_id: str) -> Fts5Search:
    """Return a reader of one tenant's embedded search store (opened at the first query)."""
    return Fts5Search(reader_engine(search_path(data, tenant_id)))


def open_letters(data: Path, tenant_id: str) -> RelationalReader:
    """Return a reader of a search store's dead letters; its other listings do not exist."""
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
        parts, order = parts_of(query), order_of(query)
        with self._engine.begin() as connection:
            accepts = None
            if terms and is_rare(connection, terms):
                few = match_condition(terms, query.fields)
                parts = [replace(part, few=few) for part in parts]
            elif terms:
                accepts = matcher(terms, query.fields)
            asked = Asked(
                order=order,
                place=_place(query),
                offset=query.offset,
                size=query.size,
                accepts=accepts,
            )
            found = DOCUMENTS.page(connection, _COLUMNS, parts, asked)
        fields = Document.__struct_fields__
        shown = [Document(**dict(zip(fields, row, strict=False))) for row in found.rows]
        return Hits(found.total, shown, _cursor(found.end, query), found.is_exact)

    def histogram(self, query: SearchQuery, *, interval_ms: int) -> Histogram:
        """See SearchStore. Documents without a start are left out."""
        check_interval(interval_ms)
        check_query(query)
        rows = self._bucket_rows(query, interval_ms)
        buckets = []
        for start, group in groupby(rows, key=lambda row: row[0]):
            by_status = [
                Bucket(status=status, currency=currency, count=count, amount=money_sum(*sums))
                for _, status, currency, count, *sums in group
            ]
            total = sum(bucket.count for bucket in by_status)
            buckets.append(TimeBucket(start=start, count=total, by_status=by_status))
        return Histogram(interval_ms=interval_ms, buckets=buckets)

    def _bucket_rows(self, query: SearchQuery, interval_ms: int) -> Sequence[Any]:
        columns = documents.c
        # Whole-number division: what SQLAlchemy writes for // would round through a float.
        start: Any = literal_column(f"documents.started_at / {interval_ms:d} * {interval_ms:d}")
        sums: list[Any] = [literal_column(part) for part in sum_columns("documents.amount")]
        statement: Select[Any] = (
            select(start, columns.status, columns.currency, func.count(), *sums)
            .where(*_conditions(query), columns.started_at.is_not(None))
            .group_by(start, columns.status, columns.currency)
            .order_by(start, columns.status, columns.currency)
            .limit(checks.BUCKETS_MAX + 1)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(statement).all()
        if len(rows) > checks.BUCKETS_MAX:
            raise checks.too_many_buckets()
        return rows

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
    return [match_condition(terms, query.fields)] if terms else []


def _typed(name: str, value: str | int | Decimal) -> object:
    return Decimal(value) if name == "amount" else value


def _cursor(place: Place | None, query: SearchQuery) -> str:
    if place is None:
        return ""
    moment, key, row_id = place
    return cursor_of((moment, key, row_id), newest_first=query.newest_first)


def _place(query: SearchQuery) -> Place | None:
    if not query.cursor:
        return None
    return place_of(query.cursor, tuple[int, int, int], newest_first=query.newest_first)
