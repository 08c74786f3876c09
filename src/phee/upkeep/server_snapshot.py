"""A view of a tenant's documents on a search server, as :mod:`phee.upkeep.snapshot` has it.

A server has no moment that holds for documents and watermarks together. But a watermark moves only
after everything below it was written, so a document that is read after the watermark is never
older than it. Pages follow the documents' identities, which never change, so none is passed over.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Table

from phee.errors import Unavailable
from phee.importers.process import Kind
from phee.stores.money import money_decimal
from phee.stores.retention_marks import Cuts
from phee.stores.search.opensearch.address import parse_address
from phee.stores.search.opensearch.document import StoredDocument, document_id
from phee.stores.search.opensearch.indices import TenantIndices, path_of
from phee.stores.search.opensearch.letters import ServerLetters
from phee.stores.search.opensearch.pruning import read_server_cuts
from phee.stores.search.opensearch.server import SearchServer
from phee.stores.search.opensearch.watermarks import read_all
from phee.stores.search.store import CONSUMER
from phee.stores.search.tables import documents as documents_table
from phee.stream.port import Lane
from phee.upkeep.snapshot import Key, Row

PAGE = 1_000
DAY_MS = 86_400_000
_LEFT_OUT = {"excludes": ["words", "amount_digits"]}


class _Hit(msgspec.Struct):
    source: StoredDocument = msgspec.field(name="_source")
    sort: list[Any] = []


class _Shards(msgspec.Struct):
    failed: int = 0


class _Hits(msgspec.Struct):
    hits: list[_Hit]


class _Answer(msgspec.Struct, rename={"shards": "_shards"}):
    hits: _Hits
    shards: _Shards
    timed_out: bool = False


class ServerSnapshot:
    """A :class:`phee.upkeep.snapshot.Snapshot` of the indices that ``names`` names."""

    kind: Kind = "search"
    is_moving = True

    def __init__(self, server: SearchServer, names: TenantIndices, *, owns: bool = True) -> None:
        """Read the watermarks; ``owns`` says that the connections end with the view.

        Raises:
            Unavailable: the tenant has no indices, or the server does not answer.
        """
        self._server = server
        self._names = names
        self._owns = owns
        self.positions: Mapping[Lane, int] = {}
        self.cuts = Cuts()
        self.look_again()

    def look_again(self) -> Mapping[Lane, int]:
        """See Snapshot."""
        self.positions = read_marks(self._server, self._names.watermarks)
        self.cuts = read_server_cuts(self._server, self._names)
        self._refresh(self._names.documents)
        return self.positions

    def rows(self, table: Table, *, epochs: Collection[int] | None = None) -> Iterator[Row]:
        """See Snapshot."""
        if table.name == "dead_letters":
            yield from self._letters(table, epochs)
            return
        query: dict[str, Any] = {"match_all": {}}
        if epochs is not None:
            query = {"terms": {"epoch": sorted(epochs)}}
        after: list[Any] | None = None
        while True:
            body: dict[str, Any] = {
                "query": query,
                "size": PAGE,
                "sort": [{name: {"order": "asc"}} for name in ("key", "kind", "epoch")],
                "_source": _LEFT_OUT,
            }
            if after is not None:
                body["search_after"] = after
            hits = self._search(body)
            for hit in hits:
                yield _row(hit.source)
            if len(hits) < PAGE:
                return
            after = hits[-1].sort

    def find(self, table: Table, keys: Sequence[Key]) -> dict[Key, Row]:  # noqa: ARG002 - one table
        """See Snapshot."""
        self._refresh(self._names.documents)
        found: dict[Key, Row] = {}
        for start in range(0, len(keys), PAGE):
            part = keys[start : start + PAGE]
            ids = [document_id(epoch, kind, key) for key, kind, epoch in part]
            body = {"query": {"terms": {"id": ids}}, "size": PAGE, "_source": _LEFT_OUT}
            for hit in self._search(body):
                document = hit.source
                found[document.key, document.kind, document.epoch] = _row(document)
        return found

    def count(self, table: Table) -> int:
        """See Snapshot."""
        letters = table.name == "dead_letters"
        index = self._names.dead_letters if letters else self._names.documents
        answer = self._server.ask("GET", path_of(index, "/_count")).decode(dict[str, Any])
        return int(answer["count"])

    def is_expired(self, row: Row) -> bool:
        """See Snapshot."""
        ended, keep_days = row["completed_at"], self._server.keep_days
        if keep_days is None or ended is None:
            return False
        return bool(ended < time.time() * 1000 - keep_days * DAY_MS)

    def close(self) -> None:
        """See Snapshot."""
        if self._owns:
            self._server.close()

    def _letters(self, table: Table, epochs: Collection[int] | None) -> Iterator[Row]:
        names = [str(column.key) for column in table.columns if column.key != "id"]
        for found in ServerLetters(self._server, self._names).all():
            if epochs is None or found.source.epoch in epochs:
                row = {name: getattr(found.source, name) for name in names}
                yield {"id": found.source.number, **row}

    def _refresh(self, index: str) -> None:
        refresh(self._server, index)

    def _search(self, body: dict[str, Any]) -> list[_Hit]:
        answer = self._server.ask("POST", path_of(self._names.documents, "/_search"), body)
        found = answer.decode(_Answer)
        if found.shards.failed or found.timed_out:
            raise Unavailable(
                "the search server can reach only a part of the documents", fix="Try again"
            )
        return found.hits.hits


def open_server_snapshot(line: str, tenant_id: str) -> ServerSnapshot:
    """Open a view of a tenant's indices on the server that ``line`` names.

    Raises:
        Unavailable: the tenant has none, or the server does not answer.
    """
    address = parse_address(line)
    server = SearchServer(address)
    try:
        return ServerSnapshot(server, TenantIndices(address.prefix, tenant_id))
    except BaseException:
        server.close()
        raise


def read_marks(server: SearchServer, index: str) -> dict[Lane, int]:
    """Return the watermarks of a tenant as they are now."""
    marks = read_all(server, index, CONSUMER)
    return {Lane(mark.epoch, mark.partition_id, mark.lane): mark.position for mark in marks}


def refresh(server: SearchServer, index: str) -> None:
    """Make everything written so far visible.

    Raises:
        Unavailable: there is no such index.
    """
    if server.ask("POST", path_of(index, "/_refresh"), allow={404}).status == 404:
        raise Unavailable(
            "the tenant has no search indices yet",
            where=index,
            fix="Its importer creates them when it starts; see that the importer runs",
        )


def _row(document: StoredDocument) -> Row:
    names = (str(column.key) for column in documents_table.columns if column.key != "id")
    row = {name: getattr(document, name) for name in names}
    if document.amount is not None:
        row["amount"] = money_decimal(document.amount)
    return row
