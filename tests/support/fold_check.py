"""The one judge of every fault: do the stores hold the fold of the engine's log, and nothing else?

What is expected is folded from the log into fresh embedded stores. Compared are every row of every
table and every document, each tenant's dead letters and the operator's, one by one; so a row too
few, too many or not quite right is told.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from importing import Rows, copy_log, fold_of
from relational_runtimes import read_rows
from search_runtimes import documents_of

from phee.importers.process import KINDS, Kind
from phee.records import StoredRecord, decode_block
from phee.records.record import BLOCK_VERSION
from phee.stores.paths import relational_path
from phee.stores.search.query import Document
from phee.stores.search.runtime import EmbeddedSearch
from phee.stores.sqlite import writer_engine
from phee.stream.memory import MemoryLog

Letters = Counter[tuple[int, str]]
"""(position, reason) -> how many; more than one of a kind is one too many."""


@dataclass(frozen=True)
class Expected:
    """What stores hold that were filled from a log without any fault."""

    positions: Mapping[int, int]
    """The end of each log, by its epoch."""
    rows: Mapping[str, Rows]
    documents: Mapping[str, list[Document]]
    operator_letters: Mapping[Kind, Letters]
    more_letters: Counter[str] = field(default_factory=Counter)
    """Letters by reason that are not of the log: of what others wrote into the stream."""


def fold(
    log: MemoryLog,
    tenants: Collection[str],
    *,
    without: Collection[int] = (),
    more_letters: Counter[str] | None = None,
) -> Expected:
    """Fold a log; ``without`` are positions that the stream holds back, with a dead letter each."""
    kept = log_without(log, without)
    with tempfile.TemporaryDirectory(prefix="phee-fold-") as folder:
        data = Path(folder)
        found = {kind: fold_of(kind, data, copy_log(kept), *tenants) for kind in KINDS}
        rows = sqlite_rows(data, tenants)
        documents = documents_of(EmbeddedSearch(data), *tenants)
    letters = {
        kind: Counter((row[3], row[4]) for row in found[kind]["<operator>"]["dead_letters"])
        + Counter((position, "unreadable-record") for position in without)
        for kind in KINDS
    }
    return Expected(
        {log.epoch: log.durable_position}, rows, documents, letters, more_letters or Counter()
    )


def together(one: Expected, other: Expected) -> Expected:
    """What stores hold that were filled from two logs, of different epochs."""
    return Expected(
        {**one.positions, **other.positions},
        {tenant: _joined(one.rows[tenant], other.rows[tenant]) for tenant in one.rows},
        {tenant: one.documents[tenant] + other.documents[tenant] for tenant in one.documents},
        {kind: one.operator_letters[kind] + other.operator_letters[kind] for kind in KINDS},
        one.more_letters + other.more_letters,
    )


def _joined(one: Rows, other: Rows) -> Rows:
    return {table: one[table] + other[table] for table in one}


def sqlite_rows(data: Path, tenants: Collection[str]) -> dict[str, Rows]:
    """Every row of embedded stores, in the form in which all databases are the same."""
    found = {}
    for tenant in tenants:
        engine = writer_engine(relational_path(data, tenant))
        found[tenant] = read_rows(engine)
        engine.dispose()
    return found


def log_without(log: MemoryLog, positions: Collection[int]) -> MemoryLog:
    if not positions:
        return log
    kept = MemoryLog(epoch=log.epoch, partition_id=log.partition_id)
    for _, data in log.read(0, max_bytes=1 << 40):
        records: list[StoredRecord] = decode_block(data).records
        left = [record for record in records if record.position not in positions]
        if left:
            block = msgspec.msgpack.encode((BLOCK_VERSION, log.epoch, log.partition_id, left))
            kept.append_block(left[-1].position, block)
    return kept


def check_rows(found: Mapping[str, Rows], expected: Expected) -> None:
    """Compare the rows of every tenant, table by table."""
    assert found.keys() == expected.rows.keys()
    for tenant, tables in expected.rows.items():
        for table, rows in tables.items():
            _same(f"{tenant}.{table}", Counter(found[tenant].get(table, [])), Counter(rows))


def check_documents(found: Mapping[str, Collection[Document]], expected: Expected) -> None:
    """Compare the documents of every tenant."""
    for tenant, documents in expected.documents.items():
        _same(
            f"{tenant}'s documents",
            Counter(map(repr, found[tenant])),
            Counter(map(repr, documents)),
        )


def check_letters(found: Letters, kind: Kind, expected: Expected) -> None:
    """Compare the operator's dead letters of one importer; those of strangers by reason."""
    of_log = expected.operator_letters[kind]
    _same(f"the operator's letters of {kind}", found & of_log, of_log)
    strangers = Counter(reason for _, reason in (found - of_log).elements())
    _same(f"letters of strangers in {kind}", strangers, expected.more_letters)


def _same(what: str, found: Counter[Any], expected: Counter[Any]) -> None:
    missing, unexpected = expected - found, found - expected
    assert not missing, f"{what}: {missing.total()} missing, as {list(missing)[:3]}"
    assert not unexpected, f"{what}: {unexpected.total()} too many, as {list(unexpected)[:3]}"


def wait_until(
    done: Callable[[], bool],
    what: str,
    story: Callable[[], str] = str,
    timeout_s: float = 90,
) -> None:
    """Return once ``done``; that it is not yet so, or cannot be asked, is no error before that."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            if done():
                return
            trouble = ""
        except Exception as error:  # noqa: BLE001 - who is asked may be dead just now
            trouble = f" ({type(error).__name__}: {error})"
        assert time.monotonic() < deadline, f"did not happen: {what}{trouble}\n{story()}"
        time.sleep(0.03)
