"""RocksDB: the rows of the state and the blocks of the log, written together.

``write`` is not synced (and holds the interpreter lock, so it is called from the engine's loop);
:meth:`Store.flush` makes everything written before it durable and may run in a thread. RocksDB's
own lock keeps a second process (or a second opener in this one) out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    DBRecoveryMode,
    Options,
    Rdict,
    WriteBatch,
    WriteOptions,
)

from phee.engine.errors import DataDirectoryInUse
from phee.engine.rows import INSTANCE, number_of, numbered, pack_number

MEMTABLE_BYTES = 16 * 1024 * 1024
CACHE_BYTES = 32 * 1024 * 1024
LOG_SIZE = "log-size"
_STATISTICS = (
    "actual-delayed-write-rate", "block-cache-capacity", "block-cache-pinned-usage",
    "block-cache-usage", "cur-size-active-mem-table", "cur-size-all-mem-tables",
    "estimate-live-data-size", "estimate-num-keys", "estimate-table-readers-mem",
    "is-write-stopped", "live-sst-files-size", "mem-table-flush-pending",
    "num-entries-imm-mem-tables", "num-running-compactions", "num-running-flushes",
    "size-all-mem-tables", "total-sst-files-size",
)  # fmt: skip


def _options(cache: Cache) -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.create_missing_column_families(True)
    options.set_write_buffer_size(MEMTABLE_BYTES)
    options.set_max_write_buffer_number(3)
    options.set_max_background_jobs(2)
    options.set_max_open_files(256)
    options.set_keep_log_file_num(3)
    options.set_max_total_wal_size(8 * MEMTABLE_BYTES)
    # a torn tail is what a crash leaves; anything else broken must not be opened silently
    options.set_wal_recovery_mode(DBRecoveryMode.tolerate_corrupted_tail_records())
    table = BlockBasedOptions()
    table.set_block_cache(cache)
    table.set_bloom_filter(10, False)
    options.set_block_based_table_factory(table)
    return options


def _log_options(cache: Cache) -> Options:
    options = _options(cache)
    options.set_compression_type(DBCompressionType.lz4())
    return options


class Store:
    """One open data directory."""

    def __init__(self, path: Path) -> None:
        """Open or create.

        Raises:
            DataDirectoryInUse: another process (or opener) holds it.
        """
        path.mkdir(parents=True, exist_ok=True)
        cache = Cache(CACHE_BYTES)
        families = {"default": _options(cache), "log": _log_options(cache)}
        try:
            self._db = Rdict(str(path), _options(cache), column_families=families)
        except Exception as error:
            if "lock" not in str(error).lower():
                raise
            raise DataDirectoryInUse(
                "the data directory is in use by another engine",
                where=str(path),
                fix="stop the other process, or choose another directory",
            ) from error
        self._log = self._db.get_column_family("log")
        self._log_handle = self._db.get_column_family_handle("log")
        self._unsynced = WriteOptions()

    def get(self, key: bytes) -> bytes | None:
        """Return a row."""
        return self._db.get(key)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the rows whose key begins with ``prefix``, in key order."""
        rows = self._db.iter()
        rows.seek(prefix)
        while rows.valid():
            key = rows.key()
            if not key.startswith(prefix):
                return
            yield key, rows.value()
            rows.next()

    def instance_roots(self) -> Iterator[tuple[int, bytes]]:
        """Return the key and the root row of every process instance, as they are now.

        What is written later is not seen; the rows may be taken in another thread.
        """
        return _roots(self._db.iter())

    def batch(self) -> WriteBatch:
        """Return an empty batch (``put`` and ``delete`` rows on it)."""
        return WriteBatch(raw_mode=True)

    def add_block(self, batch: WriteBatch, last_position: int, block: bytes) -> None:
        """Append a block of the log to a batch."""
        batch.put(pack_number(last_position), block, self._log_handle)

    def write(self, batch: WriteBatch) -> None:
        """Write a batch, whole or not at all; durable after the next :meth:`flush`."""
        self._db.write(batch, self._unsynced)

    def delete(self, keys: Iterable[bytes]) -> None:
        """Delete rows that processing never writes again."""
        batch = self.batch()
        for key in keys:
            batch.delete(key)
        self.write(batch)

    def put(self, key: bytes, row: bytes) -> None:
        """Write one row outside a group."""
        batch = self.batch()
        batch.put(key, row)
        self.write(batch)

    def flush(self) -> None:
        """Make everything written so far durable (releases the interpreter lock)."""
        self._db.flush_wal(True)

    def statistics(self) -> dict[str, int]:
        """Return RocksDB's figures of the state by its own names, and the bytes of the log."""
        found = {name: self._db.property_int_value(f"rocksdb.{name}") for name in _STATISTICS}
        found[LOG_SIZE] = self._log.property_int_value("rocksdb.live-sst-files-size")
        return {name: value for name, value in found.items() if value is not None}

    # -- the log

    def blocks_after(self, position: int, *, max_bytes: int) -> list[tuple[int, bytes]]:
        """Return blocks whose last position is after ``position``, at least one if any."""
        found: list[tuple[int, bytes]] = []
        size = 0
        blocks = self._log.iter()
        blocks.seek(pack_number(position + 1))
        while blocks.valid() and (not found or size < max_bytes):
            block = blocks.value()
            found.append((int.from_bytes(blocks.key(), "big"), block))
            size += len(block)
            blocks.next()
        return found

    def first_block(self) -> bytes | None:
        """Return the oldest block."""
        blocks = self._log.iter()
        blocks.seek_to_first()
        return blocks.value() if blocks.valid() else None

    def delete_blocks_before(self, position: int) -> None:
        """Delete the blocks whose records are all before ``position``."""
        batch = self.batch()
        batch.delete_range(pack_number(0), pack_number(position), self._log_handle)
        self.write(batch)

    def close(self) -> None:
        """Give the directory back."""
        del self._log, self._log_handle
        self._db.close()
        del self._db


def _roots(rows: Any) -> Iterator[tuple[int, bytes]]:
    rows.seek(INSTANCE)
    while rows.valid():
        key = rows.key()
        if not key.startswith(INSTANCE):
            return
        instance = number_of(key)
        yield instance, rows.value()  # an instance's own row is the first of its rows
        rows.seek(numbered(INSTANCE, instance + 1))
