"""What the simulators' HTTP endpoints share: bodies, answers, and errors as answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from phee.errors import InvalidInput, PheeError
from phee.simulators.http_server import Handler, Request, Response

Body = TypeVar("Body")

_encode = msgspec.json.Encoder().encode


def json_response(content: object, *, status: int = 200) -> Response:
    """``content`` (plain data or structs) as JSON."""
    return Response(status, _encode(content))


def decode(content: bytes, decoder: msgspec.json.Decoder[Body]) -> Body:
    """``content`` as what the decoder promises.

    Raises:
        InvalidInput: not JSON, or not of the expected form.
    """
    try:
        return decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(str(error), where="body") from error


def answering(handler: Handler, render: Callable[[PheeError], Response]) -> Handler:
    """``handler`` with the errors of phee answered as ``render`` says."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except PheeError as error:
            return render(error)

    return answer
