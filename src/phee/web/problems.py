"""Every error as ``application/problem+json`` (RFC 9457), never with a stack trace.

Members beside the standard ones: ``code`` (stable, also the last part of ``type``), ``fix`` (what
to do next) and ``errors`` (one entry for each wrong field).
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, LitestarException
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from msgspec import Meta

from phee.errors import InvalidInput, NotSupported, Overloaded, PheeError, Unavailable
from phee.web.errors import (
    BodyTooLarge,
    FieldProblem,
    InvalidFields,
    InvalidJson,
    MethodNotAllowed,
    UnexpectedFault,
    UnknownRoute,
)

PROBLEM_JSON = "application/problem+json"
PROBLEM_TYPE = "urn:phee:problem:"
RETRY_AFTER_S = 1

log = structlog.get_logger("phee.web")


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every answer that is not a success."""

    type: Annotated[str, Meta(description="URN whose last part is the code")]
    title: Annotated[str, Meta(description="what kind of error this is")]
    status: Annotated[int, Meta(description="the HTTP status")]
    detail: Annotated[str, Meta(description="what is wrong with this request")]
    instance: Annotated[str, Meta(description="the path that was asked")]
    code: Annotated[str, Meta(description="stable identifier of the kind of error")]
    fix: Annotated[str, Meta(description="what to do next")] = ""
    errors: Annotated[list[FieldProblem], Meta(description="every wrong field that was found")] = []


def problem_of(error: PheeError, instance: str) -> Problem:
    """Return ``error`` as the problem that answers a request to ``instance``."""
    return Problem(
        type=PROBLEM_TYPE + error.code,
        title=title_of(type(error)),
        status=error.http_status,
        detail=f"{error.what} ({error.where})" if error.where else error.what,
        instance=instance,
        code=error.code,
        fix=error.fix,
        errors=list(error.problems) if isinstance(error, InvalidFields) else [],
    )


_WORD_STARTS = re.compile(r"(?<!^)(?=[A-Z])")


def title_of(error_type: type[PheeError]) -> str:
    """Return the class name of an error as words: "Invalid fields"."""
    return _WORD_STARTS.sub(" ", error_type.__name__).capitalize()


def problem_response(
    request: Request[Any, Any, Any], error: PheeError, headers: Mapping[str, str] | None = None
) -> Response[bytes]:
    """Return the answer for ``error``, with Retry-After where coming back helps."""
    all_headers = dict(headers or {})
    if isinstance(error, Overloaded | Unavailable):
        all_headers.setdefault("Retry-After", str(RETRY_AFTER_S))
    problem = problem_of(error, request.scope["path"])
    return Response(
        msgspec.json.encode(problem),
        status_code=error.http_status,
        media_type=PROBLEM_JSON,
        headers=all_headers,
    )


def on_phee_error(request: Request[Any, Any, Any], error: PheeError) -> Response[bytes]:
    """Answer an error of the tree; what is not the caller's doing is logged."""
    if error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        write = log.warning if isinstance(error, Unavailable | NotSupported) else log.error
        write("request failed", code=error.code, what=error.what, where=error.where)
    return problem_response(request, error)


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer an error that the framework found before a route did."""
    translated = _translate(error, request)
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log_fault(error)
    return problem_response(request, translated, error.headers)


def _translate(error: HTTPException, request: Request[Any, Any, Any]) -> PheeError:
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return UnknownRoute("Nothing is served at this path", fix="See /schema for the paths")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            what = f"{request.method} is not offered here"
            return MethodNotAllowed(what, fix="See the Allow header, and /schema")
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return BodyTooLarge("The body is too large", fix="Send less at once")
        case status if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return _unreadable(error)
    return _fault()


def _unreadable(error: HTTPException) -> InvalidInput:
    problems = [
        FieldProblem(item["key"], item["message"], "See /schema for what is expected")
        for item in error.extra or []
        if isinstance(item, dict) and item.get("key")
    ]
    if any(problem.field == "data" for problem in problems):  # the framework's name of the body
        return InvalidJson("The body is missing", fix="Send a JSON object as the body")
    if problems:
        return InvalidFields(problems)
    return InvalidInput("The request cannot be read", fix="See /schema for what is expected")


def on_fault(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer what nobody foresaw, and log where it happened."""
    log_fault(error)
    return problem_response(request, _fault())


def _fault() -> UnexpectedFault:
    return UnexpectedFault(
        "The hub failed to handle this request",
        fix="Ask again; if it stays, report it with the X-Request-Id of this answer",
    )


def log_fault(error: BaseException) -> None:
    """Log the kind of an unforeseen error and where it happened.

    Its message is left out: unlike those of :mod:`phee.errors`, it may quote payment data.
    """
    frames = traceback.extract_tb(error.__traceback__)
    log.error(
        "unexpected fault",
        error=type(error).__qualname__,
        frames=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
    )


EXCEPTION_HANDLERS: dict[int | type[Exception], Any] = {
    PheeError: on_phee_error,
    HTTPException: on_http_exception,
    LitestarException: on_fault,
    Exception: on_fault,
}

_EXAMPLE = Problem(
    type=f"{PROBLEM_TYPE}invalid-fields",
    title="Invalid fields",
    status=400,
    detail="amount.amount: has more than 2 decimal places, which EUR does not have",
    instance="/channel/transfer",
    code="invalid-fields",
    fix="Send at most 2 decimal places",
    errors=[
        FieldProblem(
            "amount.amount",
            "has more than 2 decimal places, which EUR does not have",
            "Send at most 2 decimal places",
        )
    ],
)


def problem_responses(*statuses: int) -> dict[int, ResponseSpec]:
    """Return the OpenAPI description of error answers with these statuses."""
    return {
        status: ResponseSpec(
            data_container=Problem,
            description=HTTPStatus(status).phrase,
            media_type=PROBLEM_JSON,
            generate_examples=False,
            examples=[Example(value=msgspec.to_builtins(_EXAMPLE))] if status == 400 else None,
        )
        for status in statuses
    }
