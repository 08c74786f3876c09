"""What is paid in the demo, and how each payment must end.

The cents of an amount tell the simulated scheme which fault it meets (see
:mod:`phee.simulators.scheme.faults`), so the expected end of every payment is known beforehand.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from phee.cli.demo.world import BANKS, CURRENCY, DemoBank


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of payment: its share of all (in percent), the cents it ends in, and its end."""

    name: str
    percent: int
    completes: bool
    cents: int | None = None


ORDINARY = Kind("ordinary", 68, completes=True)
WITHOUT_FUNDS = Kind("payer without funds", 5, completes=False)
UNKNOWN_PAYEE = Kind("unknown payee", 5, completes=False)
KINDS: Sequence[Kind] = (
    WITHOUT_FUNDS,
    UNKNOWN_PAYEE,
    Kind("rejected by the scheme", 5, completes=False, cents=91),
    Kind("answered late", 4, completes=True, cents=92),
    Kind("never answered", 4, completes=True, cents=93),
    Kind("answered twice", 4, completes=True, cents=94),
    Kind("answers overtake each other", 3, completes=True, cents=95),
    Kind("never reaches the payee", 2, completes=False, cents=97),
    ORDINARY,
)


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment to post; ``correlation_id`` is its name for life."""

    kind: Kind
    tenant: str
    payee_tenant: str
    payer: str
    payee: str
    amount: Decimal
    correlation_id: str
    currency: str = CURRENCY


def make_payments(count: int, seed: int) -> list[Payment]:
    """Return ``count`` payments, the same for the same ``seed``, kinds and directions mixed."""
    source = random.Random(seed)  # noqa: S311 - a demo, not a secret
    kinds = [kind for kind in KINDS[:-1] for _ in range(count * kind.percent // 100)]
    kinds += [ORDINARY] * (count - len(kinds))
    source.shuffle(kinds)
    return [_payment(kind, number, seed, source) for number, kind in enumerate(kinds)]


def _payment(kind: Kind, number: int, seed: int, source: random.Random) -> Payment:
    payer_bank, payee_bank = BANKS if number % 5 else (BANKS[1], BANKS[0])
    return Payment(
        kind=kind,
        tenant=payer_bank.tenant,
        payee_tenant=payee_bank.tenant,
        payer=_payer(kind, payer_bank, source),
        payee=payee_bank.stranger if kind is UNKNOWN_PAYEE else source.choice(payee_bank.customers),
        amount=_amount(kind, source),
        correlation_id=f"demo-{seed}-{number:06d}",
    )


def _payer(kind: Kind, bank: DemoBank, source: random.Random) -> str:
    return bank.poor_customer if kind is WITHOUT_FUNDS else source.choice(bank.customers)


def _amount(kind: Kind, source: random.Random) -> Decimal:
    cents = source.randint(0, 89) if kind.cents is None else kind.cents
    return Decimal(source.randint(2, 90)) + Decimal(cents) / 100
