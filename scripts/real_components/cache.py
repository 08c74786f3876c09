"""Where installed components live, outside every checkout."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder of the cache; ``PHEE_SERVICES_CACHE`` names another."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "phee" / "services"
    return Path(os.environ.get("PHEE_SERVICES_CACHE", default))
