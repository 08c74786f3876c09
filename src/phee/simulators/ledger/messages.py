"""What travels to and from the ledger (names as Apache Fineract's interoperation API)."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Role(StrEnum):
    PAYER = "PAYER"
    PAYEE = "PAYEE"


class Action(StrEnum):
    PREPARE = "PREPARE"
    CREATE = "CREATE"
    RELEASE = "RELEASE"


class Amount(msgspec.Struct, frozen=True):
    """Decimal text and an ISO 4217 code."""

    amount: str
    currency: str


class Party(msgspec.Struct, frozen=True, rename="camel"):
    """Someone as others know them: by phone number, by account number, ..."""

    party_id_type: str
    party_identifier: str


class TransferRequest(msgspec.Struct, frozen=True, rename="camel"):
    """One step of a transfer; the account is named directly or by a party and the currency."""

    transfer_code: str
    transaction_role: Role
    amount: Amount
    transaction_code: str = ""
    account_id: str | None = None
    party: Party | None = None


class QuoteRequest(msgspec.Struct, frozen=True, rename="camel"):
    """What would this payment cost?"""

    quote_code: str
    transaction_role: Role
    amount: Amount
    transaction_code: str = ""
    account_id: str | None = None
    party: Party | None = None


class AccountSeed(msgspec.Struct, frozen=True, rename="camel"):
    """An account to open, known under a party, with its first deposit."""

    account_id: str
    party_id_type: str
    party_identifier: str
    currency: str
    balance: str = "0"
    name: str = ""


class BankSeed(msgspec.Struct, frozen=True):
    """Accounts of one bank; opening them again changes nothing."""

    tenant: str
    accounts: list[AccountSeed]
