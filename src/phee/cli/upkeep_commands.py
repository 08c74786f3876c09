"""Names, options and help of the commands that look after the stores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phee.cli.options import AsJson, HttpPort, HubData, OneTenant, StoreName, TenantOption
from phee.errors import InvalidInput

OfStore = Annotated[StoreName, typer.Option("--store", help="Store that the letter is of.")]
OfTenant = Annotated[str | None, typer.Option("--tenant", "-t", help="Tenant to act for.")]
OfOperator = Annotated[
    bool, typer.Option("--operator", help="Records that belong to no tenant, instead.")
]
LetterId = Annotated[int, typer.Argument(help="Id of the dead letter.", min=1)]

deadletters = typer.Typer(
    help="Records that could not be projected: look, project again, give up.",
    no_args_is_help=True,
)

retention = typer.Typer(
    help="Remove the history of process instances that ended long ago.", no_args_is_help=True
)


def verify(
    tenant: OneTenant = None,
    as_json: AsJson = False,
    data: HubData = None,
    http_port: HttpPort = None,
) -> None:
    """Prove that engine, stream, rows and documents agree, while everything runs.

    The exit status is 1 when anything differs.
    """
    from phee.cli.verify import run_verify

    raise typer.Exit(run_verify(tenant=tenant, as_json=as_json, data=data, http_port=http_port))


def rebuild(
    tenant: TenantOption,
    store: Annotated[
        StoreName | None, typer.Option("--store", help="Only this store.", show_default="both")
    ] = None,
    data: HubData = None,
    http_port: HttpPort = None,
) -> None:
    """Build a tenant's stores anew from the stream and put them in place, while all runs."""
    from phee.cli.rebuild import run_rebuild

    run_rebuild(tenant=tenant, store=store.value if store else None, data=data, http_port=http_port)


def lag(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Look every second.")] = False,
    as_json: AsJson = False,
    http_port: HttpPort = None,
) -> None:
    """Show how far the readers of the stream are behind, and how fresh the stores are."""
    from phee.cli.lag import run_lag

    run_lag(follow=follow, as_json=as_json, http_port=http_port)


def export(
    tenant: TenantOption,
    table: Annotated[str, typer.Option(help="Table, such as transfers or documents.")],
    file_format: Annotated[
        str, typer.Option("--format", help="csv, parquet, xlsx or jsonl.")
    ] = "csv",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File.", show_default="standard output")
    ] = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="Personal data in clear, where they are masked.")
    ] = False,
    data: HubData = None,
    http_port: HttpPort = None,
) -> None:
    """Write a table of a tenant to a file, as of one moment."""
    from phee.cli.export import run_export

    run_export(
        tenant=tenant,
        table=table,
        file_format=file_format,
        output=output,
        clear=clear,
        data=data,
        http_port=http_port,
    )


@deadletters.command("list")
def list_(
    tenant: OfTenant = None,
    operator: OfOperator = False,
    store: OfStore = StoreName.relational,
    state: Annotated[str, typer.Option(help="OPEN, REPLAYED, DISCARDED or ALL.")] = "OPEN",
    size: Annotated[int, typer.Option(help="How many to show.", min=1, max=500)] = 20,
    as_json: AsJson = False,
    http_port: HttpPort = None,
) -> None:
    """List the newest dead letters of a tenant, or those that belong to none."""
    from phee.cli.deadletters import run_list

    run_list(
        tenant=_of(tenant, operator=operator),
        store=store.value,
        state=state,
        size=size,
        as_json=as_json,
        http_port=http_port,
    )


@deadletters.command()
def show(
    letter: LetterId,
    tenant: OfTenant = None,
    operator: OfOperator = False,
    store: OfStore = StoreName.relational,
    as_json: AsJson = False,
    http_port: HttpPort = None,
) -> None:
    """Show a dead letter with its record and what was decided about it."""
    from phee.cli.deadletters import run_show

    run_show(
        tenant=_of(tenant, operator=operator),
        store=store.value,
        letter=letter,
        as_json=as_json,
        http_port=http_port,
    )


@deadletters.command()
def retry(
    letter: LetterId,
    tenant: OfTenant = None,
    operator: OfOperator = False,
    store: OfStore = StoreName.relational,
    http_port: HttpPort = None,
) -> None:
    """Project a dead letter's record again, with the present mapping."""
    from phee.cli.deadletters import run_retry

    run_retry(
        tenant=_of(tenant, operator=operator), store=store.value, letter=letter, http_port=http_port
    )


@deadletters.command()
def discard(
    letter: LetterId,
    reason: Annotated[str, typer.Option(help="Why it may be given up; it is kept.")],
    tenant: OfTenant = None,
    operator: OfOperator = False,
    store: OfStore = StoreName.relational,
    http_port: HttpPort = None,
) -> None:
    """Give a dead letter up for good."""
    from phee.cli.deadletters import run_discard

    run_discard(
        tenant=_of(tenant, operator=operator),
        store=store.value,
        letter=letter,
        reason=reason,
        http_port=http_port,
    )


def _of(tenant: str | None, *, operator: bool) -> str | None:
    """Return whose letters are meant; None for those of no tenant."""
    if (tenant is None) != operator:
        raise InvalidInput(
            "it is not clear whose dead letters are meant",
            where="--tenant, --operator",
            fix="Name a tenant with --tenant, or --operator for records that belong to none",
        )
    return tenant


@retention.command()
def apply(
    tenant: OneTenant = None,
    days: Annotated[
        int | None,
        typer.Option(
            help="Keep history so many days, whatever the settings say.",
            min=0,
            show_default="the tenant's retentionDays, else PHEE_RETENTION_DAYS, else for ever",
        ),
    ] = None,
    business_days: Annotated[
        int | None,
        typer.Option(
            help="Keep business rows and payment documents so many days.",
            min=0,
            show_default="for ever",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count; remove nothing.")] = False,
    as_json: AsJson = False,
    data: HubData = None,
    http_port: HttpPort = None,
) -> None:
    """Remove what is older than the retention from rows and documents, while the hub runs."""
    from phee.cli.retention import run_apply

    run_apply(
        tenant=tenant,
        days=days,
        business_days=business_days,
        dry_run=dry_run,
        as_json=as_json,
        data=data,
        http_port=http_port,
    )


def register(app: typer.Typer) -> None:
    """Add the commands to ``phee``."""
    for command in (verify, rebuild, lag, export):
        app.command()(command)
    app.add_typer(deadletters, name="deadletters")
    app.add_typer(retention, name="retention")
