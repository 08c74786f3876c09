"""The stores of every tenant for an event loop: one reader each, used in worker threads.

Invariants: a query runs on the reader of the tenant it was asked for and on no other; readers are
read-only and opened at the first query.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Literal, TypeVar

from sqlalchemy.exc import DBAPIError

from phee.errors import NotSupported, Unavailable
from phee.stores.letters import DeadLetterReader
from phee.stores.relational.queries import RelationalReader
from phee.stores.search import SearchStore

T = TypeVar("T")
THREADS_MAX = 4


class TenantStores:
    """Runs queries on tenants' relational and search stores."""

    def __init__(
        self,
        open_relational: Callable[[str], RelationalReader],
        open_search: Callable[[str], SearchStore],
        *,
        open_search_letters: Callable[[str], DeadLetterReader] | None = None,
        threads_max: int = THREADS_MAX,
    ) -> None:
        """Prepare to open readers; ``open_search_letters`` reads a search store's dead letters."""
        self._search_letters = _Readers[DeadLetterReader](open_search_letters or _no_letters)
        self._relational = _Readers[RelationalReader](open_relational)
        self._search = _Readers[SearchStore](open_search)
        self._threads = ThreadPoolExecutor(threads_max, thread_name_prefix="phee-read")

    async def relational(self, tenant_id: str, query: Callable[[RelationalReader], T]) -> T:
        """Return what ``query`` answers from the tenant's relational store.

        Raises:
            Unavailable: the store does not exist yet, or does not answer.
        """
        return await self._run(lambda: query(self._relational.of(tenant_id)))

    async def letters(
        self,
        tenant_id: str,
        store: Literal["relational", "search"],
        query: Callable[[DeadLetterReader], T],
    ) -> T:
        """Return what ``query`` answers about the dead letters of one of the tenant's stores.

        Raises:
            Unavailable: the store does not exist yet, or does not answer.
        """
        if store == "search":
            return await self._run(lambda: query(self._search_letters.of(tenant_id)))
        return await self._run(lambda: query(self._relational.of(tenant_id)))

    async def search(self, tenant_id: str, query: Callable[[SearchStore], T]) -> T:
        """Return what ``query`` answers from the tenant's search store.

        Raises:
            Unavailable: the store does not exist yet, or does not answer.
        """
        return await self._run(lambda: query(self._search.of(tenant_id)))

    async def _run(self, query: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, query)
        except DBAPIError as error:
            raise Unavailable(
                "The store does not answer",
                where=type(error.orig).__qualname__,
                fix="Ask again in a moment; if it stays, see that the importer runs",
            ) from error

    def close(self) -> None:
        """Wait for running queries and close every reader."""
        self._threads.shutdown()
        self._relational.close()
        self._search.close()
        self._search_letters.close()


def _no_letters(tenant_id: str) -> DeadLetterReader:
    raise NotSupported(
        "the dead letters of this search store cannot be read here",
        where=tenant_id,
        fix="Ask for those of the relational store",
    )


Reader = TypeVar("Reader", RelationalReader, DeadLetterReader, SearchStore)


class _Readers(Generic[Reader]):
    """One reader for each tenant, made at its first query."""

    def __init__(self, open_reader: Callable[[str], Reader]) -> None:
        self._open: Callable[[str], Reader] = open_reader
        self._readers: dict[str, Reader] = {}
        self._lock = threading.Lock()

    def of(self, tenant_id: str) -> Reader:
        reader = self._readers.get(tenant_id)
        if reader is None:
            with self._lock:
                reader = self._readers.get(tenant_id)
                if reader is None:
                    reader = self._readers[tenant_id] = self._open(tenant_id)
        return reader

    def close(self) -> None:
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
