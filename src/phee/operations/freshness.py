"""Reads as fresh as the caller wants: wait until a store has passed a place in the log.

However many requests wait, each tenant's store is asked by one task, and only while some wait.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from sqlalchemy.exc import DBAPIError

from phee.errors import TimedOut, Unavailable
from phee.operations.stores import TenantStores
from phee.stores.relational.models import StoredWatermark
from phee.stores.watermarks import position_reached
from phee.web import Position

POLL_S_MIN = 0.005
POLL_S_MAX = 0.05

ReadWatermarks = Callable[[str], Awaitable[Iterable[StoredWatermark]]]


class NotCaughtUp(TimedOut):
    """The store did not get to the wanted place in time; what was asked may be there soon."""

    code = "not-caught-up"


class Waiter(Protocol):
    """Waits for one kind of store to pass positions."""

    async def wait(self, tenant_id: str, position: Position, *, timeout_s: float) -> bool:
        """Return True once the tenant's store has everything up to ``position``.

        Return False when it does not within ``timeout_s``, also because it cannot be read.
        """


async def require(
    waiter: Waiter, tenant_id: str, position: Position | None, *, timeout_s: float
) -> None:
    """Return once the store has everything up to ``position`` (None: at once).

    Raises:
        NotCaughtUp: it does not within ``timeout_s``.
    """
    if position and not await waiter.wait(tenant_id, position, timeout_s=timeout_s):
        raise NotCaughtUp(
            "The store has not caught up with this position yet",
            where=str(position),
            fix="Read again a moment later, or without the position",
        )


class SearchWaiter:
    """Waits for search stores, which know how to wait themselves."""

    def __init__(self, stores: TenantStores) -> None:
        self._stores = stores

    async def wait(self, tenant_id: str, position: Position, *, timeout_s: float) -> bool:
        """See Waiter."""
        deadline = time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            try:
                store = await self._stores.search(tenant_id, lambda store: store)
                await store.wait_for_position(
                    position.epoch, position.partition_id, position.position, timeout_s=left_s
                )
            except TimedOut:
                return False
            except (Unavailable, DBAPIError):  # a new tenant's store is there in a moment
                await asyncio.sleep(min(POLL_S_MAX, left_s))
            else:
                return True
        return False


class PositionWaiter:
    """Waits for stores that say how far they are."""

    def __init__(self, read_watermarks: ReadWatermarks) -> None:
        self._read_watermarks = read_watermarks
        self._waiting: dict[str, list[tuple[Position, asyncio.Future[None]]]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def wait(self, tenant_id: str, position: Position, *, timeout_s: float) -> bool:
        """Return True once the tenant's store has everything up to ``position``.

        Return False when it does not within ``timeout_s``, also because it cannot be read.
        """
        arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (position, arrived)
        waiting = self._waiting.setdefault(tenant_id, [])
        waiting.append(entry)
        task = self._tasks.get(tenant_id)
        if task is None or task.done():
            self._tasks[tenant_id] = asyncio.create_task(self._watch(tenant_id, waiting))
        try:
            async with asyncio.timeout(timeout_s):
                await arrived
        except TimeoutError:
            return False
        finally:
            if entry in waiting:
                waiting.remove(entry)
        return True

    async def _watch(
        self, tenant_id: str, waiting: list[tuple[Position, asyncio.Future[None]]]
    ) -> None:
        pause_s = POLL_S_MIN
        reached: dict[tuple[int, int], int] = {}
        while waiting:
            newly = await self._reached(tenant_id)
            pause_s = POLL_S_MIN if newly != reached else min(pause_s * 1.5, POLL_S_MAX)
            reached = newly
            for position, arrived in waiting:
                log = (position.epoch, position.partition_id)
                if reached.get(log, -1) >= position.position and not arrived.done():
                    arrived.set_result(None)
            await asyncio.sleep(pause_s)

    async def _reached(self, tenant_id: str) -> dict[tuple[int, int], int]:
        try:
            marks = await self._read_watermarks(tenant_id)
        except Unavailable:  # the importer makes the store of a new tenant in a moment
            return {}
        lanes: dict[tuple[int, int], list[tuple[str, int]]] = {}
        for mark in marks:
            lanes.setdefault((mark.epoch, mark.partition_id), []).append((mark.lane, mark.position))
        return {log: position_reached(places) for log, places in lanes.items()}


def relational_waiter(stores: TenantStores) -> PositionWaiter:
    """Return a waiter for the relational stores."""
    return PositionWaiter(
        lambda tenant_id: stores.relational(tenant_id, lambda reader: reader.watermarks())
    )
