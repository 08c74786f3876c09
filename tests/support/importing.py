"""Running importers in tests, and comparing what they wrote with the fold of the log."""

from __future__ import annotations

import atexit
import shutil
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from phee.importers.importer import Importer
from phee.importers.process import (
    KINDS,
    ImporterSettings,
    Kind,
    Stores,
    make_importer,
    store_opener,
)
from phee.monitoring import new_registry
from phee.records import DEFAULT_TENANT
from phee.stores.paths import operator_dead_letters_path, relational_path, search_path
from phee.stream.local import LocalStream
from phee.stream.memory import MemoryLog
from phee.stream.port import EventStream
from phee.tenants import Tenant, TenantRegistry

Rows = dict[str, list[tuple[Any, ...]]]
_PLUMBING = {"alembic_version", "watermarks", "documents_words"}
"""The last is a view of the full text, with row numbers in it."""


def onboard(data: Path, *tenant_ids: str) -> None:
    registry = TenantRegistry(data)
    for tenant_id in tenant_ids:
        registry.add(Tenant(id=tenant_id))


def prepare(data: Path, *tenant_ids: str) -> None:
    """Onboard tenants with empty stores copied from a template: much faster than migrations."""
    onboard(data, *tenant_ids)
    for kind in KINDS:
        for tenant_id in tenant_ids:
            path = store_path(kind, data, tenant_id)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(_empty_store(kind), path)


@cache
def _empty_store(kind: Kind) -> Path:
    data = Path(tempfile.mkdtemp(prefix="phee-test-"))
    atexit.register(shutil.rmtree, data)
    store_opener(kind, data)("template").close()
    return store_path(kind, data, "template")


def new_importer(
    kind: Kind, data: Path, stream: EventStream, stores: Stores | None = None
) -> Importer[Any]:
    return make_importer(kind, ImporterSettings(data=data), stream, new_registry(), stores)


def import_all(kind: Kind, data: Path, log: MemoryLog, stores: Stores | None = None) -> None:
    """Import everything the log has, then end cleanly."""
    importer = new_importer(kind, data, LocalStream(log, kind), stores)
    importer.step()
    while importer.progress.lag_records or importer.progress.stalled_tenants:
        importer.step()
    importer.stop()
    importer.run()


def store_path(kind: Kind, data: Path, tenant_id: str) -> Path:
    return (relational_path if kind == "relational" else search_path)(data, tenant_id)


def rows_of(path: Path) -> Rows:
    """Every row of a store but row numbers and watermarks, sorted."""
    if not path.exists():
        return {}
    with closing(sqlite3.connect(path)) as connection:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%_text%'"
            )
            if name not in _PLUMBING
        ]
        return {name: _rows(connection, name) for name in sorted(names)}


def _rows(connection: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    wanted = ", ".join(f'"{name}"' for name in columns if name != "id")
    return sorted(connection.execute(f"SELECT {wanted} FROM {table}"), key=repr)


def stores_of(kind: Kind, data: Path, *tenant_ids: str) -> dict[str, Rows]:
    """What an importer of ``kind`` has written, for some tenants and the operator."""
    found = {tenant: rows_of(store_path(kind, data, tenant)) for tenant in tenant_ids}
    letters = rows_of(operator_dead_letters_path(data)).get("dead_letters", [])
    found["<operator>"] = {"dead_letters": [row for row in letters if row[0] == kind]}
    return found


def copy_log(log: MemoryLog) -> MemoryLog:
    """The same blocks in another log (with nobody reading it yet)."""
    copied = MemoryLog(epoch=log.epoch, partition_id=log.partition_id)
    for position, block in log.read(0, max_bytes=1 << 40):
        copied.append_block(position, block)
    return copied


def fold_of(kind: Kind, data: Path, log: MemoryLog, *tenant_ids: str) -> dict[str, Rows]:
    """What one undisturbed import of the whole log writes (into the fresh folder ``data``)."""
    onboard(data, *(tenant for tenant in tenant_ids if tenant != DEFAULT_TENANT))
    import_all(kind, data, copy_log(log))
    return stores_of(kind, data, *tenant_ids)
