"""``phee retention``: remove the history of process instances that ended long ago."""

from __future__ import annotations

from pathlib import Path

import msgspec
from rich.console import Console

from phee.cli import render
from phee.cli.progress import counting
from phee.cli.upkeep_place import find_runtimes, require_tenant
from phee.upkeep.retention import Removed, Retention


def run_apply(
    *,
    tenant: str | None,
    days: int | None,
    business_days: int | None,
    dry_run: bool,
    as_json: bool,
    data: Path | None,
    http_port: int | None,
) -> None:
    """Remove what is too old from the stores of one tenant or of all, or say what that would be.

    Raises:
        phee.errors.InvalidInput: business rows would go before their history.
        phee.errors.NotFound: there is no such tenant.
        phee.errors.Unavailable: no hub runs there, or a store does not answer.
    """
    settings, runtimes = find_runtimes(data, http_port)
    if tenant is not None:
        require_tenant(runtimes, tenant)
    retention = Retention(
        runtimes, days=days, default_days=settings.retention_days, business_days=business_days
    )
    found: list[Removed] = []
    for each in [tenant] if tenant else runtimes.tenants():
        with counting(f"pruning {each}") as progress:
            found += retention.apply(each, dry_run=dry_run, progress=progress)
    if as_json:
        render.show_json(msgspec.to_builtins(found))
    else:
        _show(found, dry_run=dry_run)


def _show(found: list[Removed], *, dry_run: bool) -> None:
    rows = [
        (
            each.tenant,
            each.store,
            _kept(each.days),
            f"{sum(each.removed.values()):,}",
            ", ".join(f"{name} {count:,}" for name, count in each.removed.items()),
        )
        for each in found
    ]
    title = "To be removed" if dry_run else "Removed"
    columns = ("tenant", "store", "kept for", ">rows", "of which")
    Console().print(render.table(title, columns, rows))


def _kept(days: int | None) -> str:
    if days is None:
        return "ever"
    return "1 day" if days == 1 else f"{days:,} days"
