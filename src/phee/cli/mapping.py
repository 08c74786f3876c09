"""``phee mapping``: names, options and help of the commands about the mapping file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phee.cli.options import AsJson, HttpPort, HubData

app = typer.Typer(
    help="What variables and error codes of payments mean: check, show, replace.",
    no_args_is_help=True,
)


@app.command()
def check(
    drawings: Annotated[
        Path | None,
        typer.Option(
            help="Folder of BPMN files.", exists=True, file_okay=False, show_default="those shipped"
        ),
    ] = None,
    tenant: Annotated[
        str | None, typer.Option("--tenant", "-t", help="The drawings that a tenant has deployed.")
    ] = None,
    mapping_file: Annotated[
        Path | None,
        typer.Option(
            "--mapping",
            help="Mapping file.",
            exists=True,
            dir_okay=False,
            show_default="the one that ships",
        ),
    ] = None,
    strict: Annotated[bool, typer.Option(help="Gaps are errors, too.")] = False,
    as_json: AsJson = False,
    data: HubData = None,
    http_port: HttpPort = None,
) -> None:
    """Say what a mapping gets wrong about drawings, and what it does not cover.

    The exit status is 1 when a row would be wrong (with --strict also when something is missing).
    """
    from phee.cli.mapping_check import run_check

    raise typer.Exit(
        run_check(
            drawings=drawings,
            tenant=tenant,
            mapping=mapping_file,
            strict=strict,
            as_json=as_json,
            data=data,
            http_port=http_port,
        )
    )


@app.command("error-codes")
def error_codes(
    tenant: Annotated[str, typer.Option("--tenant", "-t", help="Whose codes.")],
    file: Annotated[
        Path | None,
        typer.Argument(
            help="CSV with errorCode, errorMessage, recoverable, transactionType; replaces all.",
            exists=True,
            dir_okay=False,
            show_default="only show them",
        ),
    ] = None,
    as_json: AsJson = False,
    data: HubData = None,
    http_port: HttpPort = None,
) -> None:
    """Show what error codes mean for a tenant, or replace all of it by what a file says."""
    from phee.cli.error_codes import run_error_codes

    run_error_codes(tenant=tenant, file=file, as_json=as_json, data=data, http_port=http_port)
