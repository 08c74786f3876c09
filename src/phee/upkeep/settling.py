"""Looking again at rows of a moving store, until it is certain which of them are wrong.

A row that was written while it was compared becomes equal once both sides have gone on; one that
stays unequal while neither side changes is different.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping

from phee.upkeep.comparing import same
from phee.upkeep.snapshot import Key, Row

PAUSE_S = 0.2
QUIET_S = 2.0
"""A pair that is unequal and does not change for so long is what it is."""
PATIENCE_S = 60.0

Pair = tuple[Row | None, Row | None]
Look = Callable[[Collection[Key]], Mapping[Key, Pair]]


def settle(keys: Collection[Key], look: Look) -> dict[Key, Pair]:
    """Return the pairs of those ``keys`` that stay unequal.

    ``look`` brings both sides as near to each other as it can, and returns (found, expected).
    """
    certain: dict[Key, Pair] = {}
    seen: dict[Key, tuple[Pair, float]] = {}
    waiting = set(keys)
    never = threading.Event()
    deadline = time.monotonic() + PATIENCE_S
    while waiting:
        now = time.monotonic()
        pairs = look(waiting)
        for key, pair in pairs.items():
            if same(*pair):
                waiting.discard(key)
                continue
            before = seen.get(key)
            if before is None or before[0] != pair:
                seen[key] = pair, now
            elif now - before[1] >= QUIET_S:
                certain[key] = pair
                waiting.discard(key)
        if now >= deadline:
            return certain | {key: seen[key][0] for key in waiting}
        if waiting:
            never.wait(PAUSE_S)
    return certain
