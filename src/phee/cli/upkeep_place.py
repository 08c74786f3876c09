"""Where the commands that look after the stores find them: the settings, and the hub's own word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from phee.cli.hub_api import HubApi
from phee.cli.settings import Settings, load_settings
from phee.errors import InvalidInput, NotFound
from phee.upkeep.runtimes import Runtimes


def runtimes_of(settings: Settings, data: Path | None = None) -> Runtimes:
    """Return the runtimes that ``settings`` name, on another data directory if one is given."""
    return Runtimes(
        data=data or settings.data,
        stream=settings.stream,
        database=settings.database,
        search=settings.search,
    )


def find_runtimes(data: Path | None, http_port: int | None) -> tuple[Settings, Runtimes]:
    """Return the settings and the runtimes of a hub; without ``data`` the hub is asked for it.

    Raises:
        InvalidInput: the data directory that is named is none.
        phee.errors.Unavailable: no data directory is named and no hub runs there.
    """
    if data is not None and not data.is_dir():
        raise InvalidInput(
            "there is no such data directory",
            where=str(data),
            fix="Name that of the hub with --data, or none while the hub runs",
        )
    settings = load_settings(http_port=http_port)
    return settings, runtimes_of(settings, data or data_of_hub(settings))


def require_tenant(runtimes: Runtimes, tenant: str) -> None:
    """Accept a tenant of this hub.

    Raises:
        NotFound: it has none of this name.
    """
    known = runtimes.tenants()
    if tenant not in known:
        raise NotFound(
            "there is no such tenant",
            where=f"{tenant}, data directory {runtimes.data}",
            fix=f"Name one of: {', '.join(known)}" if known else "No tenant was onboarded here",
        )


def data_of_hub(settings: Settings) -> Path:
    """Ask the hub for its data directory."""
    return Path(status_of_hub(settings)["dataDirectory"])


def status_of_hub(settings: Settings) -> dict[str, Any]:
    """Ask the hub how it does."""
    found: dict[str, Any] = HubApi(settings.http_port).get("/api/v1/status")
    return found
