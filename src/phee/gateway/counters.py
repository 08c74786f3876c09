"""What the gateway counts, as plain numbers that monitoring reads."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

LATENCY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets; one more bucket takes what is slower."""


class Histogram:
    """Counts of durations by bucket (not cumulative), and their sum."""

    __slots__ = ("buckets", "sum_s")

    def __init__(self) -> None:
        self.buckets = [0] * (len(LATENCY_BUCKETS_S) + 1)
        self.sum_s = 0.0

    def observe(self, duration_s: float) -> None:
        """Count one duration."""
        self.buckets[bisect_left(LATENCY_BUCKETS_S, duration_s)] += 1
        self.sum_s += duration_s

    @property
    def count(self) -> int:
        """How many durations were counted."""
        return sum(self.buckets)


@dataclass(slots=True)
class GatewayCounters:
    """Counted since the start of the process.

    Attributes:
        handled: answered calls by (method, gRPC status name).
        latency: time to answer by method; for calls that hold the line, until they end.
        queued_polls: parked ActivateJobs calls by job type, right now.
        open_streams: open StreamActivatedJobs calls by job type, right now.
        pushed_jobs: jobs sent over streams by job type.
        returned_jobs: jobs given back because their client was gone, by job type.
    """

    handled: Counter[tuple[str, str]] = field(default_factory=Counter)
    latency: dict[str, Histogram] = field(default_factory=dict)
    queued_polls: Counter[str] = field(default_factory=Counter)
    open_streams: Counter[str] = field(default_factory=Counter)
    pushed_jobs: Counter[str] = field(default_factory=Counter)
    returned_jobs: Counter[str] = field(default_factory=Counter)

    def call_ended(self, method: str, status: str, duration_s: float) -> None:
        """Count one call of ``method``."""
        self.handled[method, status] += 1
        histogram = self.latency.get(method)
        if histogram is None:
            histogram = self.latency[method] = Histogram()
        histogram.observe(duration_s)
