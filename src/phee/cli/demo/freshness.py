"""Freshness as the importers measured it: their histograms, read back from /metrics."""

from __future__ import annotations

import math
import urllib.request
from collections import defaultdict
from collections.abc import Sequence

from prometheus_client.parser import text_string_to_metric_families

from phee.cli import render

METRIC = "phee_freshness_seconds"
SHARES = (0.5, 0.95, 0.99)


def read_freshness(ports: Sequence[int]) -> list[tuple[str, str, list[str]]]:
    """Return (tenant, store, [p50, p95, p99]) for every histogram that the importers keep."""
    buckets: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for port in ports:
        for name, labels, value in _samples(port):
            if name == f"{METRIC}_bucket":
                key = (labels["tenant"], labels["store"])
                buckets[key].append((float(labels["le"]), value))
    return [
        (tenant, store, [_bound(sorted(counts), share) for share in SHARES])
        for (tenant, store), counts in sorted(buckets.items())
    ]


def _samples(port: int) -> list[tuple[str, dict[str, str], float]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        text = response.read().decode()
    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        if family.name == METRIC
        for sample in family.samples
    ]


def _bound(counts: Sequence[tuple[float, float]], share: float) -> str:
    """Return the bound under which ``share`` of the records were visible, such as ``< 50 ms``."""
    wanted = counts[-1][1] * share
    bound = next(bound for bound, count in counts if count >= wanted)
    return "over the last bound" if math.isinf(bound) else f"< {render.milliseconds(bound * 1000)}"
