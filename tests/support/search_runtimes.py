"""The runtimes of the search role for tests: SQLite always, servers where they can be had.

A server that ``scripts/services.py start`` started in this checkout is used as it is; else a fresh
one is started for the run, one kind after the other. ``PHEE_TEST_SEARCH`` names the kinds to test
(``opensearch,elasticsearch`` by default, ``none`` for neither). Every test has index names of its
own and deletes them.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import services
from real_components import process
from real_components.component import Component
from real_components.elasticsearch import Elasticsearch
from real_components.missing import Missing
from real_components.opensearch import OpenSearch
from real_components.operate import free_ports, start_component

from phee.stores.search.opensearch.address import parse_address
from phee.stores.search.opensearch.server import SearchServer
from phee.stores.search.query import Document, SearchQuery, SearchStore
from phee.stores.search.runtime import SearchRuntime

SWITCH = "PHEE_TEST_SEARCH"
SERVERS: dict[str, type[Component]] = {"opensearch": OpenSearch, "elasticsearch": Elasticsearch}
SERVER_PARAMS = [pytest.param(name, marks=pytest.mark.services) for name in SERVERS]
SERVERS_ONLY = pytest.mark.parametrize("any_url", SERVER_PARAMS, indirect=True, scope="session")
"""For tests of what only servers do."""


@contextlib.contextmanager
def search_server(name: str, folder: Path) -> Iterator[str]:
    """The address of a server; skips the test, saying so, when there is none to be had."""
    running = services.running().get(name)
    if running:
        yield f"http://127.0.0.1:{running.ports['http']}"
        return
    if name not in os.environ.get(SWITCH, ",".join(SERVERS)).split(","):
        pytest.skip(f"NOT TESTED on {name}: {SWITCH} leaves it out")
    component = SERVERS[name]()
    try:
        running = start_component(component, folder, free_ports(component), {})
    except Missing as missing:
        pytest.skip(f"NOT TESTED on {name}: {missing}")
    try:
        yield f"http://127.0.0.1:{running.ports['http']}"
    finally:
        process.stop(running)


@contextlib.contextmanager
def own_indices(url: str) -> Iterator[str]:
    """A line for PHEE_SEARCH with index names that nobody else uses; they are deleted after."""
    prefix = f"t{secrets.token_hex(4)}"
    try:
        yield f"{url}?prefix={prefix}"
    finally:
        server = SearchServer(parse_address(url))
        for name in index_names(server, prefix):
            server.ask("DELETE", f"/{name}")
        for name in template_names(server, prefix):
            server.ask("DELETE", f"/_index_template/{name}")
        server.close()


def index_names(server: SearchServer, prefix: str) -> list[str]:
    return list(server.ask("GET", f"/{prefix}~*/_settings", allow={404}).decode(dict))


def template_names(server: SearchServer, prefix: str) -> list[str]:
    answer = server.ask("GET", f"/_index_template/{prefix}~*", allow={404})
    if answer.status == 404:
        return []
    return [one["name"] for one in answer.decode(dict)["index_templates"]]


def refresh(server: SearchServer, prefix: str) -> None:
    server.ask("POST", f"/{prefix}~*/_refresh")


def all_documents(store: SearchStore) -> list[Document]:
    """Every document, in a fixed order."""
    found: list[Document] = []
    cursor = ""
    while True:
        hits = store.search(SearchQuery(size=1_000, cursor=cursor))
        found += hits.documents
        cursor = hits.next_cursor
        if not cursor:
            return sorted(found, key=lambda d: (d.epoch, d.kind, d.key))


def documents_of(runtime: SearchRuntime, *tenants: str) -> dict[str, list[Document]]:
    """Every document of some tenants, by tenant."""
    found = {}
    for tenant in tenants:
        with contextlib.closing(runtime.open_reader(tenant)) as store:
            found[tenant] = all_documents(store)
    return found


def source(document: Document) -> bytes:
    return msgspec.json.encode(document)
