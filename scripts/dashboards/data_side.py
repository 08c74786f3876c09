"""From the record log to what people see: exporters, importers, stores and their readers."""

from __future__ import annotations

from dashboards.panels import Dashboard, Panel, Query, percentile, rate

DATA_SIDE = Dashboard(
    "phee-data",
    "phee: data side",
    [
        Panel(
            "Freshness",
            "s",
            [
                Query("phee:freshness_seconds:p50", "{{tenant}} {{store}} p50"),
                Query("phee:freshness_seconds:p99", "{{tenant}} {{store}} p99"),
            ],
            "From the commit of a record until it was visible. The objective: p99 under 1 s.",
        ),
        Panel("Importers behind", "short", [Query("phee_importer_lag_records", "{{store}}")]),
        Panel("Importers behind", "s", [Query("phee_importer_lag_seconds", "{{store}}")]),
        Panel(
            "Records passed",
            "ops",
            [Query(rate("phee_importer_records_total", "store"), "{{store}}")],
        ),
        Panel(
            "Rows or documents written",
            "ops",
            [Query(rate("phee_importer_changes_total", "store"), "{{store}}")],
        ),
        Panel(
            "Records that came again",
            "ops",
            [Query(rate("phee_importer_repeated_records_total", "store"), "{{store}}")],
            "Applied before, recognised by their position.",
        ),
        Panel(
            "Records in a batch",
            "none",
            [
                Query(percentile(0.5, "phee_importer_batch_records", "store"), "{{store}} p50"),
                Query(percentile(0.99, "phee_importer_batch_records", "store"), "{{store}} p99"),
            ],
        ),
        Panel(
            "Time to apply a batch",
            "s",
            [
                Query(percentile(0.5, "phee_importer_batch_seconds", "store"), "{{store}} p50"),
                Query(percentile(0.99, "phee_importer_batch_seconds", "store"), "{{store}} p99"),
            ],
        ),
        Panel(
            "Trouble with stores",
            "none",
            [
                Query("phee_importer_stalled_tenants", "{{store}} stalled tenants"),
                Query(
                    rate("phee_importer_failed_transactions_total", "store", "tenant"),
                    "{{store}} {{tenant}} failed transactions/s",
                ),
            ],
        ),
        Panel(
            "Dead letters",
            "ops",
            [
                Query(
                    rate("phee_importer_dead_letters_total", "store", "tenant", "reason"),
                    "{{store}} {{tenant}} {{reason}}",
                )
            ],
        ),
        Panel(
            "SQL statements p99",
            "s",
            [
                Query(
                    percentile(0.99, "phee_sql_statement_seconds", "job", "database", "kind"),
                    "{{job}} {{database}} {{kind}}",
                )
            ],
        ),
        Panel(
            "Slow statements",
            "ops",
            [Query(rate("phee_sql_slow_statements_total", "job", "kind"), "{{job}} {{kind}}")],
            "The log of the process shows them.",
        ),
        Panel(
            "API p99",
            "s",
            [Query(percentile(0.99, "phee_http_request_duration_seconds", "route"), "{{route}}")],
        ),
        Panel(
            "Readers of the record log behind",
            "short",
            [Query("phee_exporter_lag_records", "{{exporter}}")],
        ),
        Panel(
            "Our exporter to Kafka",
            "ops",
            [
                Query(
                    rate("phee_kafka_exporter_records_total", "exporter"), "{{exporter}} records"
                ),
                Query("phee_kafka_exporter_unconfirmed_records", "{{exporter}} unconfirmed"),
                Query("phee_kafka_exporter_paused", "{{exporter}} paused"),
            ],
        ),
        Panel(
            "Exporters behind",
            "short",
            [
                Query("phee_kafka_exporter_lag_records", "ours: {{exporter}}"),
                Query('phee:zeebe_exporter_lag:records{job="zeebe"}', "Zeebe's: {{exporter}}"),
            ],
        ),
        Panel(
            "Exported by value type",
            "ops",
            [
                Query(
                    rate(
                        "zeebe_exporter_events_total", "valueType", selector='{action="exported"}'
                    ),
                    "{{valueType}}",
                )
            ],
        ),
    ],
)
