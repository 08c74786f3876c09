"""How our processes look for garbage: seldom, for what they make has no cycles.

They make many small objects that soon go, and go without the collector. With Python's own
thresholds an importer spent a seventh of its time looking at them.
"""

from __future__ import annotations

import gc

THRESHOLDS = (50_000, 20, 50)


def collect_seldom() -> None:
    """Look for cycles less often. Starting needs a tenth less time too: imports make what stays."""
    gc.set_threshold(*THRESHOLDS)


def keep_what_is_there() -> None:
    """Never look again at what this process has made so far: it lives as long as the process."""
    gc.collect()
    gc.freeze()
