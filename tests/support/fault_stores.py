"""The stores of one case, as its judge looks at them: on real servers, or embedded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from fold_check import Letters, sqlite_rows
from importing import Rows, prepare
from mariadb_server import MariaDbServer
from payment_engine import TENANTS
from relational_runtimes import MysqlRuntime
from search_runtimes import documents_of, refresh
from sqlalchemy import Engine, select

from phee.importers.process import Kind
from phee.stores.mysql.names import OPERATOR, database_name
from phee.stores.paths import operator_dead_letters_path, relational_path, search_path
from phee.stores.relational import tables
from phee.stores.search.opensearch.address import parse_address
from phee.stores.search.opensearch.indices import TenantIndices
from phee.stores.search.opensearch.server import Patience, SearchServer
from phee.stores.search.query import Document
from phee.stores.search.runtime import EmbeddedSearch, search_runtime
from phee.stores.sqlite import reader_engine

Mark = tuple[str, int, int]
"""(lane, epoch, position)."""


class Stores(Protocol):
    """What importers of one case have written."""

    database: str
    search: str

    def rows(self) -> dict[str, Rows]:
        """Every row of every tenant."""

    def documents(self) -> Mapping[str, list[Document]]:
        """Every document of every tenant."""

    def marks(self, kind: Kind, tenant: str) -> list[Mark]:
        """How far a tenant's store is."""

    def letters(self, kind: Kind) -> Letters:
        """The operator's dead letters of one importer."""

    def close(self) -> None:
        """Give back connections."""


class ServerStores:
    """A database and a set of indices for each tenant, empty at first."""

    def __init__(self, data: Path, mariadb: MariaDbServer, search: str) -> None:
        self._data = data
        self._mariadb = mariadb
        self.runtime = MysqlRuntime(data, mariadb)
        self.database = mariadb.database
        self.search = search
        self.server = SearchServer(parse_address(search), patience=Patience(attempts=1))

    def rows(self) -> dict[str, Rows]:
        return {tenant: self.runtime.rows(tenant) for tenant in TENANTS}

    def documents(self) -> Mapping[str, list[Document]]:
        refresh(self.server, self.server.prefix)
        with closing(search_runtime(self.search, self._data)) as runtime:
            return documents_of(runtime, *TENANTS)

    def marks(self, kind: Kind, tenant: str) -> list[Mark]:
        if kind == "search":
            return self._search_marks(tenant)
        query = "SELECT lane, epoch, position FROM watermarks WHERE consumer = %s"
        return list(self.ask(tenant, query, kind))

    def letters(self, kind: Kind) -> Letters:
        query = "SELECT position, reason_code FROM dead_letters WHERE consumer = %s"
        return Counter((int(p), str(code)) for p, code in self.ask(OPERATOR, query, kind))

    def ask(self, tenant: str, query: str, *values: object) -> Sequence[Any]:
        """Run a statement as the operator."""
        database = database_name("phee", tenant)
        with (
            self._mariadb.connect(database=database) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(query, values)
            return cursor.fetchall()

    def indices(self, tenant: str) -> TenantIndices:
        return TenantIndices(self.server.prefix, tenant)

    def close(self) -> None:
        self.server.close()

    def _search_marks(self, tenant: str) -> list[Mark]:
        index = self.indices(tenant).watermarks
        self.server.ask("POST", f"/{index}/_refresh")
        found = self.server.ask("POST", f"/{index}/_search?size=100", {}).decode(dict[str, Any])
        sources = [hit["_source"] for hit in found["hits"]["hits"]]
        return [(one["lane"], one["epoch"], one["position"]) for one in sources]


class EmbeddedStores:
    """A SQLite file for each tenant and kind."""

    database = search = "sqlite"

    def __init__(self, data: Path) -> None:
        self._data = data
        prepare(data, *TENANTS)

    def path(self, kind: Kind, tenant: str) -> Path:
        return (relational_path if kind == "relational" else search_path)(self._data, tenant)

    def rows(self) -> dict[str, Rows]:
        return sqlite_rows(self._data, TENANTS)

    def documents(self) -> Mapping[str, list[Document]]:
        return documents_of(EmbeddedSearch(self._data), *TENANTS)

    def marks(self, kind: Kind, tenant: str) -> list[Mark]:
        marks = tables.watermarks
        query = select(marks.c.lane, marks.c.epoch, marks.c.position)
        return [tuple(row) for row in _read(reader_engine(self.path(kind, tenant)), query)]  # type: ignore[misc]

    def letters(self, kind: Kind) -> Letters:
        letters = tables.dead_letters
        query = select(letters.c.position, letters.c.reason_code).where(letters.c.consumer == kind)
        rows = _read(reader_engine(operator_dead_letters_path(self._data)), query)
        return Counter((row[0], row[1]) for row in rows)

    def close(self) -> None:
        """Nothing is kept open."""


def _read(engine: Engine, query: Any) -> Sequence[Any]:
    try:
        with engine.connect() as connection:
            return connection.execute(query).all()
    finally:
        engine.dispose()
