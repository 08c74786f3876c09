"""Tenants on a cluster that has none: they live in names.

A process of tenant T is ``{flow}-{T}``; whoever's name it bears owns it. A message (or signal) of
tenant T is ``{name}@{T}`` at the cluster: no tenant id holds an ``@``, so no two tenants' messages
can share a name. What bears no known tenant's name is of the default tenant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from phee.errors import InvalidInput, NotFound
from phee.records import DEFAULT_TENANT
from phee.records.tenant_names import named_tenant

MESSAGE_SEPARATOR = "@"


class NamedTenants:
    """Says who owns what; ``is_known`` says whether there is such a tenant.

    A tenant that is served here is known, whatever the directory says.
    """

    def __init__(self, is_known: Callable[[str], bool]) -> None:
        self._served: set[str] = set()
        self._is_known: Callable[[str], bool] = lambda name: name in self._served or is_known(name)

    def serve(self, tenant_ids: Iterable[str]) -> None:
        """Know these tenants from now on."""
        self._served.update(tenant_ids)

    def owner_of(self, bpmn_process_id: str) -> str:
        """Return the tenant whose name a process id ends with, else the default one."""
        return named_tenant(bpmn_process_id, self._is_known) or DEFAULT_TENANT

    def check_deployable(self, bpmn_process_id: str, tenant_id: str, where: str) -> None:
        """Accept a process id that makes the process this tenant's.

        Raises:
            InvalidInput: it would be somebody else's.
        """
        owner = self._owner_seen_by(tenant_id, bpmn_process_id)
        if owner != tenant_id:
            raise InvalidInput(
                f"The process {bpmn_process_id!r} would belong to {owner}, not to {tenant_id}: "
                "this orchestrator tells tenants apart by the end of the process id",
                where=where,
                fix=_id_fix(tenant_id),
            )

    def check_startable(self, bpmn_process_id: str, tenant_id: str) -> None:
        """Accept the id of a process that may be this tenant's.

        Raises:
            NotFound: it can only be somebody else's.
        """
        if self._owner_seen_by(tenant_id, bpmn_process_id) != tenant_id:
            raise NotFound(
                f"The tenant {tenant_id} has no process {bpmn_process_id!r}",
                where="process id",
                fix=_id_fix(tenant_id),
            )

    def message_name(self, name: str, tenant_id: str) -> str:
        """Return what a tenant's message (or signal) is called at the cluster.

        Raises:
            InvalidInput: the default tenant's would be called like one of another tenant.
        """
        if tenant_id != DEFAULT_TENANT:
            return f"{name}{MESSAGE_SEPARATOR}{tenant_id}"
        _, separator, owner = name.rpartition(MESSAGE_SEPARATOR)
        if separator and self._is_known(owner):
            raise InvalidInput(
                f"The name {name!r} is that of a message of {owner}",
                where="message name",
                fix=f"Publish it for {owner}, without the suffix",
            )
        return name

    def _owner_seen_by(self, tenant_id: str, bpmn_process_id: str) -> str:
        """A tenant that asks is there, whatever the directory knows."""

        def is_known(name: str) -> bool:
            return name == tenant_id or self._is_known(name)

        return named_tenant(bpmn_process_id, is_known) or DEFAULT_TENANT


def _id_fix(tenant_id: str) -> str:
    if tenant_id == DEFAULT_TENANT:
        return "Deploy it for that tenant, or rename it"
    return f"End the process id with -{tenant_id} (write -DFSPID in the drawing)"
