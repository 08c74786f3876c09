"""The ledger: what every account holds, and what may be done to it.

Invariants: the balances of one bank and currency add up to zero; ``held`` and ``reserved`` of an
account are the sums of its HELD transfers; a customer's available money is never negative; a
transfer side (tenant, transfer code, role) is posted at most once.

Requests are judged and applied in memory; rows go to the journal at the same time. The caller
awaits ``journal.durable()`` before it answers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from phee.errors import InvalidInput
from phee.simulators.journal import Journal
from phee.simulators.ledger import tables
from phee.simulators.ledger.accounts import (
    CUSTOMER,
    OPENING,
    SETTLEMENT,
    Account,
    Bank,
    bank_of,
    internal_account_id,
)
from phee.simulators.ledger.errors import (
    REFUSALS,
    REMEMBERED_REFUSALS,
    AccountConflict,
    HoldFinished,
    HoldNotFound,
    InsufficientFunds,
    TransferConflict,
)
from phee.simulators.ledger.messages import AccountSeed, Action, BankSeed, Role, TransferRequest
from phee.simulators.ledger.transfers import REPEATED_IN, State, Transfer
from phee.simulators.money import to_minor_units


class Ledger:
    """All banks of this simulator."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.banks: dict[str, Bank] = {}
        self._transfers: dict[tuple[str, str, str], Transfer] = {}
        self._load()

    def holds(self) -> Iterator[Transfer]:
        """Transfers that are neither booked nor released yet."""
        return (each for each in self._transfers.values() if each.state is State.HELD)

    # -- opening accounts ----------------------------------------------------------------------

    def open_accounts(self, seed: BankSeed) -> int:
        """Open what is not there yet; the number of accounts opened.

        Raises:
            AccountConflict: an account or party is there with another currency or owner.
            InvalidInput: a balance is no amount.
        """
        bank = self.banks.get(seed.tenant) or Bank(seed.tenant)
        _check_seed(seed)
        fresh = [each for each in seed.accounts if not _is_open(bank, each)]
        deposits = [_opening_balance(each) for each in fresh]
        self.banks[seed.tenant] = bank
        for account_seed, amount in zip(fresh, deposits, strict=True):
            self._open_account(bank, account_seed, amount)
        return len(fresh)

    def _open_account(self, bank: Bank, seed: AccountSeed, amount: int) -> None:
        account = Account(bank.tenant, seed.account_id, seed.currency, CUSTOMER, seed.name)
        self._add_account(bank, account)
        owner = (seed.party_id_type, seed.party_identifier)
        bank.parties.setdefault(owner, {})[seed.currency] = account
        self.journal.add(tables.INSERT_PARTY, (bank.tenant, *owner, seed.currency, seed.account_id))
        if amount:
            opening = self._internal_account(bank, OPENING, seed.currency)
            self._post(f"opening-{seed.account_id}", OPENING, opening, account, amount)

    def _add_account(self, bank: Bank, account: Account) -> None:
        bank.accounts[account.account_id] = account
        self.journal.add(
            tables.INSERT_ACCOUNT,
            (bank.tenant, account.account_id, account.currency, account.kind, account.name),
        )

    def _internal_account(self, bank: Bank, kind: str, currency: str) -> Account:
        account_id = internal_account_id(kind, currency)
        if account_id not in bank.accounts:
            self._add_account(bank, Account(bank.tenant, account_id, currency, kind))
        return bank.accounts[account_id]

    # -- transfers -----------------------------------------------------------------------------

    def transfer(self, tenant: str, action: Action, request: TransferRequest) -> Transfer:
        """Do one step of a transfer, once: a repetition returns what the first one returned.

        Raises:
            PheeError: one of :mod:`phee.simulators.ledger.errors`, or InvalidInput.
        """
        bank = bank_of(self.banks, tenant)
        amount = to_minor_units(request.amount.amount, request.amount.currency)
        if not request.transfer_code:
            raise InvalidInput("the transfer has no code", where="transferCode")
        known = self._transfers.get((tenant, request.transfer_code, request.transaction_role))
        if known is None:
            return self._begin(bank, action, request, amount)
        _check_same_content(known, request, amount)
        if known.state in REPEATED_IN[action] and (known.prepared or action is Action.CREATE):
            return known
        return self._finish(bank, action, known)

    def _begin(self, bank: Bank, action: Action, request: TransferRequest, amount: int) -> Transfer:
        role = request.transaction_role
        if action is Action.RELEASE or (action is Action.CREATE and role is Role.PAYER):
            raise HoldNotFound("nothing is held under this transfer code")
        transfer = Transfer(
            tenant=bank.tenant,
            transfer_code=request.transfer_code,
            role=role,
            party=_named(request),
            account_id="",
            currency=request.amount.currency,
            amount=amount,
            state=State.REFUSED,
            refusal="",
            prepared=action is Action.PREPARE,
            transaction_code=request.transaction_code,
            at_ms=_now_ms(),
        )
        try:
            account = bank.customer_account(request)
            if role is Role.PAYER and account.available < amount:
                raise InsufficientFunds("the available balance does not cover the amount")
        except REMEMBERED_REFUSALS as refusal:
            transfer.refusal = refusal.error_code
            self._remember(transfer)
            raise
        transfer.account_id = account.account_id
        self._hold(account, transfer, 1)
        transfer.state = State.HELD
        if action is Action.CREATE:
            self._book(bank, account, transfer)
        self._remember(transfer)
        return transfer

    def _finish(self, bank: Bank, action: Action, transfer: Transfer) -> Transfer:
        if transfer.state is State.REFUSED:
            raise REFUSALS[transfer.refusal]("this transfer was refused before")
        if transfer.state is not State.HELD:
            raise HoldFinished(f"the transfer is {transfer.state.lower()} already")
        account = bank.accounts[transfer.account_id]
        if action is Action.CREATE:
            self._book(bank, account, transfer)
        else:
            self._hold(account, transfer, -1)
            transfer.state = State.RELEASED
        transfer.at_ms = _now_ms()
        self._remember(transfer)
        return transfer

    def _book(self, bank: Bank, account: Account, transfer: Transfer) -> None:
        settlement = self._internal_account(bank, SETTLEMENT, transfer.currency)
        self._hold(account, transfer, -1)
        debit, credit = (
            (account, settlement) if transfer.role is Role.PAYER else (settlement, account)
        )
        self._post(transfer.transfer_code, transfer.role, debit, credit, transfer.amount)
        transfer.state = State.BOOKED

    def _hold(self, account: Account, transfer: Transfer, sign: int) -> None:
        if transfer.role is Role.PAYER:
            account.held += sign * transfer.amount
        else:
            account.reserved += sign * transfer.amount

    def _post(self, code: str, role: str, debit: Account, credit: Account, amount: int) -> None:
        debit.balance -= amount
        credit.balance += amount
        self.journal.add(
            tables.INSERT_POSTING,
            (
                debit.tenant,
                code,
                role,
                debit.account_id,
                credit.account_id,
                debit.currency,
                amount,
                _now_ms(),
            ),
        )

    def _remember(self, transfer: Transfer) -> None:
        self._transfers[transfer.key] = transfer
        self.journal.add(
            tables.UPSERT_TRANSFER,
            (
                transfer.tenant,
                transfer.transfer_code,
                transfer.role,
                transfer.party,
                transfer.account_id,
                transfer.currency,
                transfer.amount,
                transfer.state,
                transfer.refusal,
                transfer.prepared,
                transfer.transaction_code,
                transfer.at_ms,
            ),
        )

    # -- starting ------------------------------------------------------------------------------

    def _load(self) -> None:
        read = self.journal.read
        for tenant, account_id, currency, kind, name in read(tables.SELECT_ACCOUNTS):
            bank = self.banks.setdefault(tenant, Bank(tenant))
            bank.accounts[account_id] = Account(tenant, account_id, currency, kind, name)
        for tenant, id_type, identifier, currency, account_id in read(tables.SELECT_PARTIES):
            bank = self.banks[tenant]
            owned = bank.parties.setdefault((id_type, identifier), {})
            owned[currency] = bank.accounts[account_id]
        for tenant, account_id, balance in read(tables.SELECT_BALANCES):
            self.banks[tenant].accounts[account_id].balance = balance
        for row in read(tables.SELECT_TRANSFERS):
            self._load_transfer(Transfer(*row))

    def _load_transfer(self, transfer: Transfer) -> None:
        transfer.role = Role(transfer.role)
        transfer.state = State(transfer.state)
        transfer.prepared = bool(transfer.prepared)
        self._transfers[transfer.key] = transfer
        if transfer.state is State.HELD:
            account = self.banks[transfer.tenant].accounts[transfer.account_id]
            self._hold(account, transfer, 1)


