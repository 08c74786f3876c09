"""What a worker counts, as plain numbers that monitoring reads."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

DURATION_BUCKETS_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the duration buckets; one more bucket takes what is slower."""


@dataclass(slots=True)
class WorkerCounters:
    """Counted since the start of the worker, by job type.

    Attributes:
        activated: jobs received (``zeebe_client_worker_job_activated_total``).
        handled: jobs answered, by (action, type): completed, failed, error_thrown
            (``zeebe_client_worker_job_handled_total``), and lost: done, but the answer came too
            late or did not get through.
        durations: per type, how many handler runs took how long, by bucket (not cumulative).
        duration_sum_s: per type, the time spent in handlers.
        active: jobs in work right now.
    """

    activated: Counter[str] = field(default_factory=Counter)
    handled: Counter[tuple[str, str]] = field(default_factory=Counter)
    durations: dict[str, list[int]] = field(default_factory=dict)
    duration_sum_s: dict[str, float] = field(default_factory=dict)
    active: int = 0

    def ran(self, job_type: str, duration_s: float) -> None:
        """Count one run of a handler."""
        buckets = self.durations.get(job_type)
        if buckets is None:
            buckets = self.durations[job_type] = [0] * (len(DURATION_BUCKETS_S) + 1)
        buckets[bisect_left(DURATION_BUCKETS_S, duration_s)] += 1
        self.duration_sum_s[job_type] = self.duration_sum_s.get(job_type, 0.0) + duration_s
