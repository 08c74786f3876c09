"""Which tenant a request is for: read from one header, checked, and never taken from elsewhere."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request
from msgspec import Meta

from phee.tenants import TENANT_ID_PATTERN, Tenant, TenantRegistry
from phee.web.errors import MissingTenant
from phee.web.request import HeaderParameters

TENANT_HEADER = "Platform-TenantId"
_RAW_HEADER = TENANT_HEADER.lower().encode()


class TenantHeader(HeaderParameters):
    """The header every route about one tenant's things needs."""

    tenant: Annotated[
        str,
        Meta(
            pattern=TENANT_ID_PATTERN,
            description="whose payments this is about",
            examples=["rhino"],
        ),
    ] = msgspec.field(name=TENANT_HEADER)


class TenantResolver:
    """Finds the tenant of a request among the onboarded ones."""

    def __init__(self, registry: TenantRegistry) -> None:
        self._registry = registry

    def of(self, request: Request[Any, Any, Any]) -> Tenant:
        """Return the tenant ``request`` is for, and note it for the access log.

        Raises:
            MissingTenant: the header is missing, empty, or there twice.
            phee.tenants.UnknownTenant: it names no onboarded tenant.
        """
        values = [value for name, value in request.scope["headers"] if name == _RAW_HEADER]
        if len(values) != 1 or not values[0]:
            what = "twice" if len(values) > 1 else "missing"
            raise MissingTenant(
                f"The header {TENANT_HEADER} is {what}",
                where=TENANT_HEADER,
                fix="Send it once, with the id of your tenant",
            )
        tenant = self._registry.get(values[0].decode("latin-1"))
        request.scope["state"]["tenant_id"] = tenant.id
        return tenant
