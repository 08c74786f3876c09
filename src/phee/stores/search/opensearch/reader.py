"""Answers of a search server, for readers of one tenant."""

from __future__ import annotations

import asyncio
import threading
import time
from decimal import Decimal
from itertools import groupby
from typing import Any

import msgspec

from phee.errors import InvariantBroken, TimedOut, Unavailable
from phee.stores.money import trimmed
from phee.stores.search import checks
from phee.stores.search.checks import check_interval
from phee.stores.search.cursors import cursor_of
from phee.stores.search.opensearch.document import StoredDocument
from phee.stores.search.opensearch.indices import TenantIndices, path_of
from phee.stores.search.opensearch.requests import histogram_body, search_body
from phee.stores.search.opensearch.server import Answer, SearchServer
from phee.stores.search.opensearch.watermarks import Watermark
from phee.stores.search.query import Bucket, Histogram, Hits, SearchQuery, TimeBucket

POLL_S_MIN = 0.005
POLL_S_MAX = 0.1
_BUCKETS_AT_ONCE = 1_000
_LANES_MAX = 1_000
_EXACT_BELOW = 1 << 53
"""Whole numbers below it are exact in the server's floating-point sums."""


class _Hit(msgspec.Struct, rename={"source": "_source"}):
    source: StoredDocument
    sort: tuple[int, int, str]


class _Total(msgspec.Struct):
    value: int


class _Hits(msgspec.Struct):
    total: _Total
    hits: list[_Hit]


class _Shards(msgspec.Struct):
    failed: int = 0


class _SearchAnswer(msgspec.Struct, rename={"shards": "_shards"}):
    hits: _Hits
    shards: _Shards
    timed_out: bool = False


class _Key(msgspec.Struct):
    start: int
    status: str
    currency: str | None


class _Sum(msgspec.Struct):
    value: float


class _Row(msgspec.Struct):
    key: _Key
    doc_count: int
    e12: _Sum
    e6: _Sum
    e0: _Sum
    m4: _Sum


class _Rows(msgspec.Struct):
    buckets: list[_Row]
    after_key: dict[str, Any] | None = None


class _Aggregations(msgspec.Struct):
    buckets: _Rows | None = None


class _HistogramAnswer(msgspec.Struct, rename={"shards": "_shards"}):
    shards: _Shards
    aggregations: _Aggregations
    timed_out: bool = False


class _MarkHit(msgspec.Struct, rename={"source": "_source"}):
    source: Watermark


class _MarkHits(msgspec.Struct):
    hits: list[_MarkHit]


class _MarksAnswer(msgspec.Struct):
    hits: _MarkHits


class ServerSearch:
    """A :class:`phee.stores.search.query.SearchStore` on a server. Safe in several threads."""

    def __init__(self, server: SearchServer, tenant_id: str) -> None:
        self._server = server
        self._names = TenantIndices(server.prefix, tenant_id)
        self._visible: dict[tuple[int, int], int] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """See SearchStore. The connections belong to whoever made them."""

    def search(self, query: SearchQuery) -> Hits:
        """See SearchStore."""
        answer = self._ask(search_body(query)).decode(_SearchAnswer)
        _check_whole(answer)
        hits = answer.hits.hits
        shown = hits[: query.size]
        cursor = ""
        if len(hits) > query.size:
            cursor = cursor_of(shown[-1].sort, newest_first=query.newest_first)
        return Hits(answer.hits.total.value, [hit.source.shown() for hit in shown], cursor)

    def histogram(self, query: SearchQuery, *, interval_ms: int) -> Histogram:
        """See SearchStore. Documents without a start are left out."""
        check_interval(interval_ms)
        buckets = []
        rows = self._rows(query, interval_ms)
        for start, group in groupby(rows, key=lambda row: row.key.start):
            by_status = [
                Bucket(
                    status=row.key.status,
                    currency=row.key.currency,
                    count=row.doc_count,
                    amount=_amount(row),
                )
                for row in group
            ]
            total = sum(bucket.count for bucket in by_status)
            buckets.append(TimeBucket(start=start, count=total, by_status=by_status))
        return Histogram(interval_ms=interval_ms, buckets=buckets)

    async def wait_for_position(
        self, epoch: int, partition_id: int, position: int, *, timeout_s: float
    ) -> None:
        """See SearchStore. Makes visible what is written but was not shown yet."""
        lane = (epoch, partition_id)
        deadline = time.monotonic() + timeout_s
        pause_s = POLL_S_MIN
        while self._visible.get(lane, -1) < position:
            written = await asyncio.to_thread(self._position, epoch, partition_id)
            if written >= position:
                await asyncio.to_thread(self._show, lane, written)
                return
            if time.monotonic() >= deadline:
                raise TimedOut(
                    "the search store has not caught up with this position",
                    where=f"epoch {epoch}, partition {partition_id}, position {position}",
                    fix="Read again a moment later, or without the position",
                )
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, POLL_S_MAX)

    def _show(self, lane: tuple[int, int], written: int) -> None:
        self._server.ask("POST", path_of(self._names.documents, "/_refresh"))
        with self._lock:
            self._visible[lane] = max(written, self._visible.get(lane, -1))

    def _position(self, epoch: int, partition_id: int) -> int:
        """Return the furthest watermark as it is on disk, -1 when there is none."""
        marks = self._names.watermarks
        if self._server.ask("POST", path_of(marks, "/_refresh"), allow={404}).status == 404:
            return -1
        lanes = [{"term": {"epoch": epoch}}, {"term": {"partition_id": partition_id}}]
        body = {"query": {"bool": {"filter": lanes}}, "size": _LANES_MAX}
        found = self._server.ask("POST", path_of(marks, "/_search"), body).decode(_MarksAnswer)
        return max((hit.source.position for hit in found.hits.hits), default=-1)

    def _rows(self, query: SearchQuery, interval_ms: int) -> list[_Row]:
        rows: list[_Row] = []
        after = None
        while True:
            body = histogram_body(
                query, interval_ms=interval_ms, size=_BUCKETS_AT_ONCE, after=after
            )
            answer = self._ask(body).decode(_HistogramAnswer)
            _check_whole(answer)
            page = answer.aggregations.buckets
            if page is None or not page.buckets:
                return rows
            rows += page.buckets
            if len(rows) > checks.BUCKETS_MAX:
                raise checks.too_many_buckets()
            after = page.after_key
            if after is None or len(page.buckets) < _BUCKETS_AT_ONCE:
                return rows

    def _ask(self, body: dict[str, Any]) -> Answer:
        path = path_of(self._names.documents, "/_search")
        answer = self._server.ask("POST", path, body, allow={404})
        if answer.status == 404:
            raise Unavailable(
                "the tenant has no search indices yet",
                where=self._names.documents,
                fix="Its importer creates them when it starts; see that the importer runs",
            )
        return answer


def _check_whole(answer: _SearchAnswer | _HistogramAnswer) -> None:
    """Refuse an answer from a part of the documents only: it would look like the truth."""
    if answer.shards.failed or answer.timed_out:
        raise Unavailable(
            "the search server can reach only a part of the documents", fix="Ask again in a moment"
        )


def _amount(row: _Row) -> Decimal:
    total = Decimal(0)
    for part, exponent in ((row.e12, 12), (row.e6, 6), (row.e0, 0), (row.m4, -4)):
        if part.value >= _EXACT_BELOW:
            raise InvariantBroken("a sum is too large to be exact", fix="Use a shorter interval")
        total += Decimal(int(part.value)).scaleb(exponent)
    return trimmed(total)
