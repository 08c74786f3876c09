"""Where the outside systems are, and how patient to be with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

TRIES = 8
"""Tries of a job that calls outside; the waits between them add up to about a minute."""


def same_id(tenant_id: str) -> str:
    """A tenant's FSP id in the scheme, when both are named alike."""
    return tenant_id


@dataclass(frozen=True, slots=True)
class ConnectorSettings:
    """Settings of every connector.

    Attributes:
        ledger_url: base URL of the core banking (its interoperation API is below it).
        scheme_url: base URL of the payment scheme.
        ilp_secret: what only this hub knows; fulfilments are derived from it, so it must stay the
            same as long as quotes are open.
        fsp_id: the scheme's name for a tenant.
        request_timeout_ms: how long one call may take.
        connections_max: connections to one outside system.
        quote_expiry_ms: how long a quote given to another FSP holds, and so the transfer for it.
        payment_expiry_ms: how long after its start a payment may still reach the scheme; a
            transfer expires then, or with its quote if that is sooner.
        message_ttl_ms: how long a callback waits for its flow to listen.
    """

    ledger_url: str
    scheme_url: str
    ilp_secret: str = field(repr=False)
    fsp_id: Callable[[str], str] = same_id
    request_timeout_ms: int = 5_000
    connections_max: int = 100
    quote_expiry_ms: int = 240_000
    payment_expiry_ms: int = 600_000
    message_ttl_ms: int = 60_000
