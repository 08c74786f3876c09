"""``phee exporter`` and ``phee importer``: the services of the data side, one process each.

Options of ``run``, ``relational`` and ``search`` are those of ``python -m phee.exporter`` and
``python -m phee.importers``: they are handed on as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phee.cli.options import AsJson

Data = Annotated[
    Path, typer.Option("--data", help="Data directory of the hub.", envvar="PHEE_DATA")
]
Name = Annotated[str, typer.Option("--name", help="Name of the exporter.")]
Position = Annotated[int, typer.Argument(help="Position in the record log.", min=0)]
_HANDED_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}

exporter = typer.Typer(
    help="The record log's way into Kafka: run it, hold it up, send it on or back.",
    no_args_is_help=True,
)
importer = typer.Typer(
    help="The stream's way into the stores, as services of their own: any number of each.",
    no_args_is_help=True,
)


@exporter.command("run", context_settings=_HANDED_ON)
def run_exporter(context: typer.Context) -> None:
    """Export until Ctrl-C or SIGTERM (see `phee exporter run --help` for all options)."""
    from phee.exporter.__main__ import main

    raise typer.Exit(main(["kafka", *context.args], name="phee exporter run"))


@exporter.command()
def pause(data: Data = Path("data"), name: Name = "kafka") -> None:
    """Send nothing until `resume`; the log keeps what was not sent."""
    from phee.exporter.kafka import control

    control.pause(data, name)
    typer.echo(f"{name}: pause asked for")


@exporter.command()
def resume(data: Data = Path("data"), name: Name = "kafka") -> None:
    """Go on after `pause`."""
    from phee.exporter.kafka import control

    control.resume(data, name)
    typer.echo(f"{name}: resume asked for")


@exporter.command()
def skip(position: Position, data: Data = Path("data"), name: Name = "kafka") -> None:
    """Give up every record up to a position that was not sent; Kafka never gets them."""
    from phee.exporter.kafka import control

    control.skip(data, position, name)
    typer.echo(f"{name}: skip to {position} asked for")


@exporter.command()
def reset(
    position: Annotated[int, typer.Argument(help="Position in the record log.", min=0)] = 0,
    data: Data = Path("data"),
    name: Name = "kafka",
) -> None:
    """Send once more everything after a position that the log still has."""
    from phee.exporter.kafka import control

    control.reset(data, position, name)
    typer.echo(f"{name}: reset to {position} asked for")


@exporter.command()
def status(data: Data = Path("data"), name: Name = "kafka", as_json: AsJson = False) -> None:
    """Show how far an exporter is. The exit status is 1 when it does not run."""
    from phee.cli.exporter_status import run_status

    raise typer.Exit(run_status(data, name, as_json=as_json))


@importer.command("relational", context_settings=_HANDED_ON)
def import_relational(context: typer.Context) -> None:
    """Import into the relational store (see `phee importer relational --help` for options)."""
    _import("relational", context)


@importer.command("search", context_settings=_HANDED_ON)
def import_search(context: typer.Context) -> None:
    """Import into the search store (see `phee importer search --help` for options)."""
    _import("search", context)


def _import(kind: str, context: typer.Context) -> None:
    from phee.importers.__main__ import main

    raise typer.Exit(main([kind, *context.args], name="phee importer"))


def register(app: typer.Typer) -> None:
    """Add the commands to ``phee``."""
    app.add_typer(exporter, name="exporter")
    app.add_typer(importer, name="importer")
