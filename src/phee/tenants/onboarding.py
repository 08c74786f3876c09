"""Onboarding: a tenant becomes known and gets its flows, in that order.

A crash in between leaves a tenant without flows, whose payments are refused with a clear error;
onboarding again completes it, since both steps may be repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from phee.commands import Deployed, Resource
from phee.tenants.registry import TenantRegistry
from phee.tenants.tenant import Tenant


class Deployer(Protocol):
    """What onboarding needs of an orchestrator's client."""

    async def deploy(self, resources: Sequence[Resource], *, tenant_id: str) -> Deployed:
        """Deploy all or none of ``resources``."""


@dataclass(frozen=True, slots=True)
class Onboarded:
    """A tenant that is ready, and what was deployed for it (nothing when it has no flows)."""

    tenant: Tenant
    deployed: Deployed | None


async def onboard(
    registry: TenantRegistry, client: Deployer, tenant: Tenant, resources: Sequence[Resource]
) -> Onboarded:
    """Register ``tenant`` and deploy ``resources`` for it; repeating it changes nothing.

    Raises:
        TenantExists: another tenant has its id or its name in the scheme.
        phee.errors.InvalidInput: a resource was refused; the tenant is registered, without flows.
    """
    known = await asyncio.to_thread(registry.add, tenant)
    deployed = await client.deploy(resources, tenant_id=known.id) if resources else None
    return Onboarded(known, deployed)
