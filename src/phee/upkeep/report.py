"""What a proof found, as it is printed and as JSON."""

from __future__ import annotations

import msgspec

from phee.upkeep.comparing import Difference, Totals


class Total(msgspec.Struct, frozen=True, rename="camel"):
    """Payments of one status and currency; ``amount`` is exact, as text."""

    status: str
    currency: str
    count: int
    amount: str


class StoreReport(msgspec.Struct, frozen=True, rename="camel"):
    """One store of a tenant: how far it is, how many rows were compared, what payments add up to.

    ``open_dead_letters`` counts what could not be projected; the log's fold leaves out the same.
    """

    store: str
    position: int
    rows: dict[str, int]
    totals: list[Total]
    open_dead_letters: int


class TenantReport(msgspec.Struct, frozen=True, rename="camel"):
    """What was proven of one tenant; ``differences`` holds the first ones of ``difference_count``.

    ``running_instances`` is None where the orchestrator cannot list what runs.
    """

    tenant: str
    stores: list[StoreReport]
    running_instances: int | None
    difference_count: int
    differences: list[Difference]

    @property
    def is_clean(self) -> bool:
        """Whether everything agrees."""
        return self.difference_count == 0


class Verification(msgspec.Struct, frozen=True, rename="camel"):
    """What was proven, and about which part of the log.

    ``not_checked`` says in words what could not be compared, and why; it is no difference.
    """

    is_clean: bool
    records: int
    log_differences: list[Difference]
    tenants: list[TenantReport]
    not_checked: list[str] = []


def totals_of(totals: Totals) -> list[Total]:
    """Return what payments add up to, by status and currency."""
    return [
        Total(status, currency, count, f"{amount:f}")
        for (status, currency), (count, amount) in sorted(totals.items())
    ]
