"""How record positions map to Kafka offsets.

Within a Kafka partition the positions of a lane grow, but for repetitions: an exporter that starts
again writes once more what was not confirmed. So an offset is described by what lies **before** it:
for each lane, the largest position (a :class:`Bookmark`). A reader that has everything up to these
positions may begin at that offset and misses nothing; what repeats it recognises by its position.
Bookmarks are remembered while reading, and one is committed to Kafka with the group's offset: a
hint that saves time after a restart, checked against the watermarks of the stores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from phee.stream.port import Lane

BOOKMARKS_MAX = 256
METADATA_BYTES_MAX = 4_000
"""Kafka's own limit is 4096."""


@dataclass(frozen=True, slots=True)
class Bookmark:
    """An offset, and the largest position of each lane before it."""

    offset: int
    passed: Mapping[Lane, int]

    def is_covered_by(self, positions: Mapping[Lane, int], *, unsaid: int) -> bool:
        """Whether who has ``positions`` (``unsaid`` for other lanes) misses nothing before it."""
        return all(
            position <= positions.get(lane, unsaid) for lane, position in self.passed.items()
        )


class Bookmarks:
    """The bookmarks of one Kafka partition, thinned out so that they stay few."""

    def __init__(self, first: Bookmark) -> None:
        self._first = first
        self._marks: list[Bookmark] = []

    def add(self, offset: int, passed: Mapping[Lane, int]) -> None:
        """Remember where reading has come to."""
        self._marks.append(Bookmark(offset, dict(passed)))
        if len(self._marks) > BOOKMARKS_MAX:
            half = BOOKMARKS_MAX // 2
            self._marks[:half] = self._marks[1:half:2]

    def find(self, positions: Mapping[Lane, int], *, unsaid: int) -> Bookmark | None:
        """Return the last bookmark that ``positions`` cover."""
        for mark in reversed(self._marks):
            if mark.is_covered_by(positions, unsaid=unsaid):
                return mark
        return self._first if self._first.is_covered_by(positions, unsaid=unsaid) else None


def to_metadata(passed: Mapping[Lane, int]) -> str:
    """Return positions as the text that goes with a committed offset; newest epochs first."""
    rows = sorted(
        ((lane.epoch, lane.partition_id, at, lane.name) for lane, at in passed.items()),
        reverse=True,
    )
    text = msgspec.json.encode(rows)
    while len(text) > METADATA_BYTES_MAX:
        rows = rows[: len(rows) // 2]
        text = msgspec.json.encode(rows)
    return text.decode()


def from_metadata(text: str | None) -> dict[Lane, int] | None:
    """Read what :func:`to_metadata` wrote; None when it is something else."""
    try:
        rows = msgspec.json.decode(text or "", type=list[tuple[int, int, int, str]])
    except msgspec.DecodeError:
        return None
    return {Lane(epoch, partition_id, name): at for epoch, partition_id, at, name in rows}
