"""Who exists in the demo: two banks with customers, and the scheme that connects them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

CURRENCY = "USD"
CUSTOMERS_PER_BANK = 40
OPENING_BALANCE = "5000.00"
POOR_BALANCE = "1.00"


@dataclass(frozen=True, slots=True)
class DemoBank:
    """A tenant; its customers' numbers begin with ``prefix``, the last one has next to nothing."""

    tenant: str
    name: str
    prefix: str

    @property
    def customers(self) -> list[str]:
        """MSISDNs of the customers with money."""
        return [f"{self.prefix}{number:06d}" for number in range(1, CUSTOMERS_PER_BANK + 1)]

    @property
    def poor_customer(self) -> str:
        """MSISDN of a customer without funds."""
        return f"{self.prefix}800001"

    @property
    def stranger(self) -> str:
        """An MSISDN that nobody has."""
        return f"{self.prefix}999999"


BANKS: Sequence[DemoBank] = (
    DemoBank("rhino", "Rhino Bank", "27710"),
    DemoBank("gorilla", "Gorilla Mobile Money", "27720"),
)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast payments come, and how long everybody waits for an answer.

    Waits are short, so that late and missing answers end while one looks on; ``patience``
    multiplies all of them, for orchestrators that need longer for a payment.

    Attributes:
        payments_per_s: how many are posted; None: as many as are accepted.
    """

    patience: int = 1
    payments_per_s: float | None = None

    @property
    def late_ms(self) -> int:
        """How late a late answer of the scheme is."""
        return 4_000 * self.patience

    @property
    def quote_expiry_ms(self) -> int:
        """How long a quote holds."""
        return 8_000 * self.patience

    @property
    def tenant_settings(self) -> dict[str, str]:
        """The waits of each tenant's flows."""
        return {
            "responseTimeout": f"PT{3 * self.patience}S",
            "payerDecisionTimeout": f"PT{30 * self.patience}S",
            "transferWindow": f"PT{20 * self.patience}S",
            "operatorRecheckInterval": f"PT{5 * self.patience}S",
        }


DEFAULT_PACE = Pace()


def account_seeds(bank: DemoBank) -> dict[str, Any]:
    """Return the accounts of ``bank``, as POST /ledger/accounts of the simulator takes them."""
    balances = dict.fromkeys(bank.customers, OPENING_BALANCE)
    balances[bank.poor_customer] = POOR_BALANCE
    return {
        "tenant": bank.tenant,
        "accounts": [
            {
                "accountId": f"{bank.tenant}-{msisdn}",
                "partyIdType": "MSISDN",
                "partyIdentifier": msisdn,
                "currency": CURRENCY,
                "balance": balance,
                "name": f"Customer {msisdn[-6:]}",
            }
            for msisdn, balance in balances.items()
        ],
    }


def participant_seed(bank: DemoBank, hub_url: str) -> dict[str, Any]:
    """Return where the scheme finds ``bank``, as POST /scheme/participants takes it."""
    return {"fspId": bank.tenant, "callbackUrl": f"{hub_url}/switch"}


def party_seeds(bank: DemoBank) -> list[dict[str, Any]]:
    """Return whose customers these are, as POST /scheme/parties takes it."""
    return [
        {"partyIdType": "MSISDN", "partyIdentifier": msisdn, "fspId": bank.tenant}
        for msisdn in [*bank.customers, bank.poor_customer]
    ]
