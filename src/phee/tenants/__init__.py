"""Who the tenants are: the registry in the data directory, and onboarding.

Imports only errors and commands, so that every process can read the registry.
"""

from phee.tenants.onboarding import Deployer, Onboarded, onboard
from phee.tenants.registry import TenantExists, TenantRegistry, UnknownTenant
from phee.tenants.tenant import (
    TENANT_ID_PATTERN,
    InvalidTenant,
    Tenant,
    TenantSettings,
    check_tenant_id,
)

__all__ = [
    "TENANT_ID_PATTERN",
    "Deployer",
    "InvalidTenant",
    "Onboarded",
    "Tenant",
    "TenantExists",
    "TenantRegistry",
    "TenantSettings",
    "UnknownTenant",
    "check_tenant_id",
    "onboard",
]
