"""Routes under /api/v1 for batches, requests, messages, timers, decisions and error codes."""

from __future__ import annotations

from typing import Annotated

from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter

from phee.operations import listing_parameters as asked
from phee.operations.answers import PageAnswer
from phee.operations.fresh_routes import AnyRequest, Declared, FreshHandlers, fresh_routes
from phee.operations.freshness import Waiter
from phee.operations.listing_answers import (
    BatchAnswer,
    BatchDetail,
    DecisionDefinitionAnswer,
    DecisionEvaluationAnswer,
    ErrorCodeAnswer,
    MessageAnswer,
    MessageSubscriptionAnswer,
    OutboundMessageAnswer,
    ProcessDefinitionAnswer,
    TimerAnswer,
    TransactionRequestAnswer,
    TransactionRequestDetail,
    VariableValueAnswer,
)
from phee.operations.listing_queries import ListingQueries
from phee.stores.relational import listings
from phee.web import (
    KEY_MAX,
    FreshQuery,
    TenantResolver,
)

Key = Annotated[int, PathParameter(ge=1, le=KEY_MAX, description="a key of a listing")]
BatchId = Annotated[str, PathParameter(min_length=1, max_length=255, description="the batch's id")]


class ListingRoutes(FreshHandlers):
    """Handlers over their explicit dependencies."""

    def __init__(
        self, tenants: TenantResolver, queries: ListingQueries, store: Waiter, *, wait_s: float
    ) -> None:
        super().__init__(tenants, wait_s)
        self._queries = queries
        self._store = store

    async def batches(self, request: AnyRequest) -> PageAnswer[BatchAnswer]:
        """List batches with their counters, newest first."""
        tenant_id, query = await self._asked(request, asked.BatchesQuery, self._store)
        return await self._queries.page(tenant_id, listings.BATCHES, BatchAnswer, query)

    async def batch(self, request: AnyRequest, batch_id: BatchId) -> BatchDetail:
        """Return a batch with its sub-batches and its amounts by currency."""
        tenant_id, _ = await self._asked(request, FreshQuery, self._store)
        return await self._queries.batch(tenant_id, batch_id)

    async def transaction_requests(
        self, request: AnyRequest
    ) -> PageAnswer[TransactionRequestAnswer]:
        """List requests to be paid, newest first."""
        tenant_id, query = await self._asked(request, asked.TransactionRequestsQuery, self._store)
        return await self._queries.page(
            tenant_id, listings.TRANSACTION_REQUESTS, TransactionRequestAnswer, query
        )

    async def transaction_request(
        self, request: AnyRequest, workflow_instance_key: Key
    ) -> TransactionRequestDetail:
        """Return a request with its steps, jobs, variables and incidents."""
        tenant_id, _ = await self._asked(request, FreshQuery, self._store)
        return await self._queries.transaction_request(tenant_id, workflow_instance_key)

    async def outbound_messages(self, request: AnyRequest) -> PageAnswer[OutboundMessageAnswer]:
        """List messages to people, newest first."""
        tenant_id, query = await self._asked(request, asked.OutboundMessagesQuery, self._store)
        return await self._queries.page(
            tenant_id, listings.OUTBOUND_MESSAGES, OutboundMessageAnswer, query
        )

    async def messages(self, request: AnyRequest) -> PageAnswer[MessageAnswer]:
        """List messages that were published, newest first."""
        tenant_id, query = await self._asked(request, asked.MessagesQuery, self._store)
        return await self._queries.page(tenant_id, listings.MESSAGES, MessageAnswer, query)

    async def subscriptions(self, request: AnyRequest) -> PageAnswer[MessageSubscriptionAnswer]:
        """List what waits, or waited, for a message."""
        tenant_id, query = await self._asked(request, asked.MessageSubscriptionsQuery, self._store)
        return await self._queries.page(
            tenant_id, listings.MESSAGE_SUBSCRIPTIONS, MessageSubscriptionAnswer, query
        )

    async def timers(self, request: AnyRequest) -> PageAnswer[TimerAnswer]:
        """List timers by when they are due."""
        tenant_id, query = await self._asked(request, asked.TimersQuery, self._store)
        return await self._queries.page(tenant_id, listings.TIMERS, TimerAnswer, query)

    async def decisions(self, request: AnyRequest) -> PageAnswer[DecisionDefinitionAnswer]:
        """List deployed decisions."""
        tenant_id, query = await self._asked(request, asked.DecisionDefinitionsQuery, self._store)
        return await self._queries.page(
            tenant_id, listings.DECISION_DEFINITIONS, DecisionDefinitionAnswer, query
        )

    async def evaluations(self, request: AnyRequest) -> PageAnswer[DecisionEvaluationAnswer]:
        """List evaluations of decisions with what went in and came out."""
        tenant_id, query = await self._asked(request, asked.DecisionEvaluationsQuery, self._store)
        return await self._queries.page(
            tenant_id, listings.DECISION_EVALUATIONS, DecisionEvaluationAnswer, query
        )

    async def definitions(self, request: AnyRequest) -> list[ProcessDefinitionAnswer]:
        """List every deployed process definition."""
        tenant_id, _ = await self._asked(request, FreshQuery, self._store)
        return await self._queries.process_definitions(tenant_id)

    async def variable_history(
        self, request: AnyRequest, process_instance_key: Key
    ) -> list[VariableValueAnswer]:
        """Return the values that the variables of an instance have had, oldest first."""
        tenant_id, query = await self._asked(request, asked.VariableHistoryQuery, self._store)
        return await self._queries.variable_history(tenant_id, process_instance_key, query)

    async def error_codes(self, request: AnyRequest) -> list[ErrorCodeAnswer]:
        """List what error codes mean."""
        tenant_id, _ = await self._asked(request, FreshQuery, self._store)
        return await self._queries.error_codes(tenant_id)


