"""Answers of the search store from SQLite, for readers.

A reader belongs to one tenant. What people type never becomes part of a query's syntax: words are
quoted, fields come from fixed lists, values are bound.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import time
from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Engine, Select, and_, func, literal_column, or_, select, text

from phee.errors import InvalidInput, TimedOut
from phee.stores.money import money_sum, sum_columns
from phee.stores.paths import search_path
from phee.stores.relational.queries import RelationalReader
from phee.stores.search.query import (
    FILTER_FIELDS,
    KINDS,
    RANGE_FIELDS,
    TEXT_FIELDS,
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

SIZE_MAX = 1_000
BUCKETS_MAX = 10_000
TEXT_MAX = 1_000
POLL_S_MIN = 0.002
POLL_S_MAX = 0.05
_WORD = re.compile(r'"([^"]*)"|(\S+)')


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
        if not 1 <= query.size <= SIZE_MAX or query.offset < 0:
            raise InvalidInput(f"size must be between 1 and {SIZE_MAX}, offset not negative")
        conditions = _conditions(query)
        moment, key = _moment(), documents.c.key
        order = (
            [moment.desc(), key.desc(), documents.c.id.desc()]
            if query.newest_first
            else [moment, key, documents.c.id]
        )
        page = (
            select(*(documents.c[name] for name in Document.__struct_fields__), documents.c.id)
            .where(*conditions, *_after_cursor(query))
            .order_by(*order)
            .limit(query.size + 1)
            .offset(query.offset)
        )
        count = select(func.count()).select_from(documents).where(*conditions)
        with self._engine.begin() as connection:
            total = connection.execute(count).scalar_one()
            rows = connection.execute(page).mappings().all()
        shown = [dict(row) for row in rows[: query.size]]
        ids = [row.pop("id") for row in shown]
        more = len(rows) > query.size
        cursor = _cursor(shown[-1], ids[-1], query) if more else ""
        return Hits(total, [Document(**row) for row in shown], cursor)

    def histogram(self, query: SearchQuery, *, interval_ms: int) -> Histogram:
        """See SearchStore. Documents without a start are left out."""
        if interval_ms < 1:
            raise InvalidInput("the interval must be at least 1 ms", where="interval")
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
            .limit(BUCKETS_MAX + 1)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(statement).all()
        if len(rows) > BUCKETS_MAX:
            raise InvalidInput(
                f"the histogram has more than {BUCKETS_MAX} buckets",
                where="interval",
                fix="Use a longer interval, or bound started_at",
            )
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
    unknown_kinds = set(query.kinds) - set(KINDS)
    if unknown_kinds:
        raise InvalidInput(f"kinds are not known: {sorted(unknown_kinds)}", fix=f"Use {KINDS}")
    conditions: list[ColumnElement[bool]] = []
    if query.kinds:
        conditions.append(documents.c.kind.in_(query.kinds))
    for name, value in query.filters.items():
        conditions.append(documents.c[_known(name, FILTER_FIELDS)] == _typed(name, value))
    for name, (lowest, highest) in query.ranges.items():
        column = documents.c[_known(name, RANGE_FIELDS)]
        if lowest is not None:
            conditions.append(column >= _typed(name, lowest))
        if highest is not None:
            conditions.append(column <= _typed(name, highest))
    return conditions + _text_condition(query)


def _text_condition(query: SearchQuery) -> list[ColumnElement[bool]]:
    match = _match(query.text, query.fields)
    if not match:
        return []
    matching = text(
        "documents.id IN (SELECT rowid FROM documents_text WHERE documents_text MATCH :match)"
    )
    return [matching.bindparams(match=match)]  # type: ignore[list-item]


def _match(words: str, fields: Sequence[str]) -> str:
    """Return an FTS5 query in which everything typed is a quoted string."""
    if len(words) > TEXT_MAX:
        raise InvalidInput(f"the text is longer than {TEXT_MAX} characters", where="text")
    terms = []
    for phrase, word in _WORD.findall(words.replace("\0", " ")):
        plain = (phrase or word.rstrip("*")).replace('"', " ").strip()
        if any(character.isalnum() for character in plain):
            terms.append(f'"{plain}"' + ("*" if word.endswith("*") else ""))
    if not terms:
        if words.strip():
            raise InvalidInput(
                "the text has no letter or digit to look for",
                where="text",
                fix="Name a word or a number that must occur",
            )
        return ""
    columns = " ".join(_known(name, TEXT_FIELDS) for name in fields)
    found = " AND ".join(terms)
    return f"{{{columns}}} : ({found})" if columns else found


def _known(name: str, allowed: Sequence[str]) -> str:
    if name not in allowed:
        raise InvalidInput(f"there is no field {name[:64]!r} here", fix=f"Use one of {allowed}")
    return name


def _typed(name: str, value: object) -> object:
    if name == "amount":
        if isinstance(value, bool) or not isinstance(value, Decimal | int):
            raise InvalidInput("an amount must be an exact number", where=name)
        return Decimal(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidInput("a filter value must be a text or a whole number", where=name)
    return value


# --- cursors: where a page ended, for the one that follows ---


def _moment() -> ColumnElement[int]:
    return func.coalesce(documents.c.started_at, literal_column("-1"))


def _cursor(row: dict[str, Any], row_id: int, query: SearchQuery) -> str:
    started = row["started_at"]
    place = (-1 if started is None else started, row["key"], row_id, query.newest_first)
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(place)).decode().rstrip("=")


def _after_cursor(query: SearchQuery) -> list[ColumnElement[bool]]:
    if not query.cursor:
        return []
    try:
        content = base64.urlsafe_b64decode(query.cursor + "=" * (-len(query.cursor) % 4))
        place = msgspec.msgpack.decode(content, type=tuple[int, int, int, bool])
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise InvalidInput(
            "the cursor is not one of ours", where="cursor", fix="Send nextCursor as it was given"
        ) from None
    if place[3] != query.newest_first:
        raise InvalidInput(
            "the cursor belongs to the other order",
            where="cursor",
            fix="Send it with the sort order it was given for, or begin again without it",
        )
    return [_beyond(place[:3], newest_first=query.newest_first)]


def _beyond(place: tuple[int, int, int], *, newest_first: bool) -> ColumnElement[bool]:
    columns: list[ColumnElement[int]] = [_moment(), documents.c.key, documents.c.id]
    alternatives = []
    for index, column in enumerate(columns):
        same = [columns[i] == place[i] for i in range(index)]
        further = column < place[index] if newest_first else column > place[index]
        alternatives.append(and_(*same, further))
    return or_(*alternatives)
