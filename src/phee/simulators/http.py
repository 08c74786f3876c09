"""What the simulators' HTTP endpoints share: bodies, answers, and errors as answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from aiohttp import web

from phee.errors import InvalidInput, PheeError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Body = TypeVar("Body")
JSON = "application/json"

_encode = msgspec.json.Encoder().encode


def json_response(content: object, *, status: int = 200) -> web.Response:
    """``content`` (plain data or structs) as JSON."""
    return web.Response(body=_encode(content), status=status, content_type=JSON)


async def read_body(request: web.Request, decoder: msgspec.json.Decoder[Body]) -> Body:
    """The request's JSON body.

    Raises:
        InvalidInput: not JSON, or not of the expected form.
    """
    return decode(await request.read(), decoder)


def decode(content: bytes, decoder: msgspec.json.Decoder[Body]) -> Body:
    """``content`` as what the decoder promises.

    Raises:
        InvalidInput: not JSON, or not of the expected form.
    """
    try:
        return decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(str(error), where="body") from error


def answering(handler: Handler, render: Callable[[PheeError], web.Response]) -> Handler:
    """``handler`` with the errors of phee answered as ``render`` says."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except PheeError as error:
            return render(error)

    return answer
