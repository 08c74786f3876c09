"""Which search store plays the role: ``sqlite``, or a server by its address.

The one place that reads the line ``PHEE_SEARCH``; importers and APIs open their stores here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from phee.errors import NotSupported
from phee.projections.documents import DocumentFold
from phee.stores.letters import DeadLetterReader
from phee.stores.paths import search_path
from phee.stores.search.fts5 import open_letters, open_search
from phee.stores.search.query import SearchStore
from phee.stores.search.store import SqliteSearchStore
from phee.stores.writing import TenantStore

if TYPE_CHECKING:
    from phee.stores.search.opensearch.server import SearchServer

EMBEDDED = "sqlite"


class SearchRuntime(Protocol):
    """Opens the stores of any tenant, for the importer and for readers."""

    def open_store(self, tenant_id: str) -> TenantStore[DocumentFold]:
        """Open (or create) a tenant's store for its one importer."""

    def open_reader(self, tenant_id: str) -> SearchStore:
        """Return a reader of a tenant's store; it connects at the first query."""

    def open_letters(self, tenant_id: str) -> DeadLetterReader:
        """Return a reader of the dead letters of a tenant's store."""

    def has_store(self, tenant_id: str) -> bool:
        """Return whether a tenant's store was ever created."""

    def close(self) -> None:
        """Give back what all stores share, after they were closed."""


def search_runtime(line: str, data: Path) -> SearchRuntime:
    """Return the runtime that ``line`` names; ``data`` is the hub's data directory.

    Raises:
        InvalidInput: it is neither ``sqlite`` nor the address of a server.
        NotSupported: it names a server, and the client for it is not installed.
    """
    if line == EMBEDDED:
        return EmbeddedSearch(data)
    from phee.stores.search.opensearch.address import parse_address

    address = parse_address(line)
    try:
        from phee.stores.search.opensearch.server import READER_PATIENCE, SearchServer
    except ModuleNotFoundError as error:
        raise NotSupported(
            f"the module {error.name} for search servers is not installed",
            where="PHEE_SEARCH",
            fix="Install phee[search], or unset PHEE_SEARCH",
        ) from error
    return RemoteSearch(SearchServer(address), SearchServer(address, patience=READER_PATIENCE))


class EmbeddedSearch:
    """SQLite with FTS5, one file for each tenant."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def open_store(self, tenant_id: str) -> TenantStore[DocumentFold]:
        """See SearchRuntime."""
        return SqliteSearchStore(search_path(self._data, tenant_id))

    def open_reader(self, tenant_id: str) -> SearchStore:
        """See SearchRuntime."""
        return open_search(self._data, tenant_id)

    def open_letters(self, tenant_id: str) -> DeadLetterReader:
        """See SearchRuntime."""
        return open_letters(self._data, tenant_id)

    def has_store(self, tenant_id: str) -> bool:
        """See SearchRuntime."""
        return search_path(self._data, tenant_id).exists()

    def close(self) -> None:
        """See SearchRuntime."""


class RemoteSearch:
    """OpenSearch or Elasticsearch, a set of indices for each tenant."""

    def __init__(self, writing: SearchServer, reading: SearchServer) -> None:
        self._writing = writing
        self._reading = reading

    def open_store(self, tenant_id: str) -> TenantStore[DocumentFold]:
        """See SearchRuntime."""
        from phee.stores.search.opensearch.store import ServerSearchStore

        return ServerSearchStore(self._writing, tenant_id)

    def open_reader(self, tenant_id: str) -> SearchStore:
        """See SearchRuntime."""
        from phee.stores.search.opensearch.reader import ServerSearch

        return ServerSearch(self._reading, tenant_id)

    def open_letters(self, tenant_id: str) -> DeadLetterReader:
        """See SearchRuntime."""
        from phee.stores.search.opensearch.indices import TenantIndices
        from phee.stores.search.opensearch.letters import ServerLetters

        return ServerLetters(self._reading, TenantIndices(self._reading.prefix, tenant_id))

    def has_store(self, tenant_id: str) -> bool:
        """See SearchRuntime."""
        from phee.stores.search.opensearch.indices import TenantIndices, path_of

        names = TenantIndices(self._writing.prefix, tenant_id)
        found = self._writing.ask("HEAD", path_of(names.watermarks), allow={404})
        return found.status == 200

    def close(self) -> None:
        """See SearchRuntime."""
        self._writing.close()
        self._reading.close()