def _check_same_content(known: Transfer, request: TransferRequest, amount: int) -> None:
    same = (
        known.amount == amount
        and known.currency == request.amount.currency
        and known.party == _named(request)
    )
    if not same:
        raise TransferConflict(
            "this transfer code was used for another account or amount",
            where="transferCode",
            fix="Give every transfer a code of its own.",
        )


def _named(request: TransferRequest) -> str:
    if request.account_id is not None:
        return f"account:{request.account_id}"
    if request.party is not None:
        return f"{request.party.party_id_type}:{request.party.party_identifier}"
    raise InvalidInput("the transfer names neither an account nor a party", where="accountId")


def _check_seed(seed: BankSeed) -> None:
    """Nothing is opened when one account of the request cannot be."""
    ids = {each.account_id for each in seed.accounts}
    owners = {(each.party_id_type, each.party_identifier, each.currency) for each in seed.accounts}
    if not seed.tenant or not len(ids) == len(owners) == len(seed.accounts):
        raise InvalidInput("an account or party is named twice, or the tenant is missing")
    for account_id in ids:
        if account_id.startswith((f"{SETTLEMENT}-", f"{OPENING}-")):
            raise InvalidInput("this account id is the bank's own", where=account_id)


def _is_open(bank: Bank, seed: AccountSeed) -> bool:
    account = bank.accounts.get(seed.account_id)
    owned = bank.parties.get((seed.party_id_type, seed.party_identifier), {}).get(seed.currency)
    if account is None and owned is None:
        return False
    if account is None or owned is not account:
        raise AccountConflict(
            "the account or its party is open already, for someone else",
            where=seed.account_id,
        )
    return True


def _opening_balance(seed: AccountSeed) -> int:
    if seed.balance.strip("0.") == "":
        return 0
    return to_minor_units(seed.balance, seed.currency)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
