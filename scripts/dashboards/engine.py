"""The orchestrator, ours or a Zeebe: both show the same names."""

from __future__ import annotations

from dashboards.panels import Dashboard, Panel, Query, percentile, percentiles, rate

ENGINE = Dashboard(
    "phee-engine",
    "phee: engine",
    [
        Panel(
            "Healthy",
            "none",
            [Query("min by (job, partition) (zeebe_health)", "{{job}} {{partition}}")],
            kind="stat",
        ),
        Panel(
            "Process instances",
            "ops",
            [Query(rate("zeebe_executed_instances_total", "action"), "{{action}}")],
        ),
        Panel(
            "Flow nodes completed",
            "ops",
            [
                Query(
                    rate(
                        "zeebe_element_instance_events_total",
                        "type",
                        selector='{action="completed"}',
                    ),
                    "{{type}}",
                )
            ],
        ),
        Panel(
            "Jobs",
            "ops",
            [Query(rate("zeebe_job_events_total", "action"), "{{action}}")],
        ),
        Panel(
            "Jobs by type",
            "ops",
            [
                Query(
                    rate("zeebe_job_events_total", "type", selector='{action="completed"}'),
                    "{{type}}",
                )
            ],
        ),
        Panel("From start to end", "s", percentiles("zeebe_process_instance_execution_time")),
        Panel("From job to worker", "s", percentiles("zeebe_job_activation_time")),
        Panel(
            "Time in workers",
            "s",
            [
                Query(percentile(0.99, "phee_worker_job_duration_seconds", "type"), "{{type}} p99"),
            ],
        ),
        Panel("Commands wait for processing", "s", percentiles("zeebe_stream_processor_latency")),
        Panel(
            "Processing a batch",
            "s",
            percentiles("zeebe_stream_processor_batch_processing_duration"),
        ),
        Panel("Until durable", "s", percentiles("zeebe_log_appender_commit_latency")),
        Panel(
            "Records",
            "ops",
            [
                Query(
                    rate("zeebe_log_appender_record_appended_total", "recordType"), "{{recordType}}"
                )
            ],
        ),
        Panel(
            "gRPC calls",
            "reqps",
            [Query(rate("zeebe_gateway_total_requests_total", "requestType"), "{{requestType}}")],
        ),
        Panel(
            "Back-pressure",
            "none",
            [
                Query("zeebe_backpressure_inflight_requests_count", "in flight"),
                Query("zeebe_backpressure_requests_limit", "limit"),
            ],
        ),
        Panel(
            "Commands refused", "ops", [Query(rate("zeebe_dropped_request_count_total"), "refused")]
        ),
        Panel(
            "State in memory",
            "bytes",
            [
                Query("zeebe_rocksdb_memory_cur_size_all_mem_tables", "memory tables"),
                Query("zeebe_rocksdb_memory_block_cache_usage", "block cache"),
            ],
        ),
        Panel(
            "State on disk",
            "bytes",
            [
                Query("zeebe_rocksdb_sst_live_sst_files_size", "state {{job}}"),
                Query("phee_log_size_bytes", "record log"),
            ],
        ),
        Panel(
            "RocksDB at work",
            "none",
            [
                Query("zeebe_rocksdb_writes_num_running_compactions", "compactions"),
                Query("zeebe_rocksdb_writes_num_running_flushes", "flushes"),
                Query("zeebe_rocksdb_writes_is_write_stopped", "writes stopped"),
            ],
        ),
    ],
)
