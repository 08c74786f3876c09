"""Where the embedded stores of a data directory lie: a folder per tenant, one for the operator."""

from __future__ import annotations

from pathlib import Path

from phee.errors import InvariantBroken
from phee.records import DEFAULT_TENANT

_DEFAULT_FOLDER = "_default"
"""The folder of the default tenant; no tenant id can begin with an underscore."""


def tenant_directory(data: Path, tenant_id: str) -> Path:
    """Return the folder of a tenant. The id is part of the path, so its form is checked again.

    Raises:
        InvariantBroken: the id could leave the folder; ids are checked where tenants are made.
    """
    if tenant_id == DEFAULT_TENANT:
        return data / "tenants" / _DEFAULT_FOLDER
    plain = tenant_id.replace("-", "").replace("_", "").replace(".", "")
    if not (plain.isascii() and plain.isalnum() and tenant_id[0].isalnum()):
        raise InvariantBroken("a tenant id cannot be part of a path", where=repr(tenant_id[:40]))
    return data / "tenants" / tenant_id


def relational_path(data: Path, tenant_id: str) -> Path:
    """Return the file of a tenant's relational store."""
    return tenant_directory(data, tenant_id) / "relational.db"


def search_path(data: Path, tenant_id: str) -> Path:
    """Return the file of a tenant's search store."""
    return tenant_directory(data, tenant_id) / "search.db"


def operator_directory(data: Path) -> Path:
    """Return the folder of what belongs to no tenant."""
    return data / "operator"


def operator_dead_letters_path(data: Path) -> Path:
    """Return the file of the dead letters that belong to no known tenant."""
    return operator_directory(data) / "deadletters.db"
