"""Removing old documents from a search server; the rules are those of phee.stores.search.pruning.

A server has no transactions: a document is removed over the version that was found, so one that an
importer changes meanwhile stays until the next time. The mark is raised before anything goes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from phee.errors import InvalidState
from phee.projections.documents import INCIDENT, INSTANCE, PAYMENT
from phee.stores.pruning import Counts
from phee.stores.retention_marks import BUSINESS, CONSUMER, HISTORY, Cuts, mark_lane
from phee.stores.search.opensearch.indices import TenantIndices, path_of
from phee.stores.search.opensearch.letters import OPEN, ServerLetters, letter_id
from phee.stores.search.opensearch.paging import Found, Hit, pages, refresh, search
from phee.stores.search.opensearch.server import SearchServer
from phee.stores.search.opensearch.watermarks import Watermarks, read_all

PAGE = 1_000
OPEN_MAX = 10_000
"""So many instances with an open letter can be kept; a server refuses much longer lists."""
_SORT = [{name: {"order": "asc"}} for name in ("key", "kind", "epoch")]
_LETTER = "dead_letters"


class _Source(msgspec.Struct):
    epoch: int
    process_instance_key: int


_Hit = Hit[_Source]
Run = tuple[int, int]
"""Epoch and key of a process instance."""


def read_server_cuts(server: SearchServer, names: TenantIndices) -> Cuts:
    """Return how far retention has come in a tenant's indices."""
    marks = {m.lane: m.position for m in read_all(server, names.watermarks, CONSUMER)}
    return Cuts(marks.get(HISTORY), marks.get(BUSINESS))


class ServerPruner:
    """A :class:`phee.stores.pruning.Pruner` of one tenant's indices."""

    def __init__(self, server: SearchServer, tenant_id: str) -> None:
        """Take ``server``, whose connections end with the pruner."""
        self._server = server
        self._names = TenantIndices(server.prefix, tenant_id)
        self._letters = ServerLetters(server, self._names)
        self._parts: Iterator[Counts] | None = None

    def count(self, cuts: Cuts) -> Counts:
        """See Pruner."""
        return sum((Counter({kind: len(ids)}) for kind, ids in self._old(cuts, PAGE)), Counter())

    def prune_part(self, cuts: Cuts, limit: int) -> Counts:
        """See Pruner."""
        if self._parts is None:
            self._parts = self._removed(cuts, limit)
        return next(self._parts, Counter())

    def close(self) -> None:
        """See Pruner."""
        self._server.close()

    def _removed(self, cuts: Cuts, limit: int) -> Iterator[Counts]:
        self._raise_marks(cuts)
        for kind, ids in self._old(cuts, limit):
            if not ids:
                continue
            index = self._names.dead_letters if kind == _LETTER else self._names.documents
            body = {"query": {"ids": {"values": ids}}}
            path = path_of(index, "/_delete_by_query?conflicts=proceed&refresh=true")
            answer = self._server.ask("POST", path, body).decode(dict[str, Any])
            if answer["deleted"]:
                yield Counter({kind: int(answer["deleted"])})

    def _raise_marks(self, cuts: Cuts) -> None:
        marks = Watermarks(self._server, self._names, CONSUMER)
        for name, moment in cuts.by_name().items():
            lane = mark_lane(name)
            if marks.claim(lane, CONSUMER, start=moment) < moment:
                marks.move({lane: moment})

    # --- what is old ---

    def _old(self, cuts: Cuts, limit: int) -> Iterator[tuple[str, list[str]]]:
        """Yield kinds and ids of what is to go, what hangs on something before that."""
        kept = self._with_open_letters()
        if cuts.history_ms is not None:
            yield from self._old_letters(cuts.history_ms, limit)
            for hits in self._pages(INCIDENT, cuts.history_ms, limit):
                young = self._in_state([_run(hit) for hit in hits], _is_young(cuts.history_ms))
                yield INCIDENT, [hit.id for hit in hits if _run(hit) not in young]
        for kind, before in ((INSTANCE, cuts.history_ms), (PAYMENT, cuts.business_ms)):
            if before is not None:
                for hits in self._pages(kind, before, limit):
                    yield kind, [hit.id for hit in hits if _run(hit) not in kept]

    def _with_open_letters(self) -> set[Run]:
        found = {
            (letter.source.epoch, letter.source.process_instance_key)
            for letter in self._letters.all()
            if letter.source.state == OPEN and letter.source.process_instance_key is not None
        }
        if len(found) > OPEN_MAX:
            raise InvalidState(
                f"{len(found)} process instances have open dead letters",
                where=self._names.dead_letters,
                fix="Retry or discard them first: phee deadletters list --store search",
            )
        return found

    def _old_letters(self, before_ms: int, limit: int) -> Iterator[tuple[str, list[str]]]:
        settled = [
            (letter_id(each.source), (each.source.epoch, each.source.process_instance_key))
            for each in self._letters.all()
            if each.source.state != OPEN and each.source.process_instance_key is not None
        ]
        for start in range(0, len(settled), limit):
            part = settled[start : start + limit]
            ended = self._in_state([run for _, run in part], _has_ended(before_ms))
            yield _LETTER, [name for name, run in part if run in ended]

    def _in_state(self, runs: Sequence[Run], condition: dict[str, Any]) -> set[Run]:
        """Return those whose payment or instance is there and meets a condition."""
        found: set[Run] = set()
        keys = sorted({key for _, key in runs})
        for start in range(0, len(keys), PAGE):
            filters: list[dict[str, Any]] = [
                {"terms": {"process_instance_key": keys[start : start + PAGE]}},
                {"terms": {"kind": [PAYMENT, INSTANCE]}},
                condition,
            ]
            for hits in self._walk(filters, PAGE):
                found.update(_run(hit) for hit in hits)
        return found

    def _pages(self, kind: str, before_ms: int, limit: int) -> Iterator[list[_Hit]]:
        yield from self._walk([{"term": {"kind": kind}}, _has_ended(before_ms)], limit)

    def _walk(self, filters: list[dict[str, Any]], limit: int) -> Iterator[list[_Hit]]:
        """Return every document that meets the filters, in pages."""
        body: dict[str, Any] = {
            "query": {"bool": {"filter": filters}},
            "size": limit,
            "sort": _SORT,
            "_source": ["epoch", "process_instance_key"],
        }
        return pages(self._search, body)

    def _search(self, body: dict[str, Any]) -> list[_Hit]:
        refresh(self._server, self._names.documents)
        path = path_of(self._names.documents, "/_search")
        return search(self._server, path, body, Found[_Source])


def _run(hit: _Hit) -> Run:
    return hit.source.epoch, hit.source.process_instance_key


def _has_ended(before_ms: int) -> dict[str, Any]:
    return {"range": {"completed_at": {"lt": before_ms}}}


def _is_young(before_ms: int) -> dict[str, Any]:
    return {"bool": {"must_not": [_has_ended(before_ms)]}}
