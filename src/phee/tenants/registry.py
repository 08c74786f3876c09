"""Who the tenants are, in one file that every process of the hub reads.

Invariants: the file is replaced as a whole and synced before a change is answered; ids are unique,
so are names in the scheme, and no new id is the end of another one after a dash. Writers of several
processes take turns on a lock file; readers notice a new file by its identity, size and
modification time, at most ``RECHECK_S`` late.
"""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from phee.durable_files import replace_durably
from phee.errors import AlreadyExists, InvariantBroken, NotFound
from phee.tenants.tenant import Tenant

FILE_NAME = "tenants.json"
RECHECK_S = 0.25


class UnknownTenant(NotFound):
    """No tenant has this id; tenants must be onboarded before anything is done for them."""

    code = "unknown-tenant"


class TenantExists(AlreadyExists):
    """Another tenant has this id, one that reads the same in process ids, or its scheme name."""

    code = "tenant-exists"


class _File(msgspec.Struct, frozen=True):
    tenants: list[Tenant]
    version: int = 1


class TenantRegistry:
    """The tenants of one data directory. Safe to use from several threads and processes."""

    def __init__(self, data_directory: Path) -> None:
        self._path = data_directory / FILE_NAME
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._by_id: dict[str, Tenant] = {}
        self._by_scheme_id: dict[str, Tenant] = {}
        self._checked_at = -RECHECK_S
        self._refresh()

    def get(self, tenant_id: str) -> Tenant:
        """Return a tenant.

        Raises:
            UnknownTenant: it was never onboarded.
        """
        tenant = self.find(tenant_id)
        if tenant is None:
            raise _unknown()
        return tenant

    def find(self, tenant_id: str) -> Tenant | None:
        """Return a tenant, or None when there is no such one."""
        self._refresh_when_due()
        tenant = self._by_id.get(tenant_id)
        if tenant is None:  # perhaps onboarded by another process an instant ago
            self._refresh()
            tenant = self._by_id.get(tenant_id)
        return tenant

    def by_fsp_id(self, fsp_id: str) -> Tenant:
        """Return the tenant that the scheme calls ``fsp_id``.

        Raises:
            UnknownTenant: no tenant has that name.
        """
        self._refresh_when_due()
        if fsp_id not in self._by_scheme_id:
            self._refresh()
        tenant = self._by_scheme_id.get(fsp_id)
        if tenant is None:
            raise _unknown()
        return tenant

    def list(self) -> Sequence[Tenant]:
        """Return every tenant, by id."""
        self._refresh()
        return [self._by_id[tenant_id] for tenant_id in sorted(self._by_id)]

    def ids(self) -> Sequence[str]:
        """Return the ids of every tenant, sorted."""
        return [tenant.id for tenant in self.list()]

    def add(self, tenant: Tenant) -> Tenant:
        """Write a new tenant; adding an equal one again changes nothing. Blocks on the disk.

        Raises:
            TenantExists: another tenant has its id, an id that process ids cannot tell from it,
                or its name in the scheme.
        """
        return self._write(tenant, replace=False)

    def replace(self, tenant: Tenant) -> Tenant:
        """Write a tenant over the one with its id, or as a new one. Blocks on the disk.

        Raises:
            TenantExists: another tenant has the same name in the scheme.
        """
        return self._write(tenant, replace=True)

    def _write(self, tenant: Tenant, *, replace: bool) -> Tenant:
        with self._lock, self._exclusive():
            self._load()
            current = self._by_id.get(tenant.id)
            if current == tenant:
                return current
            if current is not None and not replace:
                raise TenantExists(
                    "This tenant exists with other settings",
                    where=tenant.id,
                    fix="Choose another id, or change the existing tenant",
                )
            if current is None:
                self._require_own_ending(tenant.id)
            namesake = self._by_scheme_id.get(tenant.scheme_id)
            if namesake is not None and namesake.id != tenant.id:
                raise TenantExists(
                    f"Tenant {namesake.id} has the same FSP id",
                    where=tenant.id,
                    fix="Give every tenant its own FSP id",
                )
            self._save({**self._by_id, tenant.id: tenant})
            self._load()
        return tenant

    def _require_own_ending(self, tenant_id: str) -> None:
        """Accept an id that process ids, ``{flow}-{tenant}``, tell from every other one.

        With ``b`` and ``a-b``, the process ``flow-a-b`` could belong to either.
        """
        for other in self._by_id:
            if other.endswith(f"-{tenant_id}") or tenant_id.endswith(f"-{other}"):
                raise TenantExists(
                    f"Process ids could not tell this tenant from {other}",
                    where=tenant_id,
                    fix="Choose an id that is not the end, after a dash, of another one",
                )

    def _refresh_when_due(self) -> None:
        if time.monotonic() - self._checked_at >= RECHECK_S:
            self._refresh()

    def _refresh(self) -> None:
        with self._lock:
            self._load()

    def _load(self) -> None:
        self._checked_at = time.monotonic()
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return
        stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
        if stamp == self._stamp:
            return
        tenants = self._read()
        self._by_id = {tenant.id: tenant for tenant in tenants}
        self._by_scheme_id = {tenant.scheme_id: tenant for tenant in tenants}
        self._stamp = stamp

    def _read(self) -> Sequence[Tenant]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_File).tenants
        except msgspec.MsgspecError as error:
            raise InvariantBroken(
                f"The tenants file is damaged: {error}",
                where=str(self._path),
                fix="Restore it from a backup, or correct it by hand",
            ) from error

    def _save(self, tenants: dict[str, Tenant]) -> None:
        content = msgspec.json.format(msgspec.json.encode(_File(list(tenants.values()))), indent=2)
        replace_durably(self._path, content + b"\n")

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("wb") as lock_file:
            fcntl.flock(lock_file, fcntl.LOCK_EX)
            yield


def _unknown() -> UnknownTenant:
    # The id stays out of the message: it comes from outside and ends up in logs.
    return UnknownTenant(
        "There is no such tenant", fix="Onboard it first, or correct the Platform-TenantId header"
    )
