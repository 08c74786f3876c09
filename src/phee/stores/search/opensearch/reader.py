"""Answers of a search server, for readers of one tenant."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from phee.errors import TimedOut, Unavailable
from phee.stores.search.cursors import cursor_of
from phee.stores.search.opensearch import aggregations
from phee.stores.search.opensearch.document import StoredDocument
from phee.stores.search.opensearch.indices import TenantIndices, path_of
from phee.stores.search.opensearch.requests import search_body
from phee.stores.search.opensearch.server import Answer, SearchServer
from phee.stores.search.opensearch.watermarks import Watermark
from phee.stores.search.query import Histogram, Hits, Percentiles, SearchQuery, Terms

POLL_S_MIN = 0.005
POLL_S_MAX = 0.1
_LANES_MAX = 1_000


class _Hit(msgspec.Struct, rename={"source": "_source"}):
    source: StoredDocument
    sort: tuple[int | str, int, str]


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


class _Found(msgspec.Struct):
    found: msgspec.Raw = msgspec.Raw()


class _AggregationAnswer(msgspec.Struct, rename={"shards": "_shards"}):
    shards: _Shards
    aggregations: _Found
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
            cursor = cursor_of(shown[-1].sort, order=query.order)
        return Hits(answer.hits.total.value, [hit.source.shown() for hit in shown], cursor)

    def histogram(self, query: SearchQuery, *, interval_ms: int, by: str = "status") -> Histogram:
        """See SearchStore. Documents without a start are left out."""
        return aggregations.histogram(self._aggregate, query, interval_ms=interval_ms, by=by)

    def top_terms(
        self, query: SearchQuery, *, field: str, size: int = 10, by: str | None = None
    ) -> Terms:
        """See SearchStore."""
        return aggregations.top_terms(self._aggregate, query, field=field, size=size, by=by)

    def percentiles(
        self,
        query: SearchQuery,
        *,
        field: str,
        percents: Sequence[Decimal],
        by: str | None = None,
    ) -> Percentiles:
        """See SearchStore. Estimated by t-digest; exact while a group is small."""
        return aggregations.percentiles(
            self._aggregate, query, field=field, percents=percents, by=by
        )

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

    def _aggregate(self, body: dict[str, Any], kind: type[Any]) -> Any:
        answer = self._ask(body).decode(_AggregationAnswer)
        _check_whole(answer)
        return msgspec.json.decode(answer.aggregations.found, type=kind)

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


def _check_whole(answer: _SearchAnswer | _AggregationAnswer) -> None:
    """Refuse an answer from a part of the documents only: it would look like the truth."""
    if answer.shards.failed or answer.timed_out:
        raise Unavailable(
            "the search server can reach only a part of the documents", fix="Ask again in a moment"
        )
