"""Answers of the search store from SQLite, for readers.

A reader belongs to one tenant. What people type never becomes part of a query's syntax: words are
quoted, fields come from fixed lists, values are bound.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Engine, and_, func, literal_column, or_, select, text

from phee.errors import TimedOut
from phee.stores.paths import search_path
from phee.stores.relational.queries import RelationalReader
from phee.stores.search import aggregations
from phee.stores.search.checks import Term, check_query, terms_of
from phee.stores.search.cursors import cursor_of, place_of
from phee.stores.search.query import (
    SORT_FIELDS,
    TEXT_FIELDS,
    Document,
    Histogram,
    Hits,
    Percentiles,
    SearchQuery,
    Terms,
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


class Fts5Search:
    """A :class:`phee.stores.search.query.SearchStore` on SQLite."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """See SearchStore."""
        self._engine.dispose()

    def search(self, query: SearchQuery) -> Hits:
        """See SearchStore."""
        conditions = _conditions(query)
        place = _place(query)
        fields = [documents.c[name] for name in Document.__struct_fields__]
        page = (
            select(*fields, place[0].label("sorted_by"), documents.c.id)
            .where(*conditions, *_after_cursor(query, place))
            .order_by(*(part.desc() if query.newest_first else part for part in place))
            .limit(query.size + 1)
            .offset(query.offset)
        )
        count = select(func.count()).select_from(documents).where(*conditions)
        with self._engine.begin() as connection:
            total = connection.execute(count).scalar_one()
            rows = connection.execute(page).mappings().all()
        shown = [dict(row) for row in rows[: query.size]]
        places = [(row.pop("sorted_by"), row["key"], row.pop("id")) for row in shown]
        cursor = cursor_of(places[-1], order=query.order) if len(rows) > query.size else ""
        return Hits(total, [Document(**row) for row in shown], cursor)

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
    match = _match(query)
    if not match:
        return []
    matching = text(
        "documents.id IN (SELECT rowid FROM documents_text WHERE documents_text MATCH :match)"
    )
    return [matching.bindparams(match=match)]  # type: ignore[list-item]


def _match(query: SearchQuery) -> str:
    """Return an FTS5 query in which everything typed is a quoted string."""
    return " AND ".join(
        _containing(term, query, query.fields or TEXT_FIELDS) for term in terms_of(query.text)
    )


def _containing(term: Term, query: SearchQuery, fields: Sequence[str]) -> str:
    clear = [name for name in fields if name not in query.masked]
    masked = [name for name in fields if name in query.masked]
    token = query.tokens.get(term.text)
    found = [f'{{{" ".join(clear)}}} : "{term.text}"' + ("*" if term.is_prefix else "")]
    if masked and token is not None:
        found.append(f'{{{" ".join(masked)}}} : "{token}"')
    return f"({' OR '.join(found if clear else found[1:])})"


def _typed(name: str, value: str | int | Decimal) -> object:
    return Decimal(value) if name == "amount" else value


_SORTED: dict[str, ColumnElement[Any]] = {
    name: literal_column(f"coalesce(documents.{name}, {least})")
    for name, least in {
        **dict.fromkeys(SORT_FIELDS, "''"),
        "started_at": "-1",
        "completed_at": "-1",
    }.items()
}
"""A document without the field comes before all others."""


def _place(query: SearchQuery) -> list[ColumnElement[Any]]:
    return [_SORTED[query.sorted_by], documents.c.key, documents.c.id]


def _after_cursor(
    query: SearchQuery, columns: list[ColumnElement[Any]]
) -> list[ColumnElement[bool]]:
    if not query.cursor:
        return []
    place: tuple[int | str, int, int]
    if query.sorted_by in {"started_at", "completed_at"}:
        place = place_of(query.cursor, tuple[int, int, int], order=query.order)
    else:
        place = place_of(query.cursor, tuple[str, int, int], order=query.order)
    alternatives = []
    for index, column in enumerate(columns):
        same = [columns[i] == place[i] for i in range(index)]
        further = column < place[index] if query.newest_first else column > place[index]
        alternatives.append(and_(*same, further))
    return [or_(*alternatives)]
