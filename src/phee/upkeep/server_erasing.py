"""Erasing a party from a tenant's indices on a search server.

There are no transactions: what is found is written over the version that was read, and what an
importer changed meanwhile is found by the next round. Documents are found by the words in them;
records in Zeebe's layout are not indexed in that depth, so all of them are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from phee.errors import InvalidState
from phee.projections.erasing import Eraser
from phee.records import ValueType
from phee.stores.search.opensearch.address import parse_address
from phee.stores.search.opensearch.bulk import Write, write_all
from phee.stores.search.opensearch.document import StoredDocument, fold_words, with_words
from phee.stores.search.opensearch.indices import TenantIndices, path_of
from phee.stores.search.opensearch.letters import ServerLetters
from phee.stores.search.opensearch.paging import Found, Hit, pages, search
from phee.stores.search.opensearch.records import RecordIndices
from phee.stores.search.opensearch.server import SearchServer
from phee.stores.search.query import TEXT_FIELDS

PAGE = 500
RECORDS = "records"
_LETTERS = "dead_letters"
_RECORD_ORDER = ["position", "partitionId", "timestamp"]


_Hit = Hit[msgspec.Raw]


class ServerSweeper:
    """A :class:`phee.upkeep.erasing.Sweeper` of one tenant's indices."""

    def __init__(self, server: SearchServer, tenant_id: str) -> None:
        """Take ``server``, whose connections end with the sweeper."""
        self._server = server
        self._names = TenantIndices(server.prefix, tenant_id)
        self._letters = ServerLetters(server, self._names)
        self._records = RecordIndices(server.address.raw_prefix, tenant_id)

    def sweep(self, eraser: Eraser, texts: list[str], *, dry_run: bool) -> Counter[str]:
        """See Sweeper."""
        counts: Counter[str] = Counter()
        for page in self._pages(self._names.documents, _mentions(texts), ["key", "kind", "epoch"]):
            counts.update(self._erase_documents(page, eraser, dry_run=dry_run))
        counts[_LETTERS] += self._erase_letters(eraser, dry_run=dry_run)
        needles = [text.lower().encode() for text in texts]
        for page in self._pages(self._records.all, {"match_all": {}}, _RECORD_ORDER):
            named = [hit for hit in page if _holds(bytes(hit.source), needles)]
            counts[RECORDS] += self._erase_records(named, eraser, dry_run=dry_run)
        return +counts

    def finish(self) -> None:
        """See Sweeper. The server is asked to drop old versions; it may keep them for a while."""
        options = "/_forcemerge?only_expunge_deletes=true&ignore_unavailable=true"
        for index in (self._names.documents, self._names.dead_letters, self._records.all):
            self._server.ask("POST", path_of(index, options), allow={404})

    def close(self) -> None:
        """See Sweeper."""
        self._server.close()

    def _erase_documents(self, page: list[_Hit], eraser: Eraser, *, dry_run: bool) -> list[str]:
        writes, kinds = [], []
        for hit in page:
            document = msgspec.json.decode(hit.source, type=StoredDocument)
            changed = {
                name: after
                for name in TEXT_FIELDS
                if isinstance(before := getattr(document, name), str)
                and (after := eraser.text(name, before)) != before
            }
            if changed:
                kinds.append(document.kind)
                erased = with_words(msgspec.structs.replace(document, **changed))
                writes.append(_over(hit, msgspec.json.encode(erased)))
        self._write(writes, dry_run=dry_run)
        return kinds

    def _erase_letters(self, eraser: Eraser, *, dry_run: bool) -> int:
        writes = []
        for found in self._letters.all():
            letter = found.source
            record = eraser.text("record", letter.record or "")
            if record != (letter.record or ""):
                erased = msgspec.json.encode(msgspec.structs.replace(letter, record=record))
                index = self._names.dead_letters
                writes.append(Write(index, found.id, erased, found.version))
        self._write(writes, dry_run=dry_run)
        return len(writes)

    def _erase_records(self, hits: list[_Hit], eraser: Eraser, *, dry_run: bool) -> int:
        writes = []
        for hit in hits:
            record = msgspec.json.decode(hit.source)
            before = record["value"]
            after = eraser.value(before)
            if record["valueType"] == ValueType.VARIABLE.name:
                after["value"] = eraser.variable(before["name"], before["value"])
            if after != before:
                writes.append(_over(hit, msgspec.json.encode({**record, "value": after})))
        self._write(writes, dry_run=dry_run)
        return len(writes)

    def _write(self, writes: list[Write], *, dry_run: bool) -> None:
        outcome = write_all(self._server, writes) if writes and not dry_run else None
        if outcome is not None and outcome.refused:
            raise InvalidState(
                f"the server refuses what is left: {sorted(set(outcome.refused.values()))}",
                fix="See the server's log, and ask again",
            )

    def _pages(self, index: str, query: dict[str, Any], order: list[str]) -> Iterator[list[_Hit]]:
        """Return everything that meets the query, as of now or later."""
        self._server.ask("POST", path_of(index, "/_refresh?ignore_unavailable=true"), allow={404})
        path = path_of(index, "/_search?ignore_unavailable=true")
        sort = [{name: {"order": "asc", "unmapped_type": "long"}} for name in order]
        return pages(
            lambda body: search(self._server, path, body, Found[msgspec.Raw]),
            {"query": query, "size": PAGE, "sort": sort},
        )


def open_sweeper(line: str, tenant_id: str) -> ServerSweeper:
    """Open a tenant's indices on the server that ``line`` names."""
    return ServerSweeper(SearchServer(parse_address(line)), tenant_id)


def _mentions(texts: list[str]) -> dict[str, Any]:
    """Find documents with one of these texts as words of their own."""
    phrases = [
        {"match_phrase": {f"words.{name}": fold_words(text)}}
        for name in TEXT_FIELDS
        for text in texts
    ]
    return {"bool": {"should": phrases, "minimum_should_match": 1}}


def _holds(source: bytes, needles: list[bytes]) -> bool:
    lower = source.lower()
    return any(needle in lower for needle in needles)


def _over(hit: _Hit, source: bytes) -> Write:
    routing = int(hit.routing) if hit.routing is not None else None
    return Write(hit.index, hit.id, source, hit.version, routing=routing)
