"""Counters of what the engine did, in the meaning of Zeebe's metrics.

Plain numbers, written by the engine's loop and read by whoever exposes them; nothing here imports
a metrics library. Counters start at zero when the engine opens.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import Any

COMMIT_BUCKETS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
LIFE_BUCKETS_MS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 120_000)
COMMANDS_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


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
        self.counts[bisect_left(self.bounds, value)] += 1


class Stats:
    """What happened since the engine opened.

    Attributes:
        elements: activated, completed, terminated by (action, element type, event type).
        jobs: created, activated, completed, failed, "timed out", canceled, "error thrown",
            pushed by (action, job type).
        records: by (record type, value type, intent), as numbers.
        instances_created, instances_completed, instances_terminated: root instances (not those that
            call activities started).
        recovery_s: how long opening took: reading the state and making it durable.
        wait_ms: how long the oldest command of a group waited for being processed.
        commit_ms: from the first record of a group to its durability.
        group_ms, group_commands: processing a group, and how many commands were in it.
        instance_ms: from the start of a process instance to its completion.
        job_wait_ms, job_life_ms: from the creation of a job to its activations, to its completion.
    """

    def __init__(self) -> None:
        self.elements: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self.jobs: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.records: defaultdict[tuple[int, int, int], int] = defaultdict(int)
        self.instances_created = 0
        self.instances_completed = 0
        self.instances_terminated = 0
        self.incidents_created = 0
        self.incidents_resolved = 0
        self.requests_received = 0
        self.requests_refused = 0
        self.faults = 0
        self.groups = 0
        self.recovery_s = 0.0
        self.wait_ms = Histogram()
        self.commit_ms = Histogram()
        self.flush_ms = Histogram()
        self.group_ms = Histogram()
        self.group_commands = Histogram(COMMANDS_BUCKETS)
        self.instance_ms = Histogram(LIFE_BUCKETS_MS)
        self.job_wait_ms = Histogram(LIFE_BUCKETS_MS)
        self.job_life_ms = Histogram(LIFE_BUCKETS_MS)

    def snapshot(self) -> dict[str, Any]:
        """Return every number, with names as keys."""
        return {
            name: dict(value) if isinstance(value, defaultdict) else value
            for name, value in vars(self).items()
        }
