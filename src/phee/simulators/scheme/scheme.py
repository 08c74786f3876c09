"""The scheme: takes a participant's message, decides, and sends callbacks.

Lookups and quotes are passed on between the FSPs; transfers are the scheme's own
(:mod:`phee.simulators.scheme.transfers`). Faults act on what is sent, never on what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from phee.errors import InvalidInput
from phee.simulators.config import CallbackKind
from phee.simulators.journal import Journal
from phee.simulators.money import to_minor_units
from phee.simulators.scheme.callbacks import Callbacks
from phee.simulators.scheme.directory import Directory
from phee.simulators.scheme.faults import (
    AS_USUAL,
    Faults,
    Magic,
    Plan,
    lookup_magic,
    quote_magic,
    transfer_magic,
)
from phee.simulators.scheme.messages import (
    LIQUIDITY,
    LOOKUP_REJECTED,
    MODIFIED_REQUEST,
    PARTY_NOT_FOUND,
    PAYEE_REJECTED,
    QUOTE_REJECTED,
    WRONG_FULFILMENT,
    ErrorBody,
    ErrorInformation,
    Fulfilment,
    QuoteRequest,
    TransferRequest,
    TransferState,
    timestamp,
)
from phee.simulators.scheme.transfers import Transfer, Transfers

SCHEME_FSP = "switch"
"""FSPIOP-Source of what the scheme says in its own name."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Message:
    """What a participant sent: who, to whom, under which correlation id, what."""

    source: str
    destination: str
    correlation_id: str
    content_type: str
    body: bytes = b""

    def headers(self, destination: str) -> dict[str, str]:
        """Headers to pass it on with."""
        headers = {"FSPIOP-Source": self.source, "FSPIOP-Destination": destination}
        if self.correlation_id:
            headers["X-Correlation-ID"] = self.correlation_id
        if self.content_type:
            headers["Content-Type"] = self.content_type
        return headers


