"""How routes are declared: a handler, what it reads, and with which errors it may answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

from litestar import get, post
from litestar.datastructures import ResponseHeader
from litestar.handlers import HTTPRouteHandler

from phee.web.openapi import operation_reading
from phee.web.problems import problem_responses
from phee.web.request import HeaderParameters, QueryParameters

Reads = Sequence[type[QueryParameters | HeaderParameters]]

READ_ERRORS = (400, 404, 503)
COMMAND_ERRORS = (400, 404, 413, 415, 429, 503)


class Handlers:
    """Base of a class whose methods are handlers over the dependencies given to its constructor."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return itself: the framework copies handlers, and dependencies must not be copied."""
        return self


def reading(
    path: str,
    handler: Callable[..., Any],
    *,
    summary: str,
    reads: Reads = (),
    errors: Sequence[int] = READ_ERRORS,
) -> HTTPRouteHandler:
    """Return a GET route. ``reads`` documents what the handler reads from query and headers."""
    return get(
        path,
        summary=summary,
        operation_class=operation_reading(*reads),
        responses=problem_responses(*errors),
    )(handler)


def commanding(
    path: str | list[str],
    handler: Callable[..., Any],
    *,
    summary: str,
    reads: Reads = (),
    errors: Sequence[int] = COMMAND_ERRORS,
    answer_headers: dict[str, str] | None = None,
    example: Any = None,
) -> HTTPRouteHandler:
    """Return a POST route that answers 200.

    ``answer_headers`` maps names to descriptions; ``example`` is a body, as plain data.
    """
    return post(
        path,
        summary=summary,
        status_code=200,
        operation_class=operation_reading(*reads, body_example=example),
        responses=problem_responses(*errors),
        response_headers=[
            ResponseHeader(name=name, documentation_only=True, value="", description=description)
            for name, description in (answer_headers or {}).items()
        ],
    )(handler)
