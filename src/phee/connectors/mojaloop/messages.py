"""FSPIOP bodies, as far as the hub writes or reads them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from phee.connectors.channel_request import Amount, Party, TransactionType
from phee.connectors.failures import GENERIC_ERROR, ErrorInformation
from phee.errors import InvalidInput

Body = TypeVar("Body")


class _Body(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Base: camelCase on the wire, unset fields are not written, unknown ones not read."""


class PartyAnswer(_Body, frozen=True):
    """Body of PUT /parties/{type}/{id}."""

    party: Party


class QuoteRequest(_Body, frozen=True):
    """Body of POST /quotes, and the variable ``quoteSwitchRequest``."""

    quote_id: str
    transaction_id: str
    payee: Party
    payer: Party
    amount_type: str
    amount: Amount
    transaction_type: TransactionType
    note: str | None = None


class QuoteAnswer(_Body, frozen=True):
    """Body of PUT /quotes/{id}, and the variable ``payeeQuoteResponse``."""

    transfer_amount: Amount
    expiration: str
    ilp_packet: str
    condition: str
    payee_fsp_fee: Amount | None = None
    payee_fsp_commission: Amount | None = None


class TransferRequest(_Body, frozen=True):
    """Body of POST /transfers, and the variable ``switchTransferRequest``."""

    transfer_id: str
    payer_fsp: str
    payee_fsp: str
    amount: Amount
    ilp_packet: str
    condition: str
    expiration: str


class TransferOutcome(_Body, frozen=True):
    """Body of PUT and PATCH /transfers/{id}, and of the answer to GET."""

    transfer_state: str
    fulfilment: str | None = None
    completed_timestamp: str | None = None
    error_information: ErrorInformation | None = None


class ErrorBody(_Body, frozen=True):
    """Body of every error."""

    error_information: ErrorInformation = GENERIC_ERROR


COMMITTED, ABORTED, RESERVED = "COMMITTED", "ABORTED", "RESERVED"
NOT_FOUND = "NOT_FOUND"
"""What the flows call a transfer that the scheme never accepted."""


def read(content: bytes | str, decoder: msgspec.json.Decoder[Body], where: str) -> Body:
    """A body, or a variable that holds one.

    Raises:
        InvalidInput: it is not JSON of that form.
    """
    try:
        return decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(str(error), where=where) from None


def read_quote_request(text: str) -> QuoteRequest:
    """The variable ``quoteSwitchRequest``."""
    return read(text, quote_request_decoder, "variable quoteSwitchRequest")


def read_quote_answer(text: str) -> QuoteAnswer:
    """The variable ``payeeQuoteResponse``."""
    return read(text, quote_answer_decoder, "variable payeeQuoteResponse")


def read_transfer_request(text: str) -> TransferRequest:
    """The variable ``switchTransferRequest``."""
    return read(text, transfer_request_decoder, "variable switchTransferRequest")


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def timestamp(at_ms: int) -> str:
    """A time as FSPIOP writes it: ISO 8601, UTC, milliseconds."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch_ms(moment: str) -> int:
    """Milliseconds since 1970 of an ISO 8601 time with its offset.

    Raises:
        InvalidInput: it is no such time.
    """
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        raise InvalidInput("this is no ISO 8601 time", where="expiration") from None
    if parsed.tzinfo is None:
        raise InvalidInput("the time has no offset", where="expiration", fix="End it with Z")
    return int(parsed.timestamp() * 1000)


party_answer_decoder = msgspec.json.Decoder(PartyAnswer)
quote_request_decoder = msgspec.json.Decoder(QuoteRequest)
quote_answer_decoder = msgspec.json.Decoder(QuoteAnswer)
transfer_request_decoder = msgspec.json.Decoder(TransferRequest)
transfer_outcome_decoder = msgspec.json.Decoder(TransferOutcome)
error_decoder = msgspec.json.Decoder(ErrorBody)
