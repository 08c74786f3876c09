"""The ``phee`` command: names, options and help of every sub-command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from phee.cli import mapping, service_commands, upkeep_commands
from phee.cli.options import AsJson, Data, GrpcPort, HttpPort, HubData, TenantOption
from phee.errors import PheeError

app = typer.Typer(
    name="phee",
    help="A headless payment hub: REST in, BPMN flows, every record streamed to its stores.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.command()
def up(data: Data = None, http_port: HttpPort = None, grpc_port: GrpcPort = None) -> None:
    """Start the hub on loopback: engine, gateway, APIs, workers and both importers.

    Ctrl-C stops it cleanly.
    """
    from phee.cli.up import run_up

    raise typer.Exit(run_up(data=data, http_port=http_port, grpc_port=grpc_port))


@app.command()
def demo(
    payments: Annotated[int, typer.Option(help="How many payments to post.", min=1)] = 200,
    seed: Annotated[int, typer.Option(help="Seed of what is paid by whom to whom.")] = 1,
    leave: Annotated[bool, typer.Option("--exit", help="End the hub when done.")] = False,
    data: Data = None,
    http_port: HttpPort = None,
    grpc_port: GrpcPort = None,
) -> None:
    """Start a hub with two tenants and simulated banks, post payments, show what came out.

    The exit status is not 0 if anything is missing or doubled, or money does not add up.
    """
    from phee.cli.demo import run_demo

    raise typer.Exit(
        run_demo(
            payments=payments,
            seed=seed,
            leave=leave,
            data=data,
            http_port=http_port,
            grpc_port=grpc_port,
        )
    )


@app.command()
def deploy(
    files: Annotated[list[Path], typer.Argument(help="BPMN files.", exists=True, dir_okay=False)],
    tenant: TenantOption = "<default>",
    force: Annotated[
        bool, typer.Option(help="Deploy even if no worker serves some of its job types.")
    ] = False,
    http_port: HttpPort = None,
) -> None:
    """Deploy BPMN drawings for a tenant, all or none (DFSPID becomes the tenant's id)."""
    from phee.cli.deploy import run_deploy

    run_deploy(files, tenant=tenant, force=force, http_port=http_port)


@app.command()
def pay(
    amount: Annotated[str, typer.Argument(help="Amount, such as 12.50.")],
    currency: Annotated[str, typer.Argument(help="ISO 4217 code, such as USD.")],
    payer: Annotated[str, typer.Option("--from", help="MSISDN of the payer.")],
    payee: Annotated[str, typer.Option("--to", help="MSISDN of the payee.")],
    tenant: TenantOption,
    correlation_id: Annotated[
        str | None, typer.Option(help="Your id of this payment: the same id never pays twice.")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Wait for the outcome.")] = True,
    as_json: AsJson = False,
    http_port: HttpPort = None,
) -> None:
    """Send one payment and show what becomes of it."""
    from phee.cli.pay import run_pay

    raise typer.Exit(
        run_pay(
            amount=amount,
            currency=currency,
            payer=payer,
            payee=payee,
            tenant=tenant,
            correlation_id=correlation_id,
            wait=wait,
            as_json=as_json,
            http_port=http_port,
        )
    )


@app.command()
def transfers(
    tenant: TenantOption,
    status: Annotated[str | None, typer.Option(help="Only this status.")] = None,
    size: Annotated[int, typer.Option(help="How many to show.", min=1, max=500)] = 20,
    page: Annotated[int, typer.Option(help="Which page, from 0.", min=0)] = 0,
    as_json: AsJson = False,
    http_port: HttpPort = None,
) -> None:
    """List the newest transfers of a tenant."""
    from phee.cli.transfers import run_transfers

    run_transfers(
        tenant=tenant, status=status, size=size, page=page, as_json=as_json, http_port=http_port
    )


@app.command()
def status(as_json: AsJson = False, http_port: HttpPort = None) -> None:
    """Show whether the hub is well: its processes, positions and lag."""
    from phee.cli.status import run_status

    raise typer.Exit(run_status(as_json=as_json, http_port=http_port))


@app.command()
def records(
    start: Annotated[int, typer.Option("--from", help="First position.", min=1)] = 1,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as records come.")] = False,
    data: HubData = None,
    http_port: HttpPort = None,
) -> None:
    """Print the record log as JSON lines, in the form in which Zeebe exports it."""
    from phee.cli.records import run_records

    run_records(start=start, follow=follow, data=data, http_port=http_port)


@app.command()
def feel(
    expression: Annotated[str, typer.Argument(help="The expression; a leading '=' is allowed.")],
    context: Annotated[
        str, typer.Option("--context", "-c", help="The variables, as a JSON object.")
    ] = "{}",
    as_json: AsJson = False,
) -> None:
    """Evaluate a FEEL expression; warnings and errors go to standard error.

    The exit status is 2 when the text is no expression or the context no JSON object.
    """
    from phee.cli.feel import run_feel

    run_feel(expression, context, as_json=as_json)


upkeep_commands.register(app)
service_commands.register(app)
app.add_typer(mapping.app, name="mapping")


def main() -> None:
    """Run the command line; a :class:`PheeError` becomes one clear line and exit status 1."""
    try:
        app()
    except PheeError as error:
        _complain(error)
        sys.exit(1)


def _complain(error: PheeError) -> None:
    from rich.console import Console
    from rich.text import Text

    lines = [Text.assemble((type(error).__name__, "bold red"), f": {error.what}")]
    lines += [Text(f"  where: {error.where}")] if error.where else []
    lines += [Text(f"  do:    {error.fix}")] if error.fix else []
    console = Console(stderr=True)
    for line in lines:
        console.print(line, soft_wrap=True)


if __name__ == "__main__":
    main()
