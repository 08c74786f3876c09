"""Where installed components live, outside every checkout."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder of the cache; ``PHEE_SERVICES_CACHE`` names another."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "phee" / "services"
    return Path(os.environ.get("PHEE_SERVICES_CACHE", default))


@contextlib.contextmanager
def alone_in_cache() -> Iterator[None]:
    """Install nothing beside somebody else: checkouts and test processes share the cache."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released when the file is closed, or its process killed
        yield
