"""What the channel asks of the data side, answered by the relational stores."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from phee.channel import TransferView
from phee.operations.answers import error_information
from phee.operations.freshness import Waiter
from phee.operations.stores import TenantStores
from phee.stores.relational.filters import IncidentFilter, ProcessInstanceFilter
from phee.stores.relational.models import Transfer
from phee.stores.relational.queries import RelationalReader
from phee.web import Position


class StoreTransferLookup:
    """Implements :class:`phee.channel.TransferLookup`."""

    def __init__(self, stores: TenantStores, waiter: Waiter) -> None:
        self._stores = stores
        self._waiter = waiter

    async def by_transaction_id(self, tenant_id: str, transaction_id: str) -> TransferView | None:
        """Return the transfer with this transaction id, when the store has it."""
        return _view(
            await self._stores.relational(
                tenant_id, lambda reader: reader.find_by_transaction_id(transaction_id)
            )
        )

    async def by_correlation_id(self, tenant_id: str, correlation_id: str) -> TransferView | None:
        """Return the transfer with this client correlation id, when the store has it."""
        return _view(
            await self._stores.relational(
                tenant_id, lambda reader: reader.find_by_correlation_id(correlation_id)
            )
        )

    async def wait_until(self, tenant_id: str, position: Position, *, timeout_s: float) -> bool:
        """Return True once the store has everything up to ``position``, False at time out."""
        return await self._waiter.wait(tenant_id, position, timeout_s=timeout_s)


def _view(found: Sequence[Transfer]) -> TransferView | None:
    """Return the payer's side where both sides are in one store, else the newest."""
    transfer = next((t for t in found if t.direction == "OUTGOING"), found[0] if found else None)
    if transfer is None or transfer.transaction_id is None:
        return None
    completed = transfer.completed_at
    return TransferView(
        transaction_id=transfer.transaction_id,
        client_correlation_id=transfer.client_correlation_id,
        client_ref_id=None,
        status=transfer.status,
        completed_at=datetime.fromtimestamp(completed / 1000, UTC) if completed else None,
        error_information=error_information(transfer.error_information),
    )


class StoreOwnershipLookup:
    """Implements :class:`phee.channel.OwnershipLookup`."""

    def __init__(self, stores: TenantStores) -> None:
        self._stores = stores

    async def owns_instance(self, tenant_id: str, process_instance_key: int) -> bool:
        """Return whether this is a root process instance of the tenant."""

        def query(reader: RelationalReader) -> bool:
            chosen = ProcessInstanceFilter(process_instance_key=process_instance_key)
            rows = reader.process_instances(chosen, size=1).rows
            return bool(rows) and rows[0].parent_process_instance_key in (None, -1)

        return await self._stores.relational(tenant_id, query)

    async def owns_incident(
        self, tenant_id: str, incident_key: int, *, element_instance_key: int, job_key: int | None
    ) -> bool:
        """Return whether the tenant has such an open incident, on that element and that job."""

        def query(reader: RelationalReader) -> bool:
            chosen = IncidentFilter(incident_key=incident_key, state="OPEN")
            found = reader.incidents(chosen, size=1).rows
            if not found:
                return False
            incident = found[0]
            same_job = job_key is None or incident.job_key == job_key
            return incident.element_instance_key == element_instance_key and same_job

        return await self._stores.relational(tenant_id, query)
