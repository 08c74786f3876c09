"""What a tenant's database and account are called, both the same.

Invariants: two tenants never share a name; a name never has an underscore behind the prefix, which
in a grant would stand for any character; it fits an account (32 characters) and file systems that
know no case.
"""

from __future__ import annotations

import hashlib

from phee.errors import InvariantBroken
from phee.records import DEFAULT_TENANT

LENGTH_MAX = 32
OPERATOR = "<operator>"
"""Whose dead letters belong to no tenant; no tenant can have this id."""
_ESCAPES = {"_": "$u", ".": "$d", "-": "-"}


def database_name(prefix: str, tenant_id: str) -> str:
    """Return the name of a tenant's database and account.

    Raises:
        InvariantBroken: the id has characters that no tenant id has.
    """
    if tenant_id == DEFAULT_TENANT:
        return f"{prefix}_$default"
    if tenant_id == OPERATOR:
        return f"{prefix}_$operator"
    name = f"{prefix}_{''.join(map(_escaped, tenant_id))}"
    if len(name) <= LENGTH_MAX:
        return name
    digest = hashlib.sha256(tenant_id.encode()).hexdigest()[:12]
    return f"{name[: LENGTH_MAX - 14]}$x{digest}"


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isascii() and (character.isdigit() or character.islower()):
        return character
    raise InvariantBroken("a tenant id cannot be part of a database name", where=repr(character))
