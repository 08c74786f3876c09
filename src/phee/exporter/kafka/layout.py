"""Which Kafka partition takes a key, the same one whenever a record is sent again.

Importers take a position at or below the last of its lane for a repetition. That holds only if a
record that is sent again goes where it went before, also when its topic has got more partitions
meanwhile. So the number of partitions in use is a function of the position: a topic that has grown
is used as a whole from the end that the log had then, and what is before stays as it was.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import msgspec


class Step(msgspec.Struct, frozen=True, order=True):
    """Records after a position go into so many partitions."""

    after: int
    partitions: int


class Layout:
    """The partitions of one topic in the course of a log. Steps are in the order of positions."""

    def __init__(self, steps: Iterable[Step] = ()) -> None:
        self.steps = tuple(steps)

    def grown(self, partitions: int, log_end: int) -> Layout:
        """Return the layout of a topic that has so many partitions now; itself when it had before.

        ``log_end`` is the newest position there is, so nothing after it can have been sent. A topic
        with fewer partitions than before is another one, which holds nothing of the old one.
        """
        if not self.steps or partitions < self.steps[-1].partitions:
            return Layout([Step(0, partitions)])
        if partitions == self.steps[-1].partitions:
            return self
        return Layout([*self.steps, Step(log_end, partitions)])

    def partition(self, key: bytes, position: int) -> int:
        """Return the partition for a message about the record at ``position``."""
        for step in reversed(self.steps):
            if position > step.after:
                return zlib.crc32(key) % step.partitions
        raise AssertionError("the first step is after position 0")
