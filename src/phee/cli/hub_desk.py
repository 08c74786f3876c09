"""Decisions about dead letters in the hub process: each runs in a thread, on a log of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError

from phee.errors import Unavailable
from phee.operations.dead_letters import DecisionAnswer
from phee.operations.parameters import Store
from phee.projections.mapping import default_mapping
from phee.stores.letters import DeadLetterReader
from phee.upkeep.deadletters import OPERATOR, DeadLetterDesk, Decision
from phee.upkeep.runtimes import Runtimes

T = TypeVar("T")


class Desk:
    """Implements :class:`phee.operations.dead_letters.Desk` on the hub's stores."""

    def __init__(self, runtimes: Runtimes) -> None:
        self._runtimes = runtimes
        self._desk = DeadLetterDesk(runtimes, default_mapping())
        self._one_at_a_time = asyncio.Lock()

    async def retry(self, tenant_id: str, letter_id: int, *, store: Store) -> DecisionAnswer:
        """See Desk."""

        def work() -> Decision:
            history = self._runtimes.open_history()
            try:
                return self._desk.retry(tenant_id, letter_id, store=store, history=history)
            finally:
                history.close()

        return await self._decide(work)

    async def discard(
        self, tenant_id: str, letter_id: int, *, store: Store, reason: str
    ) -> DecisionAnswer:
        """See Desk."""
        return await self._decide(
            lambda: self._desk.discard(tenant_id, letter_id, store=store, reason=reason)
        )

    async def read_operator(self, query: Callable[[DeadLetterReader], T]) -> T:
        """See OperatorDesk."""

        def read() -> T:
            reader = self._desk.reader(OPERATOR, "relational")
            try:
                return query(reader)
            finally:
                reader.close()

        try:
            return await asyncio.to_thread(read)
        except DBAPIError as error:
            raise Unavailable(
                "the operator's dead letters cannot be read",
                where=type(error.orig).__qualname__,
                fix="See that an importer runs; it makes their store",
            ) from error

    async def retry_operator(self, letter_id: int) -> DecisionAnswer:
        """See OperatorDesk."""
        return await self.retry(OPERATOR, letter_id, store="relational")

    async def discard_operator(self, letter_id: int, *, reason: str) -> DecisionAnswer:
        """See OperatorDesk."""
        return await self.discard(OPERATOR, letter_id, store="relational", reason=reason)

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
