"""Reading all documents that meet a query, page by page: every one of them, or an error.

A page begins where the one before ended, so the order that is asked for must tell any two documents
apart and must not change while it is followed. What is written meanwhile may be found or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import msgspec

from phee.errors import Unavailable
from phee.stores.search.opensearch.bulk import Version
from phee.stores.search.opensearch.indices import path_of
from phee.stores.search.opensearch.server import SearchServer

S = TypeVar("S")


class Hit(msgspec.Struct, Generic[S]):
    """A document and the version that was found; ``S`` is the form of its source."""

    index: str = msgspec.field(name="_index")
    id: str = msgspec.field(name="_id")
    seq_no: int = msgspec.field(name="_seq_no")
    primary_term: int = msgspec.field(name="_primary_term")
    source: S = msgspec.field(name="_source")
    routing: str | None = msgspec.field(name="_routing", default=None)
    sort: list[Any] = []

    @property
    def version(self) -> Version:
        """What to write over, so that no change in between is lost."""
        return Version(self.seq_no, self.primary_term)


class _Shards(msgspec.Struct):
    failed: int = 0


class _Hits(msgspec.Struct, Generic[S]):
    hits: list[Hit[S]]


class Found(msgspec.Struct, Generic[S], rename={"shards": "_shards"}):
    """The answer to a search; ``S`` is the form of the sources."""

    hits: _Hits[S]
    shards: _Shards
    timed_out: bool = False


def search(
    server: SearchServer, path: str, body: dict[str, Any], kind: type[Found[S]]
) -> list[Hit[S]]:
    """Return one page of the documents that ``body`` asks for.

    Raises:
        Unavailable: the server does not answer, or from a part of the documents only.
    """
    answer = server.ask("POST", path, {"seq_no_primary_term": True, **body}).decode(kind)
    if answer.shards.failed or answer.timed_out:
        raise Unavailable(
            "the search server can reach only a part of the documents", fix="Try again"
        )
    return answer.hits.hits


def pages(
    searched: Callable[[dict[str, Any]], list[Hit[S]]], body: dict[str, Any]
) -> Iterator[list[Hit[S]]]:
    """Yield, ``size`` at a time, all that ``body`` asks for; ``searched`` finds one page.

    There is always a page, be it empty, and none but the last has fewer.
    """
    hits = searched(body)
    yield hits
    while len(hits) == body["size"]:
        hits = searched({**body, "search_after": hits[-1].sort})
        yield hits


def refresh(server: SearchServer, index: str) -> None:
    """Make everything written so far visible.

    Raises:
        Unavailable: there is no such index, or the server does not answer.
    """
    if server.ask("POST", path_of(index, "/_refresh"), allow={404}).status == 404:
        raise Unavailable(
            "the tenant has no search indices yet",
            where=index,
            fix="Its importer creates them when it starts; see that the importer runs",
        )
