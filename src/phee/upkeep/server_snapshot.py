"""A view of a tenant's documents on a search server, as :mod:`phee.upkeep.snapshot` has it.

A server has no moment that holds for documents and watermarks together. But a watermark moves only
after everything below it was written, so a document that is read after the watermark is never
older than it. Pages follow the documents' identities, which never change, so none is passed over.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Table

from phee.importers.process import Kind
from phee.stores.money import money_decimal
from phee.stores.retention_marks import Cuts
from phee.stores.search.opensearch.address import parse_address
from phee.stores.search.opensearch.document import StoredDocument, document_id
from phee.stores.search.opensearch.indices import TenantIndices, path_of
from phee.stores.search.opensearch.letters import ServerLetters
from phee.stores.search.opensearch.paging import Found, Hit, pages, refresh, search
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
        refresh(self._server, self._names.documents)
        return self.positions

    def rows(self, table: Table, *, epochs: Collection[int] | None = None) -> Iterator[Row]:
        """See Snapshot."""
        if table.name == "dead_letters":
            yield from self._letters(table, epochs)
            return
        query: dict[str, Any] = {"match_all": {}}
        if epochs is not None:
            query = {"terms": {"epoch": sorted(epochs)}}
        sort = [{name: {"order": "asc"}} for name in ("key", "kind", "epoch")]
        body = {"query": query, "size": PAGE, "sort": sort, "_source": _LEFT_OUT}
        for hits in pages(self._search, body):
            yield from (_row(hit.source) for hit in hits)

    def find(self, table: Table, keys: Sequence[Key]) -> dict[Key, Row]:  # noqa: ARG002 - one table
        """See Snapshot."""
        refresh(self._server, self._names.documents)
        found: dict[Key, Row] = {}
        for start in range(0, len(keys), PAGE):
            part = keys[start : start + PAGE]
            ids = [document_id(epoch, kind, key) for key, kind, epoch in part]
            body = {"query": {"ids": {"values": ids}}, "size": PAGE, "_source": _LEFT_OUT}
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

    def _search(self, body: dict[str, Any]) -> list[Hit[StoredDocument]]:
        path = path_of(self._names.documents, "/_search")
        return search(self._server, path, body, Found[StoredDocument])


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


def _row(document: StoredDocument) -> Row:
    names = (str(column.key) for column in documents_table.columns if column.key != "id")
    row = {name: getattr(document, name) for name in names}
    if document.amount is not None:
        row["amount"] = money_decimal(document.amount)
    return row
