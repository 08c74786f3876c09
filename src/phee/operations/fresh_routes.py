"""Routes that answer once a tenant's stores are as fresh as the caller asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from litestar import Request
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler

from phee.operations.freshness import Waiter, require
from phee.web import (
    FreshHeaders,
    FreshQuery,
    QueryParameters,
    TenantHeader,
    TenantResolver,
    read_query,
    wanted_position,
)
from phee.web.routing import READ_ERRORS, Handlers, reading

AnyRequest = Request[Any, Any, State]
Asked = TypeVar("Asked", bound=FreshQuery)
Declared = tuple[str, Callable[..., Any], str, type[QueryParameters]]
"""Path, handler, summary, and what the handler reads from the query."""


class FreshHandlers(Handlers):
    """Handlers that wait up to ``wait_s`` for a wanted position."""

    def __init__(self, tenants: TenantResolver, wait_s: float) -> None:
        self._tenants = tenants
        self._wait_s = wait_s

    async def _asked(
        self, request: AnyRequest, query_type: type[Asked], *waiters: Waiter
    ) -> tuple[str, Asked]:
        """Return the tenant and the query, once the stores are as fresh as they must be."""
        tenant = self._tenants.of(request)
        query = read_query(request, query_type)
        position = wanted_position(request, query)
        for waiter in waiters:
            await require(waiter, tenant.id, position, timeout_s=self._wait_s)
        return tenant.id, query


def fresh_routes(declared: Sequence[Declared]) -> list[HTTPRouteHandler]:
    """Return the routes of handlers of :class:`FreshHandlers`."""
    return [
        reading(
            path,
            handler,
            summary=summary,
            reads=[TenantHeader, FreshHeaders, query],
            errors=[*READ_ERRORS, 504],
        )
        for path, handler, summary, query in declared
    ]
