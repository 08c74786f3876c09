"""What became of a payment, told truthfully from the data side.

The data side is a moment behind. A caller who sends the position token of an accepted payment
gets an answer that includes it (after a bounded wait), and never "not found" for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import msgspec

from phee.errors import NotFound, Unavailable
from phee.web.position import Position

TransferState = Literal["RECEIVED", "PENDING", "COMMITTED", "FAILED", "UNKNOWN"]

_STATES: dict[str, TransferState] = {
    "IN_PROGRESS": "PENDING",
    "COMPLETED": "COMMITTED",
    "FAILED": "FAILED",
    "EXCEPTION": "UNKNOWN",
    "UNKNOWN": "UNKNOWN",
}


@dataclass(frozen=True, slots=True)
class TransferView:
    """A transfer as the data side knows it. ``status`` is a status of the operations API."""

    transaction_id: str
    client_correlation_id: str | None
    client_ref_id: str | None
    status: str
    completed_at: datetime | None
    error_information: Any = None


class TransferLookup(Protocol):
    """Reads transfers of one tenant at a time. Implemented on the relational store."""

    async def by_transaction_id(self, tenant_id: str, transaction_id: str) -> TransferView | None:
        """Return the transfer with this transaction id, when the data side has seen it."""

    async def by_correlation_id(self, tenant_id: str, correlation_id: str) -> TransferView | None:
        """Return the transfer with this client correlation id, when the data side has seen it."""

    async def wait_until(self, tenant_id: str, position: Position, *, timeout_s: float) -> bool:
        """Return True once the data side has everything up to ``position``, False at time out."""


Find = Callable[[str, str], Awaitable[TransferView | None]]
"""Looks a transfer up: (tenant id, one of its ids)."""


class TransferNotFound(NotFound):
    """The data side knows no such transfer of this tenant."""

    code = "transfer-not-found"


class TransferStateAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of a transfer.

    RECEIVED: accepted, not seen by the data side yet. PENDING: on its way. COMMITTED: the money
    has moved. FAILED: it has not, and will not. UNKNOWN: it waits for an operator.
    """

    client_ref_id: str | None
    transaction_id: str | None
    completed_timestamp: str | None
    transfer_id: str | None
    transfer_state: TransferState
    error_information: Any = None


class StatusReader:
    """Answers what became of a payment."""

    def __init__(self, lookup: TransferLookup, *, wait_s: float = 2.0) -> None:
        self._lookup = lookup
        self._wait_s = wait_s

    async def by_transaction_id(
        self, tenant_id: str, transaction_id: str, after: Position | None
    ) -> TransferStateAnswer:
        """Return the state of a transfer, as fresh as ``after`` asks for.

        Raises:
            TransferNotFound: no such transfer of this tenant (up to ``after``).
        """
        find = self._lookup.by_transaction_id
        return await self._state(tenant_id, find, transaction_id, after, transaction_id)

    async def by_correlation_id(
        self, tenant_id: str, correlation_id: str, after: Position | None, expected_id: str
    ) -> TransferStateAnswer:
        """Return the state of the transfer with a client correlation id.

        ``expected_id`` is the transaction id that it has if it exists.

        Raises:
            TransferNotFound: no such transfer of this tenant (up to ``after``).
        """
        find = self._lookup.by_correlation_id
        return await self._state(tenant_id, find, correlation_id, after, expected_id)

    async def _state(
        self, tenant_id: str, find: Find, name: str, after: Position | None, transaction_id: str
    ) -> TransferStateAnswer:
        caught_up = await self._wait(tenant_id, after)
        try:
            view = await find(tenant_id, name)
        except Unavailable:
            if caught_up:
                raise
            view = None  # the token proves that the payment was accepted
        if view is None and not caught_up:
            return _received(transaction_id)
        return _answer(view)

    def _wait(self, tenant_id: str, after: Position | None) -> Awaitable[bool]:
        if after is None:
            return _yes()
        return self._lookup.wait_until(tenant_id, after, timeout_s=self._wait_s)


async def _yes() -> bool:
    return True


def _received(transaction_id: str) -> TransferStateAnswer:
    return TransferStateAnswer(
        client_ref_id=None,
        transaction_id=transaction_id,
        completed_timestamp=None,
        transfer_id=None,
        transfer_state="RECEIVED",
    )


def _answer(view: TransferView | None) -> TransferStateAnswer:
    if view is None:
        raise TransferNotFound(
            "There is no such transfer",
            fix="Check the id and the tenant; right after the payment, send its X-Phee-Position",
        )
    completed = view.completed_at
    return TransferStateAnswer(
        client_ref_id=view.client_ref_id or view.client_correlation_id,
        transaction_id=view.transaction_id,
        completed_timestamp=completed.astimezone(UTC).isoformat() if completed else None,
        transfer_id=view.transaction_id,
        transfer_state=_STATES.get(view.status, "UNKNOWN"),
        error_information=view.error_information,
    )
