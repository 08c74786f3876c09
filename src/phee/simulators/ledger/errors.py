"""Why the ledger refuses. ``error_code`` is what travels in the answer's ``errorCode``."""

from __future__ import annotations

from typing import ClassVar

from phee.errors import AlreadyExists, Forbidden, InvalidInput, InvalidState, NotFound, PheeError


class BankNotFound(NotFound):
    """No bank of this tenant was opened."""

    code = "bank-not-found"
    error_code: ClassVar[str] = "BankNotFound"


class PayerNotFound(NotFound):
    """The paying party or account is not known here."""

    code = "payer-not-found"
    error_code: ClassVar[str] = "PayerNotFound"


class PayeeNotFound(NotFound):
    """The receiving party or account is not known here."""

    code = "payee-not-found"
    error_code: ClassVar[str] = "PayeeNotFound"


class CurrencyNotSupported(InvalidInput):
    """The party has no account in this currency."""

    code = "currency-not-supported"
    error_code: ClassVar[str] = "CurrencyNotSupported"


class InsufficientFunds(Forbidden):
    """The balance less what is held does not cover the amount (core banking answers 403 here)."""

    code = "insufficient-funds"
    error_code: ClassVar[str] = "PayerInsufficientBalance"


class HoldNotFound(NotFound):
    """Nothing is or was held under this transfer code."""

    code = "hold-not-found"
    error_code: ClassVar[str] = "HoldNotFound"


class HoldFinished(InvalidState):
    """The hold was booked or released before; it cannot also end the other way."""

    code = "hold-finished"
    error_code: ClassVar[str] = "HoldFinished"


class TransferConflict(AlreadyExists):
    """The transfer code was used before for another account or amount."""

    code = "transfer-conflict"
    error_code: ClassVar[str] = "TransferConflict"


class AccountConflict(AlreadyExists):
    """The account or party exists and differs from what was asked to open."""

    code = "account-conflict"
    error_code: ClassVar[str] = "AccountConflict"


REMEMBERED_REFUSALS = (PayerNotFound, PayeeNotFound, CurrencyNotSupported, InsufficientFunds)
"""A transfer refused for one of these stays refused: a repetition gets the same answer."""

REFUSALS: dict[str, type[PheeError]] = {each.error_code: each for each in REMEMBERED_REFUSALS}
