"""One side of a transfer at one bank, and the states it goes through.

::

    (nothing) --PREPARE--> HELD --CREATE--> BOOKED
        |  |                 '---RELEASE--> RELEASED
        |  '--CREATE as payee (deposit without a reservation)--> BOOKED
        '--refused for good--> REFUSED
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from phee.simulators.ledger.messages import Action, Role


class State(StrEnum):
    HELD = "HELD"
    BOOKED = "BOOKED"
    RELEASED = "RELEASED"
    REFUSED = "REFUSED"


@dataclass(slots=True)
class Transfer:
    """What the ledger knows under (tenant, transfer code, role).

    Attributes:
        party: how the request named the account; a repetition must name it the same way.
        amount: minor units.
        refusal: error code when REFUSED.
        prepared: whether it began with PREPARE.
        at_ms: when the present state was reached.
    """

    tenant: str
    transfer_code: str
    role: Role
    party: str
    account_id: str
    currency: str
    amount: int
    state: State
    refusal: str
    prepared: bool
    transaction_code: str
    at_ms: int

    @property
    def key(self) -> tuple[str, str, str]:
        """(tenant, transfer code, role)."""
        return (self.tenant, self.transfer_code, self.role)


REPEATED_IN: dict[Action, frozenset[State]] = {
    Action.PREPARE: frozenset({State.HELD, State.BOOKED, State.RELEASED}),
    Action.CREATE: frozenset({State.BOOKED}),
    Action.RELEASE: frozenset({State.RELEASED}),
}
"""States in which an action has been done before, so that asking again changes nothing."""
