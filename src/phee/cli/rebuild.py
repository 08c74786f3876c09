"""``phee rebuild``: build a tenant's stores anew from the log and put them in place."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from phee.cli.hub_api import HubApi
from phee.cli.progress import counting
from phee.cli.settings import load_settings
from phee.importers.process import KINDS, Kind
from phee.projections.mapping import default_mapping
from phee.stream import LogStream, stream_path
from phee.upkeep.rebuilding import Rebuilder, Rebuilt


def run_rebuild(
    *, tenant: str, store: Kind | None, data: Path | None, http_port: int | None
) -> None:
    """Rebuild one store or both, one after the other, while everything runs on.

    Raises:
        phee.errors.Unavailable: no hub runs there.
        phee.errors.InvalidState: another process rebuilds the store, or the log lacks records.
    """
    folder = data or data_of_hub(http_port)
    for kind in (store,) if store else KINDS:
        stream = LogStream(stream_path(folder))
        try:
            with counting(f"rebuilding {kind}") as progress:
                done = Rebuilder(
                    kind, folder, tenant, stream, default_mapping(), progress=progress
                ).rebuild()
        finally:
            stream.close()
        Console().print(_line(tenant, done), soft_wrap=True)


def data_of_hub(http_port: int | None) -> Path:
    """Ask the hub on ``http_port`` for its data directory."""
    api = HubApi(load_settings(http_port=http_port).http_port)
    return Path(api.get("/api/v1/status")["dataDirectory"])


def _line(tenant: str, done: Rebuilt) -> str:
    if done.difference_count is None:
        before = "the old store could not be read"
    else:
        before = f"the old store had {done.difference_count:,} differences"
    return f"{tenant}: {done.store} rebuilt from {done.records:,} records; {before}"
