"""What every store offers to whoever removes old history from it."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from phee.stores.retention_marks import Cuts

Counts = Counter[str]
"""How many rows of each table, or documents of each kind."""


class Pruner(Protocol):
    """Removes what ended long ago from one tenant's store, part by part, beside its importer."""

    def count(self, cuts: Cuts) -> Counts:
        """Return what :meth:`prune_part` would remove in all, as of now."""

    def prune_part(self, cuts: Cuts, limit: int) -> Counts:
        """Remove about ``limit`` instances and what hangs on them; nothing when all is done.

        Raises:
            Unavailable: the store does not answer; what was removed stays so, nothing is half done.
        """

    def close(self) -> None:
        """Let go of the store."""
