"""The routes under /api/v1: look at payments and at everything that happened in them."""

from __future__ import annotations

from typing import Annotated

from litestar import Router
from litestar.params import PathParameter

from phee.operations.analytics import (
    HistogramAnswer,
    HistogramQuery,
    PercentilesAnswer,
    PercentilesQuery,
    TermsAnswer,
    TermsQuery,
)
from phee.operations.answers import (
    DeadLetterAnswer,
    IncidentAnswer,
    PageAnswer,
    ProcessInstanceAnswer,
    ProcessInstanceDetail,
    SearchAnswer,
    Statistics,
    TransferAnswer,
    TransferDetail,
)
from phee.operations.fresh_routes import AnyRequest, Declared, FreshHandlers, fresh_routes
from phee.operations.freshness import Waiter
from phee.operations.listing_routes import listing_handlers
from phee.operations.parameters import (
    DeadLettersQuery,
    IncidentsQuery,
    ProcessInstancesQuery,
    SearchFields,
    StatisticsQuery,
    TransfersQuery,
)
from phee.operations.queries import OperationsQueries
from phee.web import (
    KEY_MAX,
    FreshQuery,
    TenantResolver,
)

InstanceKey = Annotated[
    int, PathParameter(ge=1, le=KEY_MAX, description="workflowInstanceKey of a listing")
]


class OperationsRoutes(FreshHandlers):
    """Handlers over their explicit dependencies."""

    def __init__(
        self,
        tenants: TenantResolver,
        queries: OperationsQueries,
        relational: Waiter,
        search: Waiter,
        *,
        wait_s: float,
    ) -> None:
        super().__init__(tenants, wait_s)
        self._queries = queries
        self._relational = relational
        self._search = search

    async def transfers(self, request: AnyRequest) -> PageAnswer[TransferAnswer]:
        """List payments, newest first; everything that is asked for must match exactly."""
        tenant_id, query = await self._asked(request, TransfersQuery, self._relational)
        return await self._queries.transfers(tenant_id, query)

    async def transfer(
        self, request: AnyRequest, workflow_instance_key: InstanceKey
    ) -> TransferDetail:
        """Return a payment with its steps, jobs, variables and incidents."""
        tenant_id, _ = await self._asked(request, FreshQuery, self._relational)
        return await self._queries.transfer(tenant_id, workflow_instance_key)

    async def statistics(self, request: AnyRequest) -> Statistics:
        """Count and sum payments by status and currency, in all and over time."""
        tenant_id, query = await self._asked(
            request, StatisticsQuery, self._relational, self._search
        )
        return await self._queries.statistics(tenant_id, query)

    async def search(self, request: AnyRequest) -> SearchAnswer:
        """Find payments, process instances and incidents by words and by fields."""
        tenant_id, query = await self._asked(request, SearchFields, self._search)
        return await self._queries.search(tenant_id, query)

    async def histogram(self, request: AnyRequest) -> HistogramAnswer:
        """Count and sum documents over time, by the values of a field and by currency."""
        tenant_id, query = await self._asked(request, HistogramQuery, self._search)
        return await self._queries.analytics.histogram(tenant_id, query)

    async def terms(self, request: AnyRequest) -> TermsAnswer:
        """Count and sum documents by the most frequent values of a field, and inside of each."""
        tenant_id, query = await self._asked(request, TermsQuery, self._search)
        return await self._queries.analytics.terms(tenant_id, query)

    async def percentiles(self, request: AnyRequest) -> PercentilesAnswer:
        """Return percentiles of durations, or of amounts by currency."""
        tenant_id, query = await self._asked(request, PercentilesQuery, self._search)
        return await self._queries.analytics.percentiles(tenant_id, query)

    async def incidents(self, request: AnyRequest) -> PageAnswer[IncidentAnswer]:
        """List what stopped payments."""
        tenant_id, query = await self._asked(request, IncidentsQuery, self._relational)
        return await self._queries.incidents(tenant_id, query)

    async def process_instances(self, request: AnyRequest) -> PageAnswer[ProcessInstanceAnswer]:
        """List runs of flows."""
        tenant_id, query = await self._asked(request, ProcessInstancesQuery, self._relational)
        return await self._queries.process_instances(tenant_id, query)

    async def process_instance(
        self, request: AnyRequest, process_instance_key: InstanceKey
    ) -> ProcessInstanceDetail:
        """Return a run of a flow with its steps, jobs, variables and incidents."""
        tenant_id, _ = await self._asked(request, FreshQuery, self._relational)
        return await self._queries.process_instance(tenant_id, process_instance_key)

    async def dead_letters(self, request: AnyRequest) -> PageAnswer[DeadLetterAnswer]:
        """List records that could not be projected, with the reason."""
        tenant_id, query = await self._asked(request, DeadLettersQuery, self._relational)
        return await self._queries.dead_letters(tenant_id, query)


def routes(
    tenants: TenantResolver,
    queries: OperationsQueries,
    *,
    relational: Waiter,
    search: Waiter,
    wait_s: float = 2.0,
) -> Router:
    """Return the routes under /api/v1; reads wait up to ``wait_s`` for a wanted position."""
    api = OperationsRoutes(tenants, queries, relational, search, wait_s=wait_s)
    declared: list[Declared] = [
        ("/transfers", api.transfers, "List payments", TransfersQuery),
        ("/transfers/statistics", api.statistics, "Count and sum payments", StatisticsQuery),
        ("/transfer/{workflow_instance_key:str}", api.transfer, "One payment", FreshQuery),
        ("/search", api.search, "Search", SearchFields),
        ("/analytics/histogram", api.histogram, "Count and sum over time", HistogramQuery),
        ("/analytics/terms", api.terms, "Most frequent values", TermsQuery),
        ("/analytics/percentiles", api.percentiles, "Percentiles", PercentilesQuery),
        ("/incidents", api.incidents, "List incidents", IncidentsQuery),
        ("/process-instances", api.process_instances, "List runs", ProcessInstancesQuery),
        (
            "/process-instances/{process_instance_key:str}",
            api.process_instance,
            "One run",
            FreshQuery,
        ),
        ("/deadletters", api.dead_letters, "List dead letters", DeadLettersQuery),
    ]
    return Router(
        "/api/v1",
        tags=["operations"],
        route_handlers=fresh_routes(declared)
        + listing_handlers(tenants, queries.listings, relational, wait_s=wait_s),
    )
