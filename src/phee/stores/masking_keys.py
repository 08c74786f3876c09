"""Where the masking keys of a data directory lie: one file beside each tenant's stores.

Invariant: a tenant's search documents are masked if and only if the file is there. It is written
once, whole, readable by its owner alone; whoever comes second finds the key of the first.
"""

from __future__ import annotations

import os
import secrets
import threading
from pathlib import Path

from phee.durable_files import create_durably
from phee.errors import InvalidInput
from phee.projections.masking import (
    KEY_BYTES,
    Masker,
    PersonalData,
    default_personal_data,
    load_personal_data,
)
from phee.stores.paths import tenant_directory

FILE_NAME = "masking.key"
RULES_VARIABLE = "PHEE_MASKING_RULES"


class MaskingKeys:
    """The maskers of all tenants. Safe in several threads and processes."""

    def __init__(self, data: Path) -> None:
        """Read the rules of masking: those that ship, or the file that PHEE_MASKING_RULES names.

        Raises:
            InvalidInput: that file cannot be read.
        """
        self._data = data
        self._rules = personal_data_rules()
        self._known: dict[str, tuple[int, Masker]] = {}
        self._lock = threading.Lock()

    def masker(self, tenant_id: str) -> Masker | None:
        """Return what masks a tenant's data; None when it has no key.

        Raises:
            InvalidInput: the file does not hold a key.
        """
        path = self._path(tenant_id)
        try:
            stamp = path.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        with self._lock:
            known = self._known.get(tenant_id)
            if known is None or known[0] != stamp:
                known = self._known[tenant_id] = (stamp, Masker(read_key(path), self._rules))
        return known[1]

    def make(self, tenant_id: str) -> Masker:
        """Return what masks a tenant's data; makes its key when there is none."""
        found = self.masker(tenant_id)
        if found is None:
            write_new_key(self._path(tenant_id), secrets.token_bytes(KEY_BYTES))
            found = self.masker(tenant_id)
            assert found is not None, "the key was just written"
        return found

    def _path(self, tenant_id: str) -> Path:
        return tenant_directory(self._data, tenant_id) / FILE_NAME


def personal_data_rules() -> PersonalData:
    """Return the rules that ship, or those of the file that PHEE_MASKING_RULES names.

    Raises:
        InvalidInput: that file cannot be read.
    """
    file = os.environ.get(RULES_VARIABLE)
    if not file:
        return default_personal_data()
    try:
        return load_personal_data(Path(file).read_bytes())
    except OSError as error:
        raise InvalidInput(
            f"the file with the rules of masking cannot be read: {error.strerror}",
            where=RULES_VARIABLE,
            fix="Name a file that this process may read",
        ) from error


def read_key(path: Path) -> bytes:
    """Return the key that a file holds.

    Raises:
        InvalidInput: it does not hold one.
        FileNotFoundError: there is no such file.
    """
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise InvalidInput(
            "the file does not hold a key",
            where=str(path),
            fix="Restore it from a backup; a lost masking key takes a rebuild of the search store",
        )
    return key


def write_new_key(path: Path, key: bytes) -> None:
    """Write a key that nobody has seen yet; whoever was faster stays."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    create_durably(path, f"{key.hex()}\n".encode(), mode=0o600)
