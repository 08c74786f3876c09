"""What the scheme reads of the FSPIOP messages; the rest is passed on as it came."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from phee.errors import InvalidInput


class TransferState(StrEnum):
    RECEIVED = "RECEIVED"
    RESERVED = "RESERVED"
    COMMITTED = "COMMITTED"
    ABORTED = "ABORTED"


class Amount(msgspec.Struct, frozen=True):
    """Decimal text and an ISO 4217 code."""

    amount: str
    currency: str


class ErrorInformation(msgspec.Struct, frozen=True, rename="camel"):
    """Why something failed, by FSPIOP's four-digit codes."""

    error_code: str
    error_description: str


class ErrorBody(msgspec.Struct, frozen=True, rename="camel"):
    """Body of every FSPIOP error."""

    error_information: ErrorInformation


class PartyIdInfo(msgspec.Struct, frozen=True, rename="camel"):
    party_id_type: str
    party_identifier: str
    fsp_id: str = ""


class QuoteParty(msgspec.Struct, frozen=True, rename="camel"):
    party_id_info: PartyIdInfo


class QuoteRequest(msgspec.Struct, frozen=True, rename="camel"):
    """Of POST /quotes."""

    quote_id: str
    payee: QuoteParty
    transaction_id: str = ""


class TransferRequest(msgspec.Struct, frozen=True, rename="camel"):
    """Of POST /transfers."""

    transfer_id: str
    payer_fsp: str
    payee_fsp: str
    amount: Amount
    condition: str
    expiration: str = ""


class Fulfilment(msgspec.Struct, frozen=True, rename="camel"):
    """Of PUT /transfers/{id}."""

    transfer_state: TransferState
    fulfilment: str = ""


class ParticipantSeed(msgspec.Struct, frozen=True, rename="camel"):
    """A participant and where its callbacks go."""

    fsp_id: str
    callback_url: str


class PartySeed(msgspec.Struct, frozen=True, rename="camel"):
    """Whose customer a party is."""

    party_id_type: str
    party_identifier: str
    fsp_id: str


PARTY_NOT_FOUND = ErrorInformation("3204", "Party not found")
MODIFIED_REQUEST = ErrorInformation("3106", "The transfer id was used for another transfer")
TRANSFER_EXPIRED = ErrorInformation("3303", "Transfer expired")
QUOTE_REJECTED = ErrorInformation("3000", "The scheme rejects the quote")
LOOKUP_REJECTED = ErrorInformation("3000", "The scheme rejects the lookup")
LIQUIDITY = ErrorInformation("4001", "The payer FSP's position does not cover the transfer")
PAYEE_REJECTED = ErrorInformation("5100", "The payee FSP rejected the transfer")
WRONG_FULFILMENT = ErrorInformation("5000", "The fulfilment does not match the condition")


def epoch_ms(timestamp: str) -> int:
    """Milliseconds since 1970 of an ISO 8601 time with its offset.

    Raises:
        InvalidInput: not such a time.
    """
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError as error:
        raise InvalidInput("this is no ISO 8601 time", where="expiration") from error
    if moment.tzinfo is None:
        raise InvalidInput("the time has no offset", where="expiration", fix="End it with Z.")
    return int(moment.timestamp() * 1000)


def timestamp(at_ms: int) -> str:
    """An ISO 8601 time in UTC with milliseconds, as FSPIOP writes it."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
