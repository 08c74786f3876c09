"""Pages of a search: every document once, and no answer that is only a part of the truth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import msgspec
import pytest

from phee.errors import Unavailable
from phee.stores.search.opensearch.address import SearchAddress
from phee.stores.search.opensearch.bulk import Version
from phee.stores.search.opensearch.paging import Found, pages, refresh, search
from phee.stores.search.opensearch.server import SearchServer


class Source(msgspec.Struct):
    number: int


class Documents:
    """A server with so many documents, in the order of their numbers."""

    def __init__(self) -> None:
        self.count = 0
        self.failed_shards = 0
        self.timed_out = False
        self.server = SearchServer(
            SearchAddress(url="http://search"), transport=httpx2.MockTransport(self._respond)
        )

    def pages(self, size: int) -> list[list[int]]:
        body = {"size": size, "sort": [{"number": {"order": "asc"}}]}
        found = pages(lambda page: search(self.server, "/d/_search", page, Found[Source]), body)
        return [[hit.source.number for hit in hits] for hits in found]

    def _respond(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/":
            about = {"version": {"number": "3.3.2", "distribution": "opensearch"}}
            return httpx2.Response(200, json=about)
        if request.url.path != "/d/_search":
            return httpx2.Response(404)
        asked = json.loads(request.content)
        after = asked.get("search_after", [-1])[0]
        hits = [self._hit(number) for number in range(after + 1, self.count)][: asked["size"]]
        answer = {
            "_shards": {"total": 2, "failed": self.failed_shards},
            "timed_out": self.timed_out,
            "hits": {"hits": hits},
        }
        return httpx2.Response(200, json=answer)

    def _hit(self, number: int) -> dict[str, Any]:
        where = {"_index": "d", "_id": str(number), "_seq_no": number, "_primary_term": 3}
        return {**where, "_source": {"number": number}, "sort": [number]}


@pytest.fixture
def documents() -> Iterator[Documents]:
    documents = Documents()
    yield documents
    documents.server.close()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_pages_hold_every_document_once(documents: Documents, count: int) -> None:
    documents.count = count
    found = documents.pages(2)
    assert [number for page in found for number in page] == list(range(count))
    assert all(len(page) == 2 for page in found[:-1])


def test_a_hit_says_which_version_it_is(documents: Documents) -> None:
    documents.count = 1
    (hit,) = search(documents.server, "/d/_search", {"size": 1}, Found[Source])
    assert (hit.index, hit.id, hit.version) == ("d", "0", Version(0, 3))


@pytest.mark.parametrize(("failed_shards", "timed_out"), [(1, False), (0, True)])
def test_a_part_of_the_documents_is_no_answer(
    documents: Documents, failed_shards: int, timed_out: bool
) -> None:
    documents.count = 1
    documents.failed_shards, documents.timed_out = failed_shards, timed_out
    with pytest.raises(Unavailable, match="only a part"):
        documents.pages(2)


def test_what_was_never_made_cannot_be_refreshed(documents: Documents) -> None:
    with pytest.raises(Unavailable, match="no search indices yet"):
        refresh(documents.server, "nothing")
