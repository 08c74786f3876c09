"""Whatever is asked of the ledger in whatever order, money neither appears nor disappears."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from phee.errors import PheeError
from phee.simulators.journal import Journal
from phee.simulators.ledger.ledger import Ledger
from phee.simulators.ledger.messages import (
    AccountSeed,
    Action,
    Amount,
    BankSeed,
    Party,
    Role,
    TransferRequest,
)
from phee.simulators.ledger.tables import SCHEMA
from phee.simulators.ledger.transfers import State

T = TypeVar("T")
CODES = st.sampled_from(["t1", "t2", "t3", "t4"])
AMOUNTS = st.sampled_from(["10.00", "10", "25.5", "60.00"])
OWNERS = st.sampled_from(["alice", "bob", "nobody"])


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.answers: dict[tuple[object, ...], str] = {}

    def run(self, action: Callable[[], T]) -> T:
        async def in_loop() -> T:
            return action()

        return self.loop.run_until_complete(in_loop())

    def open(self) -> None:
        self.journal = self.run(lambda: Journal(self.folder / "ledger.sqlite", SCHEMA))
        self.ledger = self.run(lambda: Ledger(self.journal))

    @initialize()
    def open_accounts(self) -> None:
        self.open()
        accounts = [
            AccountSeed(name, "MSISDN", name, currency, balance)
            for name, currency, balance in (("alice", "USD", "100.00"), ("bob", "USD", "0"))
        ]
        self.run(lambda: self.ledger.open_accounts(BankSeed("rhino", accounts)))

    @rule(
        action=st.sampled_from(Action),
        role=st.sampled_from(Role),
        code=CODES,
        amount=AMOUNTS,
        owner=OWNERS,
        currency=st.sampled_from(["USD", "USD", "EUR"]),
    )
    def transfer(
        self, action: Action, role: Role, code: str, amount: str, owner: str, currency: str
    ) -> None:
        request = TransferRequest(
            code, role, Amount(amount, currency), party=Party("MSISDN", owner)
        )
        outcome = self.attempt(action, request)
        assert self.attempt(action, request) == outcome, "the second answer differs"
        content = (float(amount), owner, currency)
        if outcome == "ACCEPTED":
            first = self.answers.setdefault((action, role, code), repr(content))
            assert first == repr(content), "two contents were accepted under one code"

    def attempt(self, action: Action, request: TransferRequest) -> str:
        try:
            self.run(lambda: self.ledger.transfer("rhino", action, request))
        except PheeError as error:
            return error.code
        return "ACCEPTED"

    @rule()
    def restart(self) -> None:
        before = self.picture()
        self.loop.run_until_complete(self.journal.close())
        self.open()
        assert self.picture() == before

    def picture(self) -> object:
        accounts = self.ledger.banks["rhino"].accounts.values()
        return sorted((a.account_id, a.balance, a.held, a.reserved) for a in accounts), sorted(
            (held.key, held.amount) for held in self.ledger.holds()
        )

    @invariant()
    def money_is_conserved(self) -> None:
        accounts = list(self.ledger.banks["rhino"].accounts.values())
        for currency in ("USD", "EUR"):
            assert sum(a.balance for a in accounts if a.currency == currency) == 0
        customers = [a for a in accounts if a.kind == "customer"]
        for account in customers:
            assert account.available >= 0
            assert account.held >= 0
            assert account.reserved >= 0
        holds = [each for each in self.ledger.holds() if each.state is State.HELD]
        for role, total in ((Role.PAYER, "held"), (Role.PAYEE, "reserved")):
            expected = sum(each.amount for each in holds if each.role is role)
            assert sum(getattr(a, total) for a in customers) == expected

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.loop.run_until_complete(self.journal.close())
        self.loop.close()
        shutil.rmtree(self.folder)


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(
    max_examples=20, stateful_step_count=25, deadline=None, print_blob=True
)
