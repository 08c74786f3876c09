"""``phee transfers``: the newest transfers of a tenant, as a table."""

from __future__ import annotations

from rich.console import Console

from phee.cli import render
from phee.cli.hub_api import HubApi
from phee.cli.settings import load_settings


def run_transfers(
    *,
    tenant: str,
    status: str | None,
    size: int,
    page: int,
    as_json: bool,
    http_port: int | None,
) -> None:
    """Print one page of transfers, newest first."""
    api = HubApi(load_settings(http_port=http_port).http_port, tenant=tenant)
    found = api.get("/api/v1/transfers", status=status, size=size, page=page)
    if as_json:
        render.show_json(found)
        return
    rows = [
        (
            render.moment(row["startedAt"]),
            row["direction"] or "",
            render.status(row["status"]),
            render.money(row["amount"], row["currency"]),
            row["payerPartyId"] or "",
            row["payeePartyId"] or "",
            row["transactionId"] or "",
        )
        for row in found["content"]
    ]
    columns = ("started (UTC)", "direction", "status", ">amount", "payer", "payee", "transaction")
    console = Console()
    console.print(render.table(f"Transfers of {tenant}", columns, rows))
    console.print(render.share_of(found), style="dim")
