"""Accounts and who owns them."""

from __future__ import annotations

from dataclasses import dataclass, field

from phee.errors import PheeError
from phee.simulators.ledger.errors import (
    BankNotFound,
    CurrencyNotSupported,
    PayeeNotFound,
    PayerNotFound,
)
from phee.simulators.ledger.messages import Party, QuoteRequest, Role, TransferRequest

CUSTOMER, SETTLEMENT, OPENING = "customer", "settlement", "opening"


@dataclass(slots=True)
class Account:
    """Balances in minor units.

    Attributes:
        balance: what was posted; only a customer's may not go below zero.
        held: part of the balance that is promised to outgoing transfers.
        reserved: deposits promised to this account and not posted yet.
    """

    tenant: str
    account_id: str
    currency: str
    kind: str
    name: str = ""
    balance: int = 0
    held: int = 0
    reserved: int = 0

    @property
    def available(self) -> int:
        """What may still be held."""
        return self.balance - self.held


@dataclass(slots=True)
class Bank:
    """The accounts of one tenant, by id, and its parties' accounts by party and currency.

    Beside the customers' there are two accounts for each currency: ``settlement-USD`` is the
    position against the scheme, ``opening-USD`` is where first deposits come from. With them
    the balances of a currency add up to zero.
    """

    tenant: str
    accounts: dict[str, Account] = field(default_factory=dict)
    parties: dict[tuple[str, str], dict[str, Account]] = field(default_factory=dict)

    def owner_accounts(self, party: Party) -> dict[str, Account]:
        """The accounts of ``party`` by currency; empty when the bank does not know them."""
        return self.parties.get((party.party_id_type, party.party_identifier), {})

    def customer_account(self, request: TransferRequest | QuoteRequest) -> Account:
        """The account a request is about.

        Raises:
            PayerNotFound, PayeeNotFound: no such customer (by the request's role).
            CurrencyNotSupported: the customer has no account in that currency.
        """
        found = self._candidates(request)
        if not found:
            raise _unknown(request.transaction_role)
        currency = request.amount.currency
        account = next((each for each in found if each.currency == currency), None)
        if account is None:
            raise CurrencyNotSupported("there is no account in this currency", where=currency[:8])
        return account

    def _candidates(self, request: TransferRequest | QuoteRequest) -> list[Account]:
        if request.account_id is not None:
            account = self.accounts.get(request.account_id)
            return [account] if account is not None and account.kind == CUSTOMER else []
        if request.party is not None:
            return list(self.owner_accounts(request.party).values())
        return []


def internal_account_id(kind: str, currency: str) -> str:
    """Id of the bank's own account of that kind and currency."""
    return f"{kind}-{currency}"


def bank_of(banks: dict[str, Bank], tenant: str) -> Bank:
    """The bank of a tenant.

    Raises:
        BankNotFound: nothing was opened for that tenant.
    """
    bank = banks.get(tenant)
    if bank is None:
        raise BankNotFound(
            "no such bank",
            where="Fineract-Platform-TenantId",
            fix="Open its first account with POST /ledger/accounts.",
        )
    return bank


def _unknown(role: Role) -> PheeError:
    if role is Role.PAYER:
        return PayerNotFound("the payer has no account here")
    return PayeeNotFound("the payee has no account here")
