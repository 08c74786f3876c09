"""Durations on the wire: any 64-bit number, kept within what a date can hold."""

from __future__ import annotations

MAX_DURATION_MS = 100 * 366 * 24 * 3600 * 1000
"""A hundred years: whoever sends more means "for ever"."""


def bounded_ms(duration_ms: int) -> int:
    """``duration_ms`` within a hundred years to either side; below 0 keeps its meaning."""
    return max(-MAX_DURATION_MS, min(duration_ms, MAX_DURATION_MS))
