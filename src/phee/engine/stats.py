"""Counters of what the engine did, in the meaning of Zeebe's metrics.

Plain numbers, written by the engine's loop and read by whoever exposes them; nothing here imports
a metrics library. Counters start at zero when the engine opens.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

COMMIT_BUCKETS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


class Histogram:
    """Counts of values up to each bound; the last count is of everything above."""

    __slots__ = ("bounds", "count", "counts", "total")

    def __init__(self, bounds: tuple[float, ...] = COMMIT_BUCKETS_MS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.count = 0
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.count += 1
        self.total += value
        for index, bound in enumerate(self.bounds):
            if value <= bound:
                self.counts[index] += 1
                return
        self.counts[-1] += 1


class Stats:
    """What happened since the engine opened.

    Attributes:
        elements: activated, completed, terminated by (action, element type).
        jobs: created, activated, completed, failed, "timed out", canceled, "error thrown",
            pushed by (action, job type).
        records: by (record type, value type, intent), as numbers.
        instances_created, instances_completed, instances_terminated: root instances (not those that
            call activities started).
        commit_ms: from the first record of a group to its durability.
    """

    def __init__(self) -> None:
        self.elements: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.jobs: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.records: defaultdict[tuple[int, int, int], int] = defaultdict(int)
        self.instances_created = 0
        self.instances_completed = 0
        self.instances_terminated = 0
        self.incidents_created = 0
        self.incidents_resolved = 0
        self.messages_published = 0
        self.requests_received = 0
        self.requests_refused = 0
        self.faults = 0
        self.groups = 0
        self.commit_ms = Histogram()
        self.flush_ms = Histogram()

    def snapshot(self) -> dict[str, Any]:
        """Return every number, with names as keys."""
        return {
            name: dict(value) if isinstance(value, defaultdict) else value
            for name, value in vars(self).items()
        }
