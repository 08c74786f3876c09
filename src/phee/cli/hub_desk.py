"""Decisions about dead letters in the hub process: each runs in a thread, on a log of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy.exc import OperationalError

from phee.errors import Unavailable
from phee.operations.dead_letters import DecisionAnswer
from phee.operations.parameters import Store
from phee.projections.mapping import default_mapping
from phee.stream import LogStream, stream_path
from phee.upkeep.deadletters import DeadLetterDesk, Decision

T = TypeVar("T")


class Desk:
    """Implements :class:`phee.operations.dead_letters.Desk` on the embedded stores."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._desk = DeadLetterDesk(data, default_mapping())
        self._one_at_a_time = asyncio.Lock()

    async def retry(self, tenant_id: str, letter_id: int, *, store: Store) -> DecisionAnswer:
        """See Desk."""

        def work() -> Decision:
            stream = LogStream(stream_path(self._data))
            try:
                return self._desk.retry(tenant_id, letter_id, store=store, stream=stream)
            finally:
                stream.close()

        return await self._decide(work)

    async def discard(
        self, tenant_id: str, letter_id: int, *, store: Store, reason: str
    ) -> DecisionAnswer:
        """See Desk."""
        return await self._decide(
            lambda: self._desk.discard(tenant_id, letter_id, store=store, reason=reason)
        )

    async def _decide(self, work: Callable[[], Decision]) -> DecisionAnswer:
        async with self._one_at_a_time:
            try:
                done = await asyncio.to_thread(work)
            except OperationalError as error:
                raise Unavailable(
                    "the store does not take the decision now",
                    where=type(error.orig).__qualname__,
                    fix="Try again in a moment",
                ) from error
        return DecisionAnswer(id=done.id, store=done.store, state=done.state, settled=done.settled)