def listing_handlers(
    tenants: TenantResolver, queries: ListingQueries, store: Waiter, *, wait_s: float
) -> list[HTTPRouteHandler]:
    """Return the routes; paths are those of upstream where it has them."""
    api = ListingRoutes(tenants, queries, store, wait_s=wait_s)
    return fresh_routes(_about_payments(api) + _about_happenings(api) + _about_flows(api))


def _about_payments(api: ListingRoutes) -> list[Declared]:
    return [
        ("/batches", api.batches, "List batches", asked.BatchesQuery),
        ("/batches/{batch_id:str}", api.batch, "One batch", FreshQuery),
        (
            "/transactionRequests",
            api.transaction_requests,
            "List transaction requests",
            asked.TransactionRequestsQuery,
        ),
        (
            "/transactionRequest/{workflow_instance_key:str}",
            api.transaction_request,
            "One transaction request",
            FreshQuery,
        ),
        (
            "/outbound-messages",
            api.outbound_messages,
            "List messages to people",
            asked.OutboundMessagesQuery,
        ),
    ]


def _about_happenings(api: ListingRoutes) -> list[Declared]:
    return [
        ("/messages", api.messages, "List messages", asked.MessagesQuery),
        (
            "/message-subscriptions",
            api.subscriptions,
            "List waits for messages",
            asked.MessageSubscriptionsQuery,
        ),
        ("/timers", api.timers, "List timers", asked.TimersQuery),
        ("/decisions", api.decisions, "List decisions", asked.DecisionDefinitionsQuery),
        (
            "/decision-evaluations",
            api.evaluations,
            "List evaluations",
            asked.DecisionEvaluationsQuery,
        ),
    ]


def _about_flows(api: ListingRoutes) -> list[Declared]:
    return [
        ("/process-definitions", api.definitions, "List definitions", FreshQuery),
        (
            "/process-instances/{process_instance_key:str}/variables",
            api.variable_history,
            "Values of variables",
            asked.VariableHistoryQuery,
        ),
        ("/errorcodes", api.error_codes, "List error codes", FreshQuery),
    ]
