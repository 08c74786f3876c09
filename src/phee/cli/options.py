"""The options that several commands have: one name, one help text, one variable each."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class StoreName(StrEnum):
    """The kinds of stores."""

    relational = "relational"
    search = "search"


Data = Annotated[
    Path | None,
    typer.Option("--data", help="Data directory.", envvar="PHEE_DATA", show_default="data"),
]
HubData = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Data directory of the hub.",
        envvar="PHEE_DATA",
        show_default="that of the hub on the HTTP port",
    ),
]
HttpPort = Annotated[
    int | None,
    typer.Option(
        "--http-port", help="HTTP port of the hub.", envvar="PHEE_HTTP_PORT", show_default="8080"
    ),
]
GrpcPort = Annotated[
    int | None,
    typer.Option(
        "--grpc-port", help="gRPC port of the hub.", envvar="PHEE_GRPC_PORT", show_default="26500"
    ),
]
TenantOption = Annotated[str, typer.Option("--tenant", "-t", help="Tenant to act for.")]
OneTenant = Annotated[
    str | None, typer.Option("--tenant", "-t", help="Only this tenant.", show_default="all")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of a table.")]
