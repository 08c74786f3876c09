"""Whose record it is, and which flow it belongs to.

The tenant a record carries decides. Only a record of the default tenant may say by its process id
(``{flow}-{tenant}``, upstream's way) that it belongs to another one. A tenant that nobody knows
gets nothing, least of all another tenant's place: its records go to the operator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from phee.projections.mapping import FlowMapping, TransferMapping
from phee.records import DEFAULT_TENANT
from phee.records.tenant_names import named_tenant


class TenantDirectory(Protocol):
    """Who the tenants are."""

    def known_tenants(self) -> set[str]:
        """Return the ids of every tenant that was onboarded."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where the records of one process of one tenant go.

    ``mismatch`` says that the process id names another known tenant than the record does.
    """

    tenant_id: str
    flow: str
    mapping: FlowMapping | None
    mismatch: bool = False


class Router:
    """Finds the route of a record; asks the directory only about what it has not seen before."""

    def __init__(self, mapping: TransferMapping, tenants: TenantDirectory) -> None:
        self._mapping = mapping
        self._tenants = tenants
        self._routes: dict[tuple[str, str], Route] = {}

    def route(self, bpmn_process_id: str, tenant_id: str) -> Route | None:
        """Return the route, or None when the tenant is not known."""
        route = self._routes.get((bpmn_process_id, tenant_id))
        if route is None:
            route = self._find(bpmn_process_id, tenant_id)
            if route is not None:
                self._routes[bpmn_process_id, tenant_id] = route
        return route

    def forget(self) -> None:
        """Ask again about everything; call it when the tenants have changed."""
        self._routes.clear()

    def _find(self, bpmn_process_id: str, tenant_id: str) -> Route | None:
        known = self._tenants.known_tenants() | {DEFAULT_TENANT}
        named = named_tenant(bpmn_process_id, known.__contains__)
        if tenant_id == DEFAULT_TENANT and named is not None:
            tenant_id = named
        if tenant_id not in known:
            return None
        suffix = tenant_id if bpmn_process_id.endswith(f"-{tenant_id}") else named
        flow = bpmn_process_id if suffix is None else bpmn_process_id[: -len(suffix) - 1]
        return Route(
            tenant_id,
            flow,
            self._mapping.flows.get(flow),
            mismatch=named is not None and suffix != tenant_id,
        )
