"""A stream of two tenants' payments, and what one undisturbed import makes of it."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from importing import Rows, import_all
from interleaving import interleaved
from relational_runtimes import TENANTS, Runtime, SqliteRuntime

from phee.importers.process import ImporterSettings, make_importer
from phee.monitoring import new_registry
from phee.records import Record
from phee.stream.local import LocalStream
from phee.stream.memory import MemoryLog

SEED = 31


RECORDS = interleaved(6, SEED)
LAST = RECORDS[-1].position


def log_of(records: list[Record]) -> MemoryLog:
    log = MemoryLog()
    for start in range(0, len(records), 40):
        log.append(records[start : start + 40])
    return log


@cache
def expected_rows() -> dict[str, Rows]:
    """The rows of RECORDS after one undisturbed import into SQLite."""
    return sqlite_rows(log_of(RECORDS))


def sqlite_rows(log: MemoryLog) -> dict[str, Rows]:
    """The rows of a whole log after one undisturbed import into SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        runtime = SqliteRuntime(Path(folder))
        import_all("relational", runtime.data, log)
        return rows_of_all(runtime)


def rows_of_all(runtime: Runtime) -> dict[str, Rows]:
    return {tenant: runtime.rows(tenant) for tenant in TENANTS}


def importer_of(runtime: Runtime, log: MemoryLog) -> Any:
    chosen = ImporterSettings(data=runtime.data, database=runtime.database)
    return make_importer("relational", chosen, LocalStream(log, "relational"), new_registry())


def import_log(runtime: Runtime, log: MemoryLog) -> None:
    """Import everything the log has, then end cleanly."""
    importer = importer_of(runtime, log)
    importer.step()
    while importer.progress.lag_records or importer.progress.stalled_tenants:
        importer.step()
    importer.stop()
    importer.run()
