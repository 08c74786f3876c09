"""Where the commands that look after the stores find them: the settings, and the hub's own word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from phee.cli.hub_api import HubApi
from phee.cli.settings import Settings, load_settings
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
        phee.errors.Unavailable: no data directory is named and no hub runs there.
    """
    settings = load_settings(http_port=http_port)
    return settings, runtimes_of(settings, data or data_of_hub(settings))


def data_of_hub(settings: Settings) -> Path:
    """Ask the hub for its data directory."""
    return Path(status_of_hub(settings)["dataDirectory"])


def status_of_hub(settings: Settings) -> dict[str, Any]:
    """Ask the hub how it does."""
    found: dict[str, Any] = HubApi(settings.http_port).get("/api/v1/status")
    return found
