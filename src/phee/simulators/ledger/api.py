"""The ledger over HTTP, shaped like Apache Fineract's interoperation API.

Core banking: ``GET /parties/{type}/{id}``, ``POST /quotes``, ``POST /transfers?action=`` below
``/fineract-provider/api/v1/interoperation``, for the bank named by ``Fineract-Platform-TenantId``.
For proofs and set-up: ``/ledger/totals``, ``/ledger/accounts``, ``/ledger/holds``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from phee.errors import InvalidInput, PheeError
from phee.simulators.http import answering, decode, json_response
from phee.simulators.http_server import Request, Response, Route
from phee.simulators.ledger.accounts import CUSTOMER, Account, Bank, bank_of
from phee.simulators.ledger.errors import PayeeNotFound
from phee.simulators.ledger.ledger import Ledger
from phee.simulators.ledger.messages import Action, BankSeed, Party, QuoteRequest, TransferRequest
from phee.simulators.ledger.transfers import Transfer
from phee.simulators.money import to_minor_units, to_text

BASE = "/fineract-provider/api/v1/interoperation"
TENANT_HEADER = "Fineract-Platform-TenantId"
_TENANT_KEY = TENANT_HEADER.lower()

Count = Callable[[str, str], None]
"""Counts a transfer step: (action, outcome)."""


class LedgerApi:
    """HTTP in front of one :class:`Ledger`."""

    def __init__(self, ledger: Ledger, count: Count) -> None:
        self._ledger = ledger
        self._count = count
        self._transfer_body = msgspec.json.Decoder(TransferRequest)
        self._quote_body = msgspec.json.Decoder(QuoteRequest)
        self._seed_body = msgspec.json.Decoder(BankSeed)

    def routes(self) -> list[Route]:
        """Everything the ledger serves, the busiest first."""
        return [
            Route("POST", f"{BASE}/transfers", self.transfer),
            Route("POST", f"{BASE}/quotes", answering(self.quote, error_response)),
            Route("GET", f"{BASE}/parties/{{type}}/{{id}}", answering(self.party, error_response)),
            Route("POST", "/ledger/accounts", answering(self.open_accounts, error_response)),
            Route("GET", "/ledger/accounts", answering(self.accounts, error_response)),
            Route("GET", "/ledger/totals", answering(self.totals, error_response)),
            Route("GET", "/ledger/holds", answering(self.holds, error_response)),
        ]

    # -- core banking --------------------------------------------------------------------------

    async def transfer(self, request: Request) -> Response:
        """One step of a transfer; answered once it is on disk."""
        action = request.query("action") or ""
        try:
            step = _action(action)
            body = decode(request.body, self._transfer_body)
            transfer = self._ledger.transfer(_tenant(request), step, body)
        except PheeError as error:
            # A refusal is remembered, so it too is an answer only once it is on disk.
            await self._ledger.journal.durable()
            self._count(action if action in Action.__members__ else "unknown", error.code)
            return error_response(error)
        await self._ledger.journal.durable()
        self._count(action, "done")
        return json_response(_transfer_answer(transfer, step))

    async def quote(self, request: Request) -> Response:
        """The price of a transfer: this bank asks nothing."""
        body = decode(request.body, self._quote_body)
        bank = bank_of(self._ledger.banks, _tenant(request))
        currency = body.amount.currency
        to_minor_units(body.amount.amount, currency)
        bank.customer_account(body)
        free = {"amount": to_text(0, currency), "currency": currency}
        return json_response(
            {
                "quoteCode": body.quote_code,
                "transactionCode": body.transaction_code,
                "state": "ACCEPTED",
                "fspFee": free,
                "fspCommission": free,
            }
        )

    async def party(self, request: Request) -> Response:
        """Who a party is, and which accounts they have."""
        bank = bank_of(self._ledger.banks, _tenant(request))
        party = Party(request.path_values["type"], request.path_values["id"])
        owned = bank.owner_accounts(party)
        if not owned:
            raise PayeeNotFound("the party has no account here")
        first = next(iter(owned.values()))
        return json_response(
            {"accountId": first.account_id, "name": first.name, "currencies": sorted(owned)}
        )

    # -- set-up and proofs ---------------------------------------------------------------------

    async def open_accounts(self, request: Request) -> Response:
        """Open accounts with their first deposits; repeating it changes nothing."""
        opened = self._ledger.open_accounts(decode(request.body, self._seed_body))
        await self._ledger.journal.durable()
        return json_response({"opened": opened})

    async def accounts(self, request: Request) -> Response:
        """Every account of a bank (``?tenant=``), or of all banks."""
        await self._ledger.journal.durable()
        banks = self._banks(request)
        return json_response(
            [_account_answer(each) for bank in banks for each in bank.accounts.values()]
        )

    async def totals(self, request: Request) -> Response:
        """Sums by bank and currency; ``balance`` over all accounts is zero."""
        await self._ledger.journal.durable()
        return json_response([line for bank in self._banks(request) for line in _totals(bank)])

    async def holds(self, request: Request) -> Response:
        """Transfers that are neither booked nor released."""
        await self._ledger.journal.durable()
        tenants = {bank.tenant for bank in self._banks(request)}
        held = [each for each in self._ledger.holds() if each.tenant in tenants]
        return json_response([_hold_answer(each) for each in held])

    def _banks(self, request: Request) -> Iterable[Bank]:
        tenant = request.query("tenant")
        banks = self._ledger.banks
        return banks.values() if tenant is None else [bank_of(banks, tenant)]


def error_response(error: PheeError) -> Response:
    """An error as core banking reports it; ``errorCode`` is stable."""
    content = {
        "httpStatusCode": str(error.http_status),
        "errorCode": getattr(error, "error_code", error.code),
        "defaultUserMessage": error.what,
        "developerMessage": str(error),
    }
    return json_response(content, status=error.http_status)


def _tenant(request: Request) -> str:
    tenant = request.headers.get(_TENANT_KEY)
    if not tenant:
        raise InvalidInput("the header is missing", where=TENANT_HEADER)
    return tenant


def _action(name: str) -> Action:
    if name not in Action.__members__:
        raise InvalidInput(
            "no such action", where="?action=", fix="Use PREPARE, CREATE or RELEASE."
        )
    return Action(name)


def _transfer_answer(transfer: Transfer, action: Action) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "transactionCode": transfer.transaction_code,
        "transferCode": transfer.transfer_code,
        "accountId": transfer.account_id,
        "state": "ACCEPTED",
    }
    if action is not Action.PREPARE:  # its own time is overwritten when the transfer goes on
        answer["completedTimestamp"] = transfer.at_ms
    return answer


def _account_answer(account: Account) -> dict[str, Any]:
    return {
        "tenant": account.tenant,
        "accountId": account.account_id,
        "name": account.name,
        "kind": account.kind,
        "currency": account.currency,
        "balance": to_text(account.balance, account.currency),
        "held": to_text(account.held, account.currency),
        "reserved": to_text(account.reserved, account.currency),
    }


def _hold_answer(transfer: Transfer) -> dict[str, Any]:
    return {
        "tenant": transfer.tenant,
        "transferCode": transfer.transfer_code,
        "role": transfer.role,
        "accountId": transfer.account_id,
        "amount": to_text(transfer.amount, transfer.currency),
        "currency": transfer.currency,
        "heldSince": transfer.at_ms,
    }


def _totals(bank: Bank) -> list[dict[str, Any]]:
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for account in bank.accounts.values():
        line = sums[account.currency]
        line["balance"] += account.balance
        line["held"] += account.held
        line["reserved"] += account.reserved
        line["customers" if account.kind == CUSTOMER else account.kind] += account.balance
    columns = ("balance", "customers", "settlement", "opening", "held", "reserved")
    return [
        {"tenant": bank.tenant, "currency": currency}
        | {column: to_text(line[column], currency) for column in columns}
        for currency, line in sorted(sums.items())
    ]
