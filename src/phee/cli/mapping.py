"""``phee mapping``: names, options and help of the commands about the mapping file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The mapping from variables to fields of payments.", no_args_is_help=True)


@app.callback()
def mapping() -> None:
    """The mapping from variables to fields of payments."""


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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON for machines instead of a table.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Data directory of the hub.",
            envvar="PHEE_DATA",
            show_default="that of the hub on the HTTP port",
        ),
    ] = None,
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
        )
    )
