"""The runtimes of one hub, as upkeep opens them: the stream's history and every tenant's stores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phee.importers.process import Kind
from phee.records import DEFAULT_TENANT
from phee.stores.letters import DeadLetterReader
from phee.stores.relational.stores import SQLITE, relational_stores
from phee.stores.search.fts5 import open_letters
from phee.stores.search.runtime import EMBEDDED, search_runtime
from phee.stores.search.store import SqliteSearchStore
from phee.stores.writing import TenantStore
from phee.stream.history import History, open_history
from phee.tenants import TenantRegistry
from phee.upkeep.snapshot import Snapshot, SqlSnapshot, open_snapshot, store_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtimes:
    """Which runtime plays each role, in the words of the settings; see ``phee.cli.settings``."""

    data: Path
    stream: str = ""
    database: str = SQLITE
    search: str = EMBEDDED

    def is_embedded(self, kind: Kind) -> bool:
        """Return whether stores of ``kind`` are files of the data directory."""
        return self.database == SQLITE if kind == "relational" else self.search == EMBEDDED

    def open_history(self) -> History:
        """Open the stream from its beginning."""
        return open_history(self.stream, self.data)

    def tenants(self) -> list[str]:
        """Return every tenant, the default one when it has a store."""
        kinds: tuple[Kind, ...] = ("relational", "search")
        found = list(TenantRegistry(self.data).ids())
        if any(self.has_store(kind, DEFAULT_TENANT) for kind in kinds):
            found.append(DEFAULT_TENANT)
        return found

    def has_store(self, kind: Kind, tenant_id: str) -> bool:
        """Return whether a tenant's store was ever made."""
        if kind == "relational":
            return relational_stores(self.database, self.data).has_store(tenant_id)
        runtime = search_runtime(self.search, self.data)
        try:
            return runtime.has_store(tenant_id)
        finally:
            runtime.close()

    def snapshot(self, kind: Kind, tenant_id: str) -> Snapshot:
        """Open a view of a tenant's live store.

        Raises:
            Unavailable: the store does not exist, or does not answer.
            DBAPIError: it is damaged.
        """
        if self.is_embedded(kind):
            return open_snapshot(kind, store_path(kind, self.data, tenant_id))
        if kind == "relational":
            from phee.stores.mysql.address import parse_address
            from phee.stores.mysql.opening import MysqlStores

            stores = MysqlStores(parse_address(self.database), self.data)
            return SqlSnapshot(stores.snapshot_engine(tenant_id), kind)
        from phee.upkeep.server_snapshot import open_server_snapshot

        return open_server_snapshot(self.search, tenant_id)

    def open_store(self, kind: Kind, tenant_id: str) -> TenantStore[Any]:
        """Open a tenant's store in a database for writing, beside its importer."""
        if kind == "relational":
            return relational_stores(self.database, self.data).open_store(tenant_id)
        assert self.is_embedded(kind), "a search server has no transactions"
        return SqliteSearchStore(store_path(kind, self.data, tenant_id))

    def open_letters(self, kind: Kind, tenant_id: str) -> DeadLetterReader:
        """Return a reader of the dead letters of a tenant's store."""
        if kind == "relational":
            return relational_stores(self.database, self.data).open_reader(tenant_id)
        if self.is_embedded(kind):
            return open_letters(self.data, tenant_id)
        from phee.upkeep.server_letters import open_server_letters

        return open_server_letters(self.search, tenant_id)
