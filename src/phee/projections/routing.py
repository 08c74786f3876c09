"""Whose record it is, and which flow it belongs to.

The tenant a record carries decides. Only a record of the default tenant may say by its process id
(``{flow}-{tenant}``, upstream's way) that it belongs to another one. A tenant that nobody knows
gets nothing, least of all another tenant's place: its records go to the operator.
"""

from __future__ import annotations

from collections.abc import Callable
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

    ``mapping`` is set for flows of transfers; ``business`` is the same route with the mapping of
    a flow of any other type. ``mismatch`` says that the process id names another known tenant
    than the record does; ``was_untenanted`` that the record carries the default tenant.
    """

    tenant_id: str
    flow: str
    mapping: FlowMapping | None
    mismatch: bool = False
    business: Route | None = None
    was_untenanted: bool = False


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
        was_untenanted = tenant_id == DEFAULT_TENANT
        named = named_tenant(bpmn_process_id, known.__contains__)
        if was_untenanted and named is not None:
            tenant_id = named
        if tenant_id not in known:
            return None
        suffix = tenant_id if bpmn_process_id.endswith(f"-{tenant_id}") else named
        flow = bpmn_process_id if suffix is None else bpmn_process_id[: -len(suffix) - 1]
        mapping = self._mapping.flows.get(flow)
        is_transfer = mapping is not None and mapping.type == "TRANSFER"
        return Route(
            tenant_id,
            flow,
            mapping if is_transfer else None,
            mismatch=named is not None and suffix != tenant_id,
            business=None if mapping is None or is_transfer else Route(tenant_id, flow, mapping),
            was_untenanted=was_untenanted,
        )


class DefinitionOwners:
    """Remembers whose process each definition is, for records that carry nothing but its key.

    Such a record of the default tenant belongs to whom the definition's process id names. What
    was read before this reader began, the stores know: ``ask`` returns the process id of a
    definition, None when no store has it, and raises Unavailable when one cannot be asked.
    """

    def __init__(self) -> None:
        self.ask: Callable[[int, int], str | None] = lambda _epoch, _key: None
        self._process_ids: dict[tuple[int, int], str] = {}

    def learn(self, epoch: int, process_definition_key: int, bpmn_process_id: str) -> None:
        """Remember a definition's process id."""
        self._process_ids[epoch, process_definition_key] = bpmn_process_id

    def process_id(self, epoch: int, process_definition_key: int) -> str:
        """Return the process id of a definition, "" when nobody knows it.

        Raises:
            Unavailable: a store that may know it does not answer.
        """
        known = self._process_ids.get((epoch, process_definition_key))
        if known is None:
            known = self.ask(epoch, process_definition_key)
            if known is None:
                return ""
            self.learn(epoch, process_definition_key, known)
        return known
