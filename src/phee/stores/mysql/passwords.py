"""The passwords of tenants' database accounts: one file each, readable by its owner alone."""

from __future__ import annotations

import secrets
from pathlib import Path

from phee.durable_files import create_durably
from phee.errors import Unavailable
from phee.stores.mysql.names import OPERATOR
from phee.stores.paths import operator_directory, tenant_directory

FILE_NAME = "database.password"


def password_path(data: Path, tenant_id: str) -> Path:
    """Return where the password of a tenant (or of the operator's database) is kept."""
    if tenant_id == OPERATOR:
        return operator_directory(data) / FILE_NAME
    return tenant_directory(data, tenant_id) / FILE_NAME


def read_password(data: Path, tenant_id: str) -> str:
    """Return a tenant's password.

    Raises:
        Unavailable: the tenant has not been onboarded to the database yet.
    """
    path = password_path(data, tenant_id)
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError as error:
        raise Unavailable(
            "the tenant's database is not there yet",
            where=str(path),
            fix="Its importer makes it when it starts; see that the importer runs",
        ) from error


def ensure_password(data: Path, tenant_id: str) -> str:
    """Return a tenant's password; make one, durably, when there is none."""
    path = password_path(data, tenant_id)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        create_durably(path, secrets.token_urlsafe(24).encode(), mode=0o600)
    return read_password(data, tenant_id)
