"""Which tenant a call is for, and whether that tenant exists here.

The rules and texts follow Zeebe with multi-tenancy on, except that no tenant means the default
one, so that clients that know nothing of tenants work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from phee.errors import Forbidden, InvalidInput
from phee.records import DEFAULT_TENANT

MAX_TENANT_ID_LENGTH = 31

_LEGAL = re.compile(r"[\w.-]+", re.ASCII)


class TenantCheck:
    """Turns tenant ids on the wire into known tenants, or refuses them."""

    def __init__(self, known: Callable[[str], bool]) -> None:
        self._known = known

    def one(self, method: str, tenant_id: str) -> str:
        """The tenant of a call of ``method``.

        Raises:
            InvalidInput: it cannot be a tenant id.
            Forbidden: there is no such tenant here.
        """
        if not tenant_id or tenant_id == DEFAULT_TENANT:
            return DEFAULT_TENANT
        if len(tenant_id) > MAX_TENANT_ID_LENGTH:
            raise _illegal(method, tenant_id, "is longer than 31 characters")
        if not _LEGAL.fullmatch(tenant_id):
            raise _illegal(method, tenant_id, "contains illegal characters")
        if not self._known(tenant_id):
            raise Forbidden(
                f"Expected to handle gRPC request {method} with tenant identifier `{tenant_id}`, "
                "but there is no such tenant here",
                fix="Onboard the tenant first, or name one that exists",
            )
        return tenant_id

    def several(self, method: str, tenant_ids: Iterable[str]) -> tuple[str, ...]:
        """The tenants of a call of ``method``, each once; the default one when none is named."""
        named = dict.fromkeys(self.one(method, tenant_id) for tenant_id in tenant_ids)
        return tuple(named) or (DEFAULT_TENANT,)


def only_default(tenant_id: str) -> bool:
    """The rule when nobody says which tenants exist: none but the default one."""
    return tenant_id == DEFAULT_TENANT


def _illegal(method: str, tenant_id: str, reason: str) -> InvalidInput:
    return InvalidInput(
        f"Expected to handle gRPC request {method} with tenant identifier "
        f"`{tenant_id[:MAX_TENANT_ID_LENGTH]}`, but tenant identifier {reason}",
        fix="A tenant identifier has up to 31 letters, digits, dots, hyphens and underscores",
    )
