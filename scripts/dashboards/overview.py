"""One look: are payments made, and are they seen? At most twelve panels."""

from __future__ import annotations

from dashboards.panels import Dashboard, Panel, Query, rate

OVERVIEW = Dashboard(
    "phee-overview",
    "phee: overview",
    [
        Panel(
            "Processes that answer", "none", [Query("sum by (job) (up)", "{{job}}")], kind="stat"
        ),
        Panel(
            "Payments asked for",
            "reqps",
            [Query("phee:payments:rate", "{{tenant}} {{outcome}}")],
            "Refused ones have their reason in phee_payments_total.",
        ),
        Panel(
            "Payments by state",
            "ops",
            [Query(rate("zeebe_executed_instances_total", "action"), "{{action}}")],
            "Root process instances that began (activated) and ended.",
        ),
        Panel(
            "Payments under way",
            "none",
            [
                Query(
                    'sum(zeebe_executed_instances_total{action="activated"})'
                    ' - sum(zeebe_executed_instances_total{action=~"completed|terminated"})',
                    "since the start of the orchestrator",
                )
            ],
        ),
        Panel(
            "Open incidents",
            "none",
            [Query("sum by (job) (zeebe_pending_incidents_total)", "{{job}}")],
            kind="stat",
        ),
        Panel(
            "Dead letters",
            "none",
            [
                Query(
                    "sum by (store, tenant, reason) (phee_importer_dead_letters_total)",
                    "{{store}} {{tenant}} {{reason}}",
                )
            ],
            "Counted since the importers started; `phee deadletters list` has those that are open.",
        ),
        Panel(
            "Freshness p99",
            "s",
            [Query("phee:freshness_seconds:p99", "{{tenant}} {{store}}")],
            "From the commit of a record until it was visible.",
        ),
        Panel(
            "Importers behind",
            "short",
            [Query("phee_importer_lag_records", "{{store}}")],
            "Records not applied yet.",
        ),
        Panel(
            "HTTP answers",
            "reqps",
            [Query(rate("phee_http_request_duration_seconds_count", "status"), "{{status}}")],
        ),
        Panel(
            "Disk left",
            "bytes",
            [Query("min by (instance) (phee_disk_free_bytes)", "{{instance}}")],
        ),
        Panel(
            "Memory",
            "bytes",
            [Query("process_resident_memory_bytes", "{{job}} {{instance}}")],
        ),
        Panel(
            "CPU",
            "percentunit",
            [Query("rate(process_cpu_seconds_total[1m])", "{{job}} {{instance}}")],
            "1 is one core.",
        ),
    ],
)
