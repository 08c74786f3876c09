"""How long to wait before the next try: exponential, bounded, with a jitter that can be repeated.

The jitter comes from a text (say, the job key), not from a random source: many waiters spread
out, and the same one computes the same wait when asked again.
"""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double from ``initial_ms`` up to ``max_ms``, each shortened by up to a quarter."""

    initial_ms: int = 500
    max_ms: int = 60_000

    def delay_ms(self, attempt: int, spread_by: str) -> int:
        """The wait after failed try number ``attempt`` (from 1), spread by a text."""
        full_ms = min(self.max_ms, self.initial_ms << min(max(attempt, 1) - 1, 32))
        share = crc32(f"{spread_by}#{attempt}".encode()) / 0xFFFFFFFF
        return full_ms - int(full_ms * share / 4)
