"""Refusals of the business as the variables the drawings look at.

``errorInformation`` is JSON text ``{"errorCode": ..., "errorDescription": ...}``. Codes are
FSPIOP's (four digits) where the scheme is told, and the core banking's names otherwise.
"""

from __future__ import annotations

import msgspec


class ErrorInformation(msgspec.Struct, frozen=True, rename="camel"):
    """Why something was refused."""

    error_code: str
    error_description: str

    def as_text(self) -> str:
        """The variable ``errorInformation``."""
        return _encode(self).decode()

    @classmethod
    def from_text(cls, text: str | None) -> ErrorInformation:
        """Read the variable; what cannot be read becomes a generic error to pass on."""
        try:
            return _decode(text or "")
        except msgspec.DecodeError:
            return GENERIC_ERROR


GENERIC_ERROR = ErrorInformation("2001", "Internal error")
NO_ANSWER = ErrorInformation("2004", "The payee's institution did not answer in time")
PAYER_SILENT = ErrorInformation("4100", "The payer did not confirm in time")
PARTY_NOT_FOUND = ErrorInformation("3204", "Party not found")
MODIFIED_REQUEST = ErrorInformation("3106", "The request differs from an earlier one with its id")
QUOTE_DIFFERS = ErrorInformation("4100", "The payee quoted another amount than was asked for")
QUOTE_REJECTED = ErrorInformation("5103", "The payee FSP rejects the quote")
TRANSFER_REJECTED = ErrorInformation("5105", "The payee FSP rejects the transfer")
TRANSFER_EXPIRED = ErrorInformation("3303", "Transfer expired")
UNSUPPORTED_CURRENCY = ErrorInformation("5106", "The payee has no account in this currency")
WRONG_CONDITION = ErrorInformation("3100", "The condition does not belong to a quote given here")
WRONG_FULFILMENT = ErrorInformation("3100", "The fulfilment does not match the condition")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ErrorInformation).decode
