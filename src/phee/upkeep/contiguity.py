"""Whether a log is there without a gap."""

from __future__ import annotations

from phee.stream.history import block_of
from phee.stream.port import Chunk, Lane
from phee.upkeep.comparing import Difference, Differences


class Contiguity:
    """Looks for gaps in a log whose positions grow by one."""

    def __init__(self, differences: Differences) -> None:
        self._differences = differences
        self._at: dict[Lane, int] = {}
        self.records = 0

    def see(self, chunk: Chunk) -> None:
        """Look at a chunk that goes on where the one before ended."""
        for last_position, data in chunk.blocks:
            at = self._at.get(chunk.lane, 0)
            if last_position <= at:
                continue
            block = block_of(data)
            positions = [r.position for r in block.records if r.position > at] if block else []
            # A stream that spreads a log over lanes has gaps in each.
            if not chunk.lane.name and positions != list(range(at + 1, last_position + 1)):
                self._note(chunk.lane, at, last_position, len(positions))
            self.records += len(positions)
            self._at[chunk.lane] = last_position

    def _note(self, lane: Lane, at: int, last_position: int, count: int) -> None:
        where = f"{lane.epoch}:{lane.partition_id}"
        expected, found = f"{at + 1} to {last_position}", f"{count} records"
        self._differences.add(
            Difference("log", where, f"after {at}", "different", "position", expected, found)
        )
