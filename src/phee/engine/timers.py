"""Timers: what waits for a moment, and the heap that finds what is due.

Invariants: every timer in the heap that is not gone lies in a row; a timer with an element
instance belongs to a registered one, one without (key -1) starts instances of the newest version
of its process.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

from phee.engine.rows import TIMER_ROW, numbered
from phee.records.values import TimerValue


class Timer:
    """One timer. ``cycle`` is the text of a repeating one (empty otherwise)."""

    __slots__ = (
        "cycle",
        "definition_key",
        "due_at",
        "element_instance_key",
        "gone",
        "instance_key",
        "key",
        "repetitions",
        "stored",
        "target_id",
        "tenant_id",
    )

    def __init__(
        self,
        key: int,
        due_at: int,
        definition_key: int,
        instance_key: int,
        element_instance_key: int,
        target_id: str,
        repetitions: int,
        cycle: str,
        tenant_id: str,
    ) -> None:
        self.key = key
        self.due_at = due_at
        self.definition_key = definition_key
        self.instance_key = instance_key
        self.element_instance_key = element_instance_key
        self.target_id = target_id
        self.repetitions = repetitions
        self.cycle = cycle
        self.tenant_id = tenant_id
        self.stored = False
        self.gone = False

    def row_key(self) -> bytes:
        """Return where it lies."""
        return numbered(TIMER_ROW, self.key)

    def row(self) -> tuple[Any, ...]:
        """Return what lies there."""
        return (
            self.key,
            self.due_at,
            self.definition_key,
            self.instance_key,
            self.element_instance_key,
            self.target_id,
            self.repetitions,
            self.cycle,
            self.tenant_id,
        )

    @classmethod
    def load(cls, row: Any) -> Timer:
        """Return the timer of a row."""
        timer = cls(*row)
        timer.stored = True
        return timer

    def record(self) -> TimerValue:
        """Return the value of a TIMER record about this timer."""
        return TimerValue(
            self.definition_key,
            self.instance_key,
            self.element_instance_key,
            self.due_at,
            self.target_id,
            self.repetitions,
            self.tenant_id,
        )


class DueHeap:
    """Things by the moment they are due; things that are gone are skipped."""

    __slots__ = ("_heap", "_live")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int]] = []
        self._live: dict[tuple[int, int], Any] = {}

    def __len__(self) -> int:
        return len(self._live)

    def add(self, due_at: int, key: int, thing: Any) -> None:
        """Have ``thing`` come up at ``due_at``; equal moments come in key order."""
        entry = (due_at, key)
        if entry not in self._live:
            heappush(self._heap, entry)
        self._live[entry] = thing

    def discard(self, due_at: int, key: int) -> None:
        """Take a thing out."""
        self._live.pop((due_at, key), None)
        if len(self._heap) > 2 * len(self._live) + 64:
            self._heap = sorted(self._live)

    def next_due(self) -> int | None:
        """Return when the first thing is due."""
        heap = self._heap
        while heap and heap[0] not in self._live:
            heappop(heap)
        return heap[0][0] if heap else None

    def due(self, now: int, limit: int) -> list[Any]:
        """Return up to ``limit`` things due at ``now`` or before, and leave them in."""
        found: list[Any] = []
        entries: list[tuple[int, int]] = []
        heap, live = self._heap, self._live
        while heap and heap[0][0] <= now and len(found) < limit:
            entry = heappop(heap)
            if entry in live:
                entries.append(entry)
                found.append(live[entry])
        for entry in entries:
            heappush(heap, entry)
        return found
