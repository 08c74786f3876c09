"""One dead letter of a tenant over HTTP: look, retry, discard."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

import msgspec
from litestar import Request, Router
from litestar.datastructures import State
from litestar.params import JSONBody, PathParameter
from msgspec import Meta

from phee.operations.answers import DeadLetterDetail, DecisionEntry, same_fields
from phee.operations.parameters import DeadLetterQuery, Store
from phee.operations.stores import TenantStores
from phee.stores.letters import DeadLetterReader
from phee.web import KEY_MAX, TenantHeader, TenantResolver, read_query
from phee.web.routing import COMMAND_ERRORS, Handlers, Reads, commanding, reading

AnyRequest = Request[Any, Any, State]
LetterId = Annotated[int, PathParameter(ge=1, le=KEY_MAX, description="id of a listing")]
REASON_MAX = 2_000

_detail = same_fields(DeadLetterDetail, "decisions")
_entry = same_fields(DecisionEntry)


class DiscardRequest(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """Why the record may be given up; it is kept."""

    reason: Annotated[
        str, Meta(min_length=3, max_length=REASON_MAX, examples=["test payment, ticket 4711"])
    ]


class DecisionAnswer(msgspec.Struct, kw_only=True, rename="camel"):
    """What became of a letter; ``settled`` counts the letters of its instance, with it."""

    id: int
    store: str
    state: str
    settled: int


class Desk(Protocol):
    """Where decisions about dead letters are carried out."""

    async def retry(self, tenant_id: str, letter_id: int, *, store: Store) -> DecisionAnswer:
        """Project the record again.

        Raises:
            NotFound: the tenant has no such letter.
            InvalidState: it was dealt with already, or still cannot be projected.
        """

    async def discard(
        self, tenant_id: str, letter_id: int, *, store: Store, reason: str
    ) -> DecisionAnswer:
        """Give the record up.

        Raises:
            NotFound: the tenant has no such letter.
            InvalidState: it was dealt with already.
        """


def detail_of(reader: DeadLetterReader, letter_id: int) -> DeadLetterDetail:
    """Return a letter with its record and what was decided about it.

    Raises:
        NotFound: there is none with this id.
    """
    letter = reader.dead_letter(letter_id)
    detail = _detail(letter)
    detail.decisions = [_entry(each) for each in reader.decisions(letter)]
    return detail


class DeadLetters:
    """Reads letters from the stores and hands decisions to the desk."""

    def __init__(self, stores: TenantStores, desk: Desk) -> None:
        self._stores = stores
        self.desk = desk

    async def one(self, tenant_id: str, letter_id: int, store: Store) -> DeadLetterDetail:
        """Return a letter with its record and what was decided about it.

        Raises:
            NotFound: the tenant has none with this id.
        """
        return await self._stores.letters(
            tenant_id, store, lambda reader: detail_of(reader, letter_id)
        )


class DeadLetterRoutes(Handlers):
    """Handlers over their explicit dependencies."""

    def __init__(self, tenants: TenantResolver, letters: DeadLetters) -> None:
        self._tenants = tenants
        self._letters = letters

    async def one(self, request: AnyRequest, letter_id: LetterId) -> DeadLetterDetail:
        """Return a dead letter with its record and what was decided about it."""
        tenant_id, store = self._asked(request)
        return await self._letters.one(tenant_id, letter_id, store)

    async def retry(self, request: AnyRequest, letter_id: LetterId) -> DecisionAnswer:
        """Project the record again with the present mapping, exactly once in effect."""
        tenant_id, store = self._asked(request)
        return await self._letters.desk.retry(tenant_id, letter_id, store=store)

    async def discard(
        self, request: AnyRequest, letter_id: LetterId, data: JSONBody[DiscardRequest]
    ) -> DecisionAnswer:
        """Give the record up for good; the reason is kept."""
        tenant_id, store = self._asked(request)
        return await self._letters.desk.discard(
            tenant_id, letter_id, store=store, reason=data.reason
        )

    def _asked(self, request: AnyRequest) -> tuple[str, Store]:
        return self._tenants.of(request).id, read_query(request, DeadLetterQuery).store


def dead_letter_routes(tenants: TenantResolver, letters: DeadLetters) -> Router:
    """Return the routes under /api/v1/deadletters."""
    routes = DeadLetterRoutes(tenants, letters)
    reads: Reads = [TenantHeader, DeadLetterQuery]
    errors = [*COMMAND_ERRORS, 409]
    return Router(
        "/api/v1/deadletters",
        tags=["operations"],
        route_handlers=[
            reading("/{letter_id:str}", routes.one, summary="One dead letter", reads=reads),
            commanding(
                "/{letter_id:str}/retry",
                routes.retry,
                summary="Project a dead letter again",
                reads=reads,
                errors=errors,
            ),
            commanding(
                "/{letter_id:str}/discard",
                routes.discard,
                summary="Discard a dead letter",
                reads=reads,
                errors=errors,
            ),
        ],
    )
