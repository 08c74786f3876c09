"""``phee rebuild``: build a tenant's stores anew from the stream and put them in place."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from phee.cli.progress import counting
from phee.cli.upkeep_place import find_runtimes, require_tenant
from phee.importers.process import KINDS, Kind
from phee.projections.mapping import default_mapping
from phee.upkeep.rebuilding import Rebuilder, Rebuilt


def run_rebuild(
    *, tenant: str, store: Kind | None, data: Path | None, http_port: int | None
) -> None:
    """Rebuild one store or both, one after the other, while everything runs on.

    Raises:
        phee.errors.NotFound: there is no such tenant.
        phee.errors.Unavailable: the stream or a server does not answer.
        phee.errors.InvalidState: another process rebuilds the store, or the stream lacks records.
    """
    _, runtimes = find_runtimes(data, http_port)
    require_tenant(runtimes, tenant)
    for kind in (store,) if store else KINDS:
        history = runtimes.open_history()
        try:
            with counting(f"rebuilding {kind}") as progress:
                done = Rebuilder(
                    kind, runtimes, tenant, history, default_mapping(), progress=progress
                ).rebuild()
        finally:
            history.close()
        Console().print(_line(tenant, done), soft_wrap=True)


def _line(tenant: str, done: Rebuilt) -> str:
    if done.difference_count is None:
        before = "the old store could not be read"
    else:
        before = f"the old store had {done.difference_count:,} differences"
    return f"{tenant}: {done.store} rebuilt from {done.records:,} records; {before}"
