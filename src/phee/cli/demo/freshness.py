"""Freshness as the importers measured it: their histograms, read back from /metrics."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from phee.cli import render
from phee.cli.demo.metrics import read_samples

METRIC = "phee_freshness_seconds"
SHARES = (0.5, 0.95, 0.99)


def read_freshness(ports: Sequence[int]) -> list[tuple[str, str, list[str]]]:
    """Return (tenant, store, [p50, p95, p99]) for every histogram that the importers keep."""
    buckets: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for port in ports:
        for name, labels, value in read_samples(port, METRIC):
            if name == f"{METRIC}_bucket":
                key = (labels["tenant"], labels["store"])
                buckets[key].append((float(labels["le"]), value))
    return [
        (tenant, store, [_bound(sorted(counts), share) for share in SHARES])
        for (tenant, store), counts in sorted(buckets.items())
    ]


def _bound(counts: Sequence[tuple[float, float]], share: float) -> str:
    """Return the bound under which ``share`` of the records were visible, such as ``< 50 ms``."""
    wanted = counts[-1][1] * share
    bound = next(bound for bound, count in counts if count >= wanted)
    return "over the last bound" if math.isinf(bound) else f"< {render.milliseconds(bound * 1000)}"
