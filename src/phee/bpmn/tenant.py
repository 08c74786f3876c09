"""One drawing, many tenants: the word ``DFSPID`` stands for the tenant's id.

Payment flows are drawn once and deployed per tenant; ids and job types end with the tenant's id.
"""

from __future__ import annotations

import re

from phee.errors import InvalidInput

PLACEHOLDER = b"DFSPID"
_TENANT_ID = re.compile(r"[A-Za-z0-9_.-]{1,31}", re.ASCII)


def replace_tenant(content: bytes, tenant_id: str) -> bytes:
    """The drawing of one tenant: ``DFSPID`` replaced everywhere in ``content``.

    Raises:
        InvalidInput: the tenant id is not 1 to 31 letters, digits, ``_``, ``.`` or ``-`` (so it can
            never add markup to the drawing).
    """
    if _TENANT_ID.fullmatch(tenant_id) is None:
        raise InvalidInput(
            "A tenant id has 1 to 31 letters, digits, '_', '.' or '-'",
            where=f"tenant id {tenant_id[:40]!r}",
            fix="Use the id under which the tenant was onboarded",
        )
    return content.replace(PLACEHOLDER, tenant_id.encode("ascii"))
