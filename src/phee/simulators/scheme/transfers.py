"""Transfers: prepared by the payer's FSP, then fulfilled or aborted, once and for all.

::

    RESERVED --fulfilment that matches the condition--> COMMITTED
        '------error, rejection, or expiry-----------> ABORTED

Invariant: a transfer leaves RESERVED once; a fulfilment after that is refused.
The caller awaits ``journal.durable()`` before it answers.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from phee.errors import NotFound
from phee.simulators.journal import Journal
from phee.simulators.money import to_minor_units
from phee.simulators.scheme import tables
from phee.simulators.scheme.messages import (
    TRANSFER_EXPIRED,
    ErrorInformation,
    TransferRequest,
    TransferState,
    epoch_ms,
    now_ms,
)


@dataclass(slots=True)
class Transfer:
    """One transfer; ``amount`` in minor units."""

    transfer_id: str
    payer_fsp: str
    payee_fsp: str
    amount: int
    currency: str
    condition: str
    expires_ms: int
    state: TransferState = TransferState.RESERVED
    fulfilment: str = ""
    error_code: str = ""
    error_description: str = ""
    finished_ms: int = 0

    @property
    def error(self) -> ErrorInformation:
        """Why it was aborted."""
        return ErrorInformation(self.error_code, self.error_description)

    @property
    def finished(self) -> bool:
        """Whether the outcome is certain."""
        return self.state in (TransferState.COMMITTED, TransferState.ABORTED)

    def is_request(self, request: TransferRequest) -> bool:
        """Whether ``request`` asks for this very transfer."""
        return (
            self.payer_fsp == request.payer_fsp
            and self.payee_fsp == request.payee_fsp
            and self.currency == request.amount.currency
            and self.amount == to_minor_units(request.amount.amount, self.currency)
            and self.condition == request.condition
        )

    def is_fulfilled_by(self, fulfilment: str) -> bool:
        """Whether the SHA-256 of the (base64url) fulfilment is the condition."""
        try:
            preimage = base64.urlsafe_b64decode(fulfilment + "=" * (-len(fulfilment) % 4))
        except (binascii.Error, ValueError):
            return False
        digest = base64.urlsafe_b64encode(hashlib.sha256(preimage).digest())
        return digest.rstrip(b"=").decode() == self.condition.rstrip("=")


class Transfers:
    """Every transfer the scheme knows."""

    def __init__(
        self, journal: Journal, *, window_ms: int, on_expiry: Callable[[Transfer], None]
    ) -> None:
        self._journal = journal
        self._window_ms = window_ms
        self._on_expiry = on_expiry
        self._transfers: dict[str, Transfer] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._committed: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
        self.states: Counter[TransferState] = Counter()
        """How many transfers are in each state now."""

    def resume(self) -> None:
        """Load what is on disk; what expired meanwhile is aborted now."""
        for row in self._journal.read(tables.SELECT_TRANSFERS):
            transfer = Transfer(*row)
            transfer.state = TransferState(transfer.state)
            self._transfers[transfer.transfer_id] = transfer
            self._count(transfer)
            if not transfer.finished:
                self._watch(transfer)

    def get(self, transfer_id: str) -> Transfer:
        """The transfer of that id.

        Raises:
            NotFound: the scheme never accepted it.
        """
        transfer = self.find(transfer_id)
        if transfer is None:
            raise NotFound("no such transfer", where="transferId")
        return transfer

    def find(self, transfer_id: str) -> Transfer | None:
        """The transfer of that id, if the scheme accepted it."""
        return self._transfers.get(transfer_id)

    def committed(self) -> Iterator[tuple[str, str, str, int, int]]:
        """(currency, payer FSP, payee FSP, count, minor units) of what was committed."""
        for (currency, payer, payee), (count, amount) in sorted(self._committed.items()):
            yield currency, payer, payee, count, amount

    def reserve(self, request: TransferRequest) -> Transfer:
        """Accept a new transfer; it expires by itself.

        Raises:
            InvalidInput: the amount or the expiration cannot be read.
        """
        currency = request.amount.currency
        expiration = request.expiration
        transfer = Transfer(
            request.transfer_id,
            request.payer_fsp,
            request.payee_fsp,
            to_minor_units(request.amount.amount, currency),
            currency,
            request.condition,
            epoch_ms(expiration) if expiration else now_ms() + self._window_ms,
        )
        self._transfers[transfer.transfer_id] = transfer
        self.states[transfer.state] += 1
        self._save(transfer)
        self._watch(transfer)
        return transfer

    def commit(self, transfer: Transfer, fulfilment: str) -> None:
        """The payee's FSP has fulfilled its condition."""
        transfer.fulfilment = fulfilment
        self._finish(transfer, TransferState.COMMITTED)

    def abort(self, transfer: Transfer, error: ErrorInformation) -> None:
        """The transfer will not happen."""
        transfer.error_code = error.error_code
        transfer.error_description = error.error_description
        self._finish(transfer, TransferState.ABORTED)

    def close(self) -> None:
        """Stop watching for expiry."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _finish(self, transfer: Transfer, state: TransferState) -> None:
        assert not transfer.finished, "an outcome never changes"
        self.states[transfer.state] -= 1
        transfer.state = state
        transfer.finished_ms = now_ms()
        timer = self._timers.pop(transfer.transfer_id, None)
        if timer is not None:
            timer.cancel()
        self._count(transfer)
        self._save(transfer)

    def _count(self, transfer: Transfer) -> None:
        self.states[transfer.state] += 1
        if transfer.state is TransferState.COMMITTED:
            line = self._committed[transfer.currency, transfer.payer_fsp, transfer.payee_fsp]
            line[0] += 1
            line[1] += transfer.amount

    def _watch(self, transfer: Transfer) -> None:
        loop = asyncio.get_running_loop()
        wait_s = max(0, transfer.expires_ms - now_ms()) / 1000
        self._timers[transfer.transfer_id] = loop.call_later(wait_s, self._expire, transfer)

    def expire_if_due(self, transfer: Transfer) -> None:
        """Abort a transfer whose time is over, even if its timer is late."""
        if now_ms() >= transfer.expires_ms:
            self._expire(transfer)

    def _expire(self, transfer: Transfer) -> None:
        if not transfer.finished:
            self.abort(transfer, TRANSFER_EXPIRED)
            self._on_expiry(transfer)

    def _save(self, transfer: Transfer) -> None:
        self._journal.add(
            tables.UPSERT_TRANSFER,
            (
                transfer.transfer_id,
                transfer.payer_fsp,
                transfer.payee_fsp,
                transfer.amount,
                transfer.currency,
                transfer.condition,
                transfer.expires_ms,
                transfer.state,
                transfer.fulfilment,
                transfer.error_code,
                transfer.error_description,
                transfer.finished_ms,
            ),
        )
