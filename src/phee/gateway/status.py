"""Errors as gRPC statuses, and back.

The status code and text follow Zeebe, so that its clients react as they always do. Between two
ends of phee a trailing ``phee-error`` entry carries our stable error code, which tells apart what
shares a status.
"""

from __future__ import annotations

from typing import Any, cast

import grpc
from grpc.aio import AioRpcError

from phee import errors
from phee.errors import PheeError

ERROR_CODE_KEY = "phee-error"
STATUS_DETAILS_KEY = "grpc-status-details-bin"

TEXT_BYTES_MAX = 2_500
"""Clients take about 8 KiB of trailers, and a byte that is not ASCII travels as three."""

_REPEATED_TEXT_BYTES_MAX = 1_000

_BY_STATUS: dict[grpc.StatusCode, type[PheeError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidInput,
    grpc.StatusCode.OUT_OF_RANGE: errors.InvalidInput,
    grpc.StatusCode.UNAUTHENTICATED: errors.Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: errors.Forbidden,
    grpc.StatusCode.NOT_FOUND: errors.NotFound,
    grpc.StatusCode.ALREADY_EXISTS: errors.AlreadyExists,
    grpc.StatusCode.FAILED_PRECONDITION: errors.InvalidState,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.Overloaded,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.TimedOut,
    grpc.StatusCode.UNIMPLEMENTED: errors.NotSupported,
    grpc.StatusCode.INTERNAL: errors.InvariantBroken,
}
# Everything else (UNAVAILABLE, CANCELLED, UNKNOWN, ABORTED, DATA_LOSS) leaves the outcome open.
_OTHERWISE = errors.Unavailable

_TOO_LARGE = "message larger than max"
"""In the text of the status with which gRPC itself, at either end, refuses a message."""


def _by_code(base: type[PheeError]) -> dict[str, type[PheeError]]:
    found = {base.code: base}
    for narrower in base.__subclasses__():
        if narrower.__module__ == errors.__name__:
            found |= _by_code(narrower)
    return found


_BY_CODE = _by_code(PheeError)


def status_of(error: PheeError) -> grpc.StatusCode:
    """The status that carries ``error``."""
    return grpc.StatusCode[error.grpc_status]


def text_of(error: PheeError) -> str:
    """The text that goes with the status; a very long one is cut, or no client would get it."""
    text = str(error).encode(errors="replace")
    if len(text) <= TEXT_BYTES_MAX:
        return text.decode()
    return text[:TEXT_BYTES_MAX].decode(errors="ignore") + " ..."


def trailers_of(error: PheeError) -> tuple[tuple[str, str | bytes], ...]:
    """What goes with the status: our error code, and the status once more as a message.

    Some clients read only the latter; its form is fixed by gRPC (field 1: code, field 2: text).
    """
    code = (ERROR_CODE_KEY, _tree_code(type(error)))
    number: int = status_of(error).value[0]
    text = text_of(error).encode()
    if len(text) > _REPEATED_TEXT_BYTES_MAX:
        return (code,)
    details = b"\x08" + _varint(number) + b"\x12" + _varint(len(text)) + text
    return (code, (STATUS_DETAILS_KEY, details))


def error_from(failure: AioRpcError) -> PheeError:
    """The error of our tree that a failed call stands for."""
    by_status = _BY_STATUS.get(failure.code(), _OTHERWISE)
    trailers: dict[str, Any] = dict(cast("Any", failure.trailing_metadata()) or ())
    by_code = _BY_CODE.get(trailers.get(ERROR_CODE_KEY, ""), by_status)
    if by_code is errors.Overloaded and _TOO_LARGE in (failure.details() or ""):
        by_code = errors.InputTooLarge
    chosen = by_code if by_code.grpc_status == by_status.grpc_status else by_status
    return chosen(failure.details() or failure.code().name)


def _tree_code(kind: type[PheeError]) -> str:
    """The code of the nearest class of the public tree, which every client knows."""
    return next(code for base in kind.__mro__ for code, known in _BY_CODE.items() if base is known)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
