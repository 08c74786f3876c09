"""``phee up``: the hub, its importers and its exporter, supervised, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from phee.cli.data_directory import DataDirectory
from phee.cli.settings import Settings, load_settings
from phee.cli.supervisor import ProcessSpec, Supervisor
from phee.errors import InvalidState
from phee.extras import require_extra

IMPORTERS = ("relational", "search")


def hub_processes(settings: Settings) -> list[ProcessSpec]:
    """Return the processes of a hub, the hub itself first."""
    hub = ProcessSpec("hub", "phee.cli.hub", (), settings.http_port)
    exporters = [_exporter(settings)] if settings.exports else []
    return [hub, *exporters, *(_importer(settings, kind) for kind in IMPORTERS)]


def hub_ports(settings: Settings) -> dict[str, int]:
    """Return the port of every process of a hub that tells its health, by the process's name."""
    return {spec.name: spec.health_port for spec in hub_processes(settings)}


def require_hub_ports(settings: Settings) -> None:
    """Accept settings whose ports nobody listens on.

    Raises:
        InvalidState: one is taken.
    """
    grpc = [settings.grpc_port] if settings.is_embedded else []
    require_free([*hub_ports(settings).values(), *grpc])


def require_extras(settings: Settings) -> None:
    """Accept settings whose runtimes have their libraries.

    Raises:
        phee.errors.NotSupported: one is not installed.
    """
    for role, extra in (("stream", "kafka"), ("database", "mysql"), ("search", "search")):
        if "://" in getattr(settings, role):
            require_extra(extra, where=f"PHEE_{role.upper()}")


def _importer(settings: Settings, kind: str) -> ProcessSpec:
    port = settings.port_of(kind)
    arguments = (kind, "--data", str(settings.data), "--http-port", str(port))
    return ProcessSpec(f"importer-{kind}", "phee.importers", arguments, port)


def _exporter(settings: Settings) -> ProcessSpec:
    port = settings.port_of("exporter")
    where = ("--data", str(settings.data), "--stream", settings.stream)
    return ProcessSpec(
        "exporter", "phee.exporter", ("kafka", *where, "--http-port", str(port)), port
    )


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the environment from which child processes read ``settings``."""
    given = {name: value for name, value in settings.model_dump().items() if value is not None}
    return {**os.environ, **{f"PHEE_{name.upper()}": str(value) for name, value in given.items()}}


def require_free(ports: Sequence[int]) -> None:
    """Accept ports that nobody listens on.

    Raises:
        InvalidState: one is taken.
    """
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise InvalidState(
                    f"port {port} is taken",
                    where=f"127.0.0.1:{port}",
                    fix="Stop what listens there, or choose other ports with PHEE_HTTP_PORT,"
                    " PHEE_GRPC_PORT and PHEE_IMPORTER_PORT (that one and the next two)",
                ) from error


def run_up(*, data: Path | None, http_port: int | None, grpc_port: int | None) -> int:
    """Run a hub until SIGINT or SIGTERM; return the exit status."""
    settings = load_settings(data=data, http_port=http_port, grpc_port=grpc_port)
    require_extras(settings)
    require_hub_ports(settings)
    with DataDirectory(settings.data):
        asyncio.run(_up(settings))
    return 0


async def _up(settings: Settings) -> None:
    console = Console()
    started = time.monotonic()
    stopping = stop_signal()
    supervisor = Supervisor(
        hub_processes(settings), settings.data / "logs", environment_of(settings)
    )
    await supervisor.start()
    try:
        ready = asyncio.create_task(supervisor.wait_ready())
        with console.status("starting"):
            await asyncio.wait({ready, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            ready.result()
            console.print(
                f"[bold green]ready[/] in {time.monotonic() - started:.1f} s: "
                f"{settings.http_url}, {orchestrator_address(settings)}, data in {settings.data}",
                highlight=False,
                soft_wrap=True,  # one line, however long the path is
            )
        await stopping
    finally:
        await supervisor.stop()
    console.print("stopped")


def orchestrator_address(settings: Settings) -> str:
    """Return where the flows run, as one would say it."""
    return f"gRPC {settings.grpc_target}" if settings.is_embedded else settings.orchestrator


def stop_signal() -> asyncio.Future[None]:
    """Return a future that is done at the first SIGINT or SIGTERM."""
    loop = asyncio.get_running_loop()
    stopping: asyncio.Future[None] = loop.create_future()

    def stop() -> None:
        if not stopping.done():
            stopping.set_result(None)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    return stopping
