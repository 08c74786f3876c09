"""Which search store plays the role: ``sqlite``, or a server by its address.

The one place that reads the line ``PHEE_SEARCH``; importers and APIs open their stores here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from phee.errors import InvalidInput
from phee.extras import require_extra
from phee.projections.documents import DocumentFold
from phee.projections.masking import Masker
from phee.stores.letters import DeadLetterReader
from phee.stores.masking_keys import MaskingKeys
from phee.stores.paths import search_path
from phee.stores.search.fts5 import open_letters, open_search
from phee.stores.search.masked import MaskedSearch
from phee.stores.search.query import SearchStore
from phee.stores.search.store import SqliteSearchStore
from phee.stores.writing import TenantStore

if TYPE_CHECKING:
    from phee.stores.search.opensearch.server import SearchServer

EMBEDDED = "sqlite"
MASKING_VARIABLE = "PHEE_MASKING"


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
    masking = Masking(data, by_default=line != EMBEDDED)
    if line == EMBEDDED:
        return EmbeddedSearch(data, masking)
    from phee.stores.search.opensearch.address import parse_address

    address = parse_address(line)
    require_extra("search", where="PHEE_SEARCH")
    from phee.stores.search.opensearch.server import READER_PATIENCE, SearchServer

    return RemoteSearch(
        SearchServer(address), SearchServer(address, patience=READER_PATIENCE), masking
    )


class Masking:
    """Who has a masking key: everybody on a server, unless PHEE_MASKING says otherwise."""

    def __init__(self, data: Path, *, by_default: bool) -> None:
        """Read the setting.

        Raises:
            InvalidInput: it is neither ``on`` nor ``off``.
        """
        setting = os.environ.get(MASKING_VARIABLE) or ("on" if by_default else "off")
        if setting not in {"on", "off"}:
            raise InvalidInput(
                "masking is on or off",
                where=MASKING_VARIABLE,
                fix="Set it to on or off, or unset it for the default of the search store",
            )
        self._keys = MaskingKeys(data)
        self._is_on = setting == "on"

    def prepare(self, tenant_id: str) -> None:
        """Make a tenant's key, if it should have one; a key that is there stays in use."""
        if self._is_on:
            self._keys.make(tenant_id)

    def reader(self, store: SearchStore, tenant_id: str) -> SearchStore:
        """Return a reader that is asked with clear values."""
        return MaskedSearch(store, self.masker_of(tenant_id))

    def masker_of(self, tenant_id: str) -> Callable[[], Masker | None]:
        """Return what looks for a tenant's masker, whenever it is asked."""
        return lambda: self._keys.masker(tenant_id)


class EmbeddedSearch:
    """SQLite with FTS5, one file for each tenant."""

    def __init__(self, data: Path, masking: Masking | None = None) -> None:
        self._data = data
        self._masking = masking or Masking(data, by_default=False)

    def open_store(self, tenant_id: str) -> TenantStore[DocumentFold]:
        """See SearchRuntime."""
        self._masking.prepare(tenant_id)
        return SqliteSearchStore(search_path(self._data, tenant_id))

    def open_reader(self, tenant_id: str) -> SearchStore:
        """See SearchRuntime."""
        return self._masking.reader(open_search(self._data, tenant_id), tenant_id)

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

    def __init__(
        self, writing: SearchServer, reading: SearchServer, masking: Masking | None = None
    ) -> None:
        self._writing = writing
        self._reading = reading
        self._masking = masking

    @property
    def keeps_records(self) -> bool:
        """Whether every record is kept beside the documents."""
        return self._writing.address.raw

    def open_store(self, tenant_id: str) -> TenantStore[DocumentFold]:
        """See SearchRuntime."""
        from phee.stores.search.opensearch.store import ServerSearchStore

        if self._masking is None:
            return ServerSearchStore(self._writing, tenant_id)
        self._masking.prepare(tenant_id)
        return ServerSearchStore(
            self._writing, tenant_id, masker=self._masking.masker_of(tenant_id)
        )

    def open_reader(self, tenant_id: str) -> SearchStore:
        """See SearchRuntime."""
        from phee.stores.search.opensearch.reader import ServerSearch

        store = ServerSearch(self._reading, tenant_id)
        return store if self._masking is None else self._masking.reader(store, tenant_id)

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