class Scheme:
    """What participants may ask for; every method only adds to the journal's current group."""

    def __init__(
        self,
        journal: Journal,
        directory: Directory,
        callbacks: Callbacks,
        faults: Faults,
        *,
        transfer_window_ms: int,
    ) -> None:
        self.journal = journal
        self.directory = directory
        self.callbacks = callbacks
        self.faults = faults
        self.transfers = Transfers(journal, window_ms=transfer_window_ms, on_expiry=self._on_expiry)
        self._quote_magic: dict[str, Magic] = {}

    def resume(self) -> None:
        """Go on where the last process ended."""
        self.transfers.resume()
        self.callbacks.resume()

    async def close(self) -> None:
        """Stop; nothing is lost."""
        self.transfers.close()
        await self.callbacks.close()

    # -- parties -------------------------------------------------------------------------------

    def look_up(self, message: Message, id_type: str, identifier: str, path: str) -> None:
        """Ask the party's FSP who it is; the answer comes with :meth:`answer_lookup`."""
        resource_id = message.correlation_id or path
        magic = lookup_magic(identifier)
        plan = self.faults.plan(CallbackKind.PARTIES_GET, resource_id, magic)
        fsp_id = self.directory.fsp_of(id_type, identifier)
        if fsp_id is None or plan.reject:
            error = PARTY_NOT_FOUND if fsp_id is None else LOOKUP_REJECTED
            answer = self.faults.plan(CallbackKind.PARTIES_PUT, resource_id, magic)
            self._refuse(message, CallbackKind.PARTIES_PUT, path, error, answer)
            return
        self._pass_on(message, fsp_id, CallbackKind.PARTIES_GET, "GET", path, plan)

    def answer_lookup(self, message: Message, identifier: str, path: str) -> None:
        """Pass on what the party's FSP says, error or not."""
        kind = CallbackKind.PARTIES_PUT
        plan = self.faults.plan(kind, message.correlation_id or path, lookup_magic(identifier))
        self._pass_on(message, message.destination, kind, "PUT", path, plan)

    # -- quotes --------------------------------------------------------------------------------

    def request_quote(self, message: Message, quote: QuoteRequest) -> None:
        """Ask the payee's FSP; the answer comes with :meth:`answer_quote`."""
        magic = quote_magic(quote.payee.party_id_info.party_identifier)
        if magic is not None:
            self._quote_magic[quote.quote_id] = magic  # the answer does not name the payee
        # An FSP may ask again under a new quote id; the first of the payment is the one to lose.
        asked_for = quote.transaction_id or quote.quote_id
        plan = self.faults.plan(CallbackKind.QUOTES_POST, asked_for, magic)
        if plan.reject:
            path = f"/quotes/{quote.quote_id}"
            answer = self.faults.plan(CallbackKind.QUOTES_PUT, quote.quote_id, magic)
            self._refuse(message, CallbackKind.QUOTES_PUT, path, QUOTE_REJECTED, answer)
            return
        self._pass_on(
            message, message.destination, CallbackKind.QUOTES_POST, "POST", "/quotes", plan
        )

    def answer_quote(self, message: Message, quote_id: str, path: str) -> None:
        """Pass on what the payee's FSP says, error or not."""
        kind = CallbackKind.QUOTES_PUT
        plan = self.faults.plan(kind, quote_id, self._quote_magic.get(quote_id))
        self._pass_on(message, message.destination, kind, "PUT", path, plan)

    # -- transfers -----------------------------------------------------------------------------

    def prepare(self, message: Message, request: TransferRequest) -> None:
        """Reserve a transfer and pass it on; again for the same one only repeats its outcome."""
        if message.source != request.payer_fsp:
            raise InvalidInput("only the payer's FSP can ask for a transfer", where="payerFsp")
        known = self.transfers.find(request.transfer_id)
        if known is not None:
            self._prepare_again(message, request, known)
            return
        self.directory.check_participants({request.payer_fsp, request.payee_fsp})
        self._prepare_new(message, request)

    def _prepare_again(self, message: Message, request: TransferRequest, known: Transfer) -> None:
        if not known.is_request(request):
            path = f"/transfers/{request.transfer_id}"
            kind = CallbackKind.TRANSFERS_PUT
            self._refuse(message, kind, path, MODIFIED_REQUEST, AS_USUAL)
        elif known.finished:
            self._tell_payer(known)

    def _prepare_new(self, message: Message, request: TransferRequest) -> None:
        kind = CallbackKind.TRANSFERS_POST
        transfer_id = request.transfer_id
        plan = self.faults.plan(kind, transfer_id, _magic_of_request(request))
        if plan.forget:
            return
        transfer = self.transfers.reserve(request)
        if plan.reject:
            self.transfers.abort(transfer, LIQUIDITY)
            self._tell_payer(transfer)
            return
        self._pass_on(message, transfer.payee_fsp, kind, "POST", "/transfers", plan)

    def fulfil(self, message: Message, transfer_id: str, answer: Fulfilment) -> None:
        """The payee's FSP accepts; COMMITTED if the fulfilment matches and it is not too late."""
        transfer = self._transfer_of_payee(message, transfer_id)
        self.transfers.expire_if_due(transfer)
        if not transfer.finished:
            if answer.transfer_state is TransferState.ABORTED:
                self.transfers.abort(transfer, PAYEE_REJECTED)
            elif transfer.is_fulfilled_by(answer.fulfilment):
                self.transfers.commit(transfer, answer.fulfilment)
            else:
                self.transfers.abort(transfer, WRONG_FULFILMENT)
            self._tell_payer(transfer)
        if answer.transfer_state is TransferState.RESERVED or not _committed(transfer):
            self._tell_payee(transfer)

    def refuse(self, message: Message, transfer_id: str, error: ErrorInformation) -> None:
        """The payee's FSP does not want it; too late if it was committed."""
        transfer = self._transfer_of_payee(message, transfer_id)
        self.transfers.expire_if_due(transfer)
        if transfer.finished:
            self._tell_payee(transfer)
            return
        self.transfers.abort(transfer, error)
        self._tell_payer(transfer)

    def _transfer_of_payee(self, message: Message, transfer_id: str) -> Transfer:
        transfer = self.transfers.get(transfer_id)
        if message.source != transfer.payee_fsp:
            raise InvalidInput("only the payee's FSP can answer a transfer", where="FSPIOP-Source")
        return transfer

    def _on_expiry(self, transfer: Transfer) -> None:
        self._tell_payer(transfer)
        if transfer_magic(transfer.amount, transfer.currency) is not Magic.UNREACHABLE:
            self._tell_payee(transfer)

    # -- sending -------------------------------------------------------------------------------

    def _tell_payer(self, transfer: Transfer) -> None:
        path = f"/transfers/{transfer.transfer_id}"
        if _committed(transfer):
            content: object = outcome_of(transfer)
        else:
            path, content = f"{path}/error", ErrorBody(transfer.error)
        self._tell(transfer, transfer.payer_fsp, CallbackKind.TRANSFERS_PUT, "PUT", path, content)

    def _tell_payee(self, transfer: Transfer) -> None:
        path = f"/transfers/{transfer.transfer_id}"
        content = {
            "transferState": transfer.state,
            "completedTimestamp": timestamp(transfer.finished_ms),
        }
        kind = CallbackKind.TRANSFERS_PATCH
        self._tell(transfer, transfer.payee_fsp, kind, "PATCH", path, content)

    def _tell(
        self,
        transfer: Transfer,
        fsp_id: str,
        kind: CallbackKind,
        method: str,
        path: str,
        content: object,
    ) -> None:
        magic = transfer_magic(transfer.amount, transfer.currency)
        plan = self.faults.plan(kind, transfer.transfer_id, magic)
        message = Message(SCHEME_FSP, fsp_id, "", "application/json", _encode(content))
        self._pass_on(message, fsp_id, kind, method, path, plan)

    def _refuse(
        self,
        message: Message,
        kind: CallbackKind,
        path: str,
        error: ErrorInformation,
        plan: Plan,
    ) -> None:
        body = _encode(ErrorBody(error))
        refusal = Message(
            SCHEME_FSP, message.source, message.correlation_id, "application/json", body
        )
        self._pass_on(refusal, message.source, kind, "PUT", f"{path}/error", plan)

    def _pass_on(
        self,
        message: Message,
        fsp_id: str,
        kind: CallbackKind,
        method: str,
        path: str,
        plan: Plan,
    ) -> None:
        self.directory.check_participants({fsp_id})
        headers: Mapping[str, str] = message.headers(fsp_id)
        self.callbacks.add(
            fsp_id, kind, method, path, headers=headers, body=message.body, plan=plan
        )


def outcome_of(transfer: Transfer) -> dict[str, object]:
    """State of a transfer as FSPIOP writes it."""
    outcome: dict[str, object] = {"transferState": transfer.state}
    if transfer.finished:
        outcome["completedTimestamp"] = timestamp(transfer.finished_ms)
    if _committed(transfer):
        outcome["fulfilment"] = transfer.fulfilment
    elif transfer.finished:
        outcome["errorInformation"] = transfer.error
    return outcome


def _committed(transfer: Transfer) -> bool:
    return transfer.state is TransferState.COMMITTED


def _magic_of_request(request: TransferRequest) -> Magic | None:
    currency = request.amount.currency
    return transfer_magic(to_minor_units(request.amount.amount, currency), currency)
