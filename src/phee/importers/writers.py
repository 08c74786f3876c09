"""Writing to the stores of several tenants at once.

A store on a server is mostly waited for, so the tenants of a batch need not wait for each other.
An embedded store keeps a processor busy; there one after the other is faster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

REMOTE_AT_ONCE = 4
"""Each has a statement or request of up to a megabyte in memory."""


class Writers:
    """Runs up to ``at_once`` writes, each of another tenant, at the same time."""

    def __init__(self, at_once: int) -> None:
        self._threads = (
            ThreadPoolExecutor(at_once, thread_name_prefix="phee-write") if at_once > 1 else None
        )

    def run(self, writes: Sequence[Callable[[], int]]) -> int:
        """Run ``writes``, return the sum of what they return.

        None is still running afterwards; if some failed, the first of them is raised then.
        """
        if self._threads is None or len(writes) < 2:
            return sum(write() for write in writes)
        running = [self._threads.submit(write) for write in writes]
        wait(running)
        return sum(write.result() for write in running)

    def close(self) -> None:
        """End the threads."""
        if self._threads is not None:
            self._threads.shutdown()
