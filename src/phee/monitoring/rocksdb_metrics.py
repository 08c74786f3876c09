"""RocksDB's own figures of the engine's state, under the names that Zeebe gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.metrics_core import Metric

from phee.monitoring.collectors import gauge

_NAMES = {
    "actual-delayed-write-rate": "writes_actual_delayed_write_rate",
    "block-cache-capacity": "memory_block_cache_capacity",
    "block-cache-pinned-usage": "memory_block_cache_pinned_usage",
    "block-cache-usage": "memory_block_cache_usage",
    "cur-size-active-mem-table": "memory_cur_size_active_mem_table",
    "cur-size-all-mem-tables": "memory_cur_size_all_mem_tables",
    "estimate-live-data-size": "live_estimate_live_data_size",
    "estimate-num-keys": "live_estimate_num_keys",
    "estimate-table-readers-mem": "memory_estimate_table_readers_mem",
    "is-write-stopped": "writes_is_write_stopped",
    "live-sst-files-size": "sst_live_sst_files_size",
    "mem-table-flush-pending": "writes_mem_table_flush_pending",
    "num-entries-imm-mem-tables": "live_num_entries_imm_mem_tables",
    "num-running-compactions": "writes_num_running_compactions",
    "num-running-flushes": "writes_num_running_flushes",
    "size-all-mem-tables": "memory_size_all_mem_tables",
    "total-sst-files-size": "sst_total_sst_files_size",
}


def rocksdb_metrics(
    read_statistics: Callable[[], Mapping[str, int]], *, partition: int = 1
) -> Callable[[], Iterator[Metric]]:
    """Return RocksDB's metrics as a function for :class:`CallbackCollector`.

    ``read_statistics`` gives RocksDB's properties without their prefix, and ``log-size``: the
    bytes of the record log's files. What it does not give is not shown.
    """
    key = (str(partition),)

    def read() -> Iterator[Metric]:
        found = read_statistics()
        for prop, name in _NAMES.items():
            if prop in found:
                values = [(key, found[prop])]
                yield gauge(f"zeebe_rocksdb_{name}", f"RocksDB's {prop}.", ["partition"], values)
        if "log-size" in found:
            size = [(key, found["log-size"])]
            yield gauge("phee_log_size_bytes", "The record log's files.", ["partition"], size)

    return read
