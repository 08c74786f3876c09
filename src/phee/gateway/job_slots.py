"""How many more jobs a worker takes at the moment."""

from __future__ import annotations

import asyncio


class JobSlots:
    """A number of slots; a job in work takes one."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._changed = asyncio.Event()
        self._changed.set()

    async def wait_free(self) -> None:
        """Wait until a slot is free, without taking it."""
        while self._free <= 0:
            self._changed.clear()
            await self._changed.wait()

    async def take(self) -> None:
        """Take one slot, waiting for it if need be."""
        await self.wait_free()
        self._free -= 1

    def take_up_to(self, count: int) -> int:
        """Take as many of ``count`` slots as are free; how many that is."""
        taken = min(self._free, count)
        self._free -= taken
        return taken

    def give_back(self, count: int) -> None:
        """Free ``count`` slots."""
        self._free += count
        if self._free > 0:
            self._changed.set()
