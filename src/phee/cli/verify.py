"""``phee verify``: prove that engine, log, rows and documents tell the same story."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from phee.cli import render
from phee.cli.hub_api import HubApi
from phee.cli.progress import counting
from phee.cli.settings import Settings
from phee.cli.upkeep_place import find_runtimes, require_tenant
from phee.errors import Unavailable
from phee.projections.mapping import default_mapping
from phee.stream.port import Lane
from phee.upkeep.comparing import Difference
from phee.upkeep.report import TenantReport, Verification
from phee.upkeep.running import RunningInstances
from phee.upkeep.verification import Verifier

SHOWN_MAX = 50
_ALL_AGREE = "engine, log, rows and documents agree"


def run_verify(
    *, tenant: str | None, as_json: bool, data: Path | None, http_port: int | None
) -> int:
    """Verify one tenant or all of them; return 0 only if everything that was compared agrees.

    Raises:
        phee.errors.NotFound: there is no such tenant.
        phee.errors.Unavailable: the stream does not answer, or a store cannot be read.
    """
    settings, runtimes = find_runtimes(data, http_port)
    if tenant is not None:
        require_tenant(runtimes, tenant)
    history = runtimes.open_history()
    try:
        with counting("folding the stream") as progress:
            verifier = Verifier(
                runtimes,
                history,
                default_mapping(),
                list_running=lambda: list_running(settings),
                progress=progress,
            )
            found = verifier.verify([tenant] if tenant else runtimes.tenants())
    finally:
        history.close()
    if as_json:
        sys.stdout.write(json.dumps(msgspec.to_builtins(found)) + "\n")
    else:
        _show(found)
    return 0 if found.is_clean else 1


def list_running(settings: Settings) -> RunningInstances | None:
    """Ask the orchestrator which process instances run; None when it cannot tell.

    Raises:
        phee.errors.Unavailable: it should tell, and does not answer.
    """
    if settings.orchestrator != "embedded":
        return None
    try:
        return running(HubApi(settings.http_port))
    except Unavailable:
        if settings.stream.startswith("kafka://"):
            return None  # the stream does not need the hub; the report says what was left out
        raise


def running(api: HubApi) -> RunningInstances:
    """Ask a hub which process instances run."""
    answer: dict[str, Any] = api.get("/api/v1/running-instances")
    return RunningInstances(
        Lane(int(answer["epoch"]), answer["partitionId"]),
        answer["position"],
        {
            (group["tenant"], group["bpmnProcessId"]): group["processInstanceKeys"]
            for group in answer["groups"]
        },
    )


def _show(found: Verification) -> None:
    console = Console()
    for report in found.tenants:
        _show_tenant(console, report)
    differences = [("", each) for each in found.log_differences]
    differences += [
        (report.tenant, each) for report in found.tenants for each in report.differences
    ]
    count = sum(report.difference_count for report in found.tenants) + len(found.log_differences)
    if differences:
        _show_differences(console, differences[:SHOWN_MAX], count)
    for reason in found.not_checked:
        console.print(Text(f"NOT CHECKED: {reason}", "yellow"), soft_wrap=True)
    text = f"{found.records:,} records folded: "
    if found.is_clean:
        parts = "what was checked agrees" if found.not_checked else _ALL_AGREE
        console.print(Text(text + parts, "bold green"))
    else:
        console.print(Text(f"{text}{count:,} differences", "bold red"))


def _show_tenant(console: Console, report: TenantReport) -> None:
    rows = [
        (
            store.store,
            f"{store.position:,}",
            f"{sum(store.rows.values()):,}",
            f"{sum(total.count for total in store.totals):,}",
            "\n".join(
                f"{total.status} {total.count:,}: {render.money(total.amount, total.currency)}"
                for total in store.totals
            ),
            f"{store.open_dead_letters:,}",
        )
        for store in report.stores
    ]
    columns = ("store", ">position", ">rows", ">payments", "by status", ">open dead letters")
    count = report.running_instances
    title = f"{report.tenant}: " + (
        "running instances not checked" if count is None else f"{count:,} running"
    )
    console.print(render.table(title, columns, rows))


def _show_differences(
    console: Console, differences: list[tuple[str, Difference]], count: int
) -> None:
    rows = [
        (
            tenant,
            each.store,
            each.table,
            each.key,
            each.what,
            each.column,
            each.expected or "",
            each.found or "",
        )
        for tenant, each in differences
    ]
    columns = ("tenant", "where", "table", "key", "what", "column", "the log says", "it has")
    console.print(render.table(f"Differences ({len(rows)} of {count:,})", columns, rows))
