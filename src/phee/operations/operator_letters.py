"""The dead letters that belong to no tenant, over HTTP, for those who run the hub."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, Protocol, TypeVar

from litestar import Request, Router
from litestar.datastructures import State
from litestar.params import JSONBody
from msgspec import Meta

from phee.operations.answers import (
    DeadLetterAnswer,
    DeadLetterDetail,
    PageAnswer,
    page_answer,
    same_fields,
)
from phee.operations.dead_letters import DecisionAnswer, DiscardRequest, LetterId, detail_of
from phee.operations.parameters import SIZE_MAX
from phee.stores.letters import DeadLetterReader
from phee.web import QueryParameters, read_query
from phee.web.routing import COMMAND_ERRORS, Handlers, commanding, reading

AnyRequest = Request[Any, Any, State]
T = TypeVar("T")
_letter = same_fields(DeadLetterAnswer)


class OperatorLettersQuery(QueryParameters):
    """A page of what belongs to no tenant, newest first."""

    page: Annotated[int, Meta(ge=0, le=1_000_000, description="counted from 0")] = 0
    size: Annotated[int, Meta(ge=1, le=SIZE_MAX)] = 20
    state: Annotated[
        Literal["OPEN", "REPLAYED", "DISCARDED", "ALL"],
        Meta(description="OPEN: still to be dealt with"),
    ] = "OPEN"


class OperatorDesk(Protocol):
    """Where the operator's letters are read, and decisions about them carried out."""

    async def read_operator(self, query: Callable[[DeadLetterReader], T]) -> T:
        """Return what ``query`` answers."""

    async def retry_operator(self, letter_id: int) -> DecisionAnswer:
        """Give the record to the tenant that it belongs to by now.

        Raises:
            NotFound: there is no such letter.
            InvalidState: it was dealt with already, or its tenant is still unknown.
        """

    async def discard_operator(self, letter_id: int, *, reason: str) -> DecisionAnswer:
        """Give the record up.

        Raises:
            NotFound: there is no such letter.
            InvalidState: it was dealt with already.
        """


class OperatorLetters(Handlers):
    """Handlers over their explicit dependency."""

    def __init__(self, desk: OperatorDesk) -> None:
        self._desk = desk

    async def page(self, request: AnyRequest) -> PageAnswer[DeadLetterAnswer]:
        """Return a page of the records that belong to no known tenant."""
        query = read_query(request, OperatorLettersQuery)
        state = None if query.state == "ALL" else query.state
        found = await self._desk.read_operator(
            lambda reader: reader.dead_letters(state=state, page=query.page, size=query.size)
        )
        return page_answer(found, _letter, page=query.page, size=query.size)

    async def one(self, letter_id: LetterId) -> DeadLetterDetail:
        """Return a dead letter with its record and what was decided about it."""
        return await self._desk.read_operator(lambda reader: detail_of(reader, letter_id))

    async def retry(self, letter_id: LetterId) -> DecisionAnswer:
        """Give the record to the tenant that it belongs to by now."""
        return await self._desk.retry_operator(letter_id)

    async def discard(self, letter_id: LetterId, data: JSONBody[DiscardRequest]) -> DecisionAnswer:
        """Give the record up for good; the reason is kept."""
        return await self._desk.discard_operator(letter_id, reason=data.reason)


def operator_letter_routes(desk: OperatorDesk) -> Router:
    """Return the routes under /api/v1/operator/deadletters."""
    routes = OperatorLetters(desk)
    errors = [*COMMAND_ERRORS, 409]
    return Router(
        "/api/v1/operator/deadletters",
        tags=["administration"],
        route_handlers=[
            reading(
                "/", routes.page, summary="Dead letters of no tenant", reads=[OperatorLettersQuery]
            ),
            reading("/{letter_id:str}", routes.one, summary="One dead letter of no tenant"),
            commanding(
                "/{letter_id:str}/retry",
                routes.retry,
                summary="Give a dead letter to its tenant",
                errors=errors,
            ),
            commanding(
                "/{letter_id:str}/discard",
                routes.discard,
                summary="Discard a dead letter of no tenant",
                errors=errors,
            ),
        ],
    )
