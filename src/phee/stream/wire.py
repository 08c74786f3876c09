"""What goes over the socket between the hub and its consumers.

A frame is a length (4 bytes, big endian) and one MessagePack array that begins with its kind. The
consumer asks, the hub answers, one at a time: a consumer that does not ask gets nothing, which is
all the back-pressure there is. Blocks travel as the bytes they have in the log.
"""

from __future__ import annotations

import struct

import msgspec

from phee.errors import InvalidInput, NotSupported

PROTOCOL_VERSION = 1
REQUEST_BYTES_MAX = 64 << 10
ANSWER_BYTES_MAX = 256 << 20
"""Far above what one answer holds; only a broken peer says more."""
FETCH_BYTES_MAX = 16 << 20
FETCH_TIMEOUT_MS_MAX = 60_000

LENGTH = struct.Struct(">I")


class Hello(msgspec.Struct, array_like=True, tag=True, frozen=True):
    version: int
    consumer: str


class Fetch(msgspec.Struct, array_like=True, tag=True, frozen=True):
    after: int
    max_bytes: int
    timeout_ms: int


class Acknowledge(msgspec.Struct, array_like=True, tag=True, frozen=True):
    position: int


class Welcome(msgspec.Struct, array_like=True, tag=True, frozen=True):
    epoch: int
    partition_id: int
    first_position: int
    last_position: int


class Blocks(msgspec.Struct, array_like=True, tag=True, frozen=True):
    first_position: int
    last_position: int
    blocks: list[tuple[int, bytes]]


class Acknowledged(msgspec.Struct, array_like=True, tag=True, frozen=True):
    position: int


class Refused(msgspec.Struct, array_like=True, tag=True, frozen=True):
    reason: str


Request = Hello | Fetch | Acknowledge
Answer = Welcome | Blocks | Acknowledged | Refused

_ENCODER = msgspec.msgpack.Encoder()
_REQUESTS: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_ANSWERS: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


def frame(message: Request | Answer) -> bytes:
    """Return a message as one frame."""
    content = _ENCODER.encode(message)
    return LENGTH.pack(len(content)) + content


def frame_length(header: bytes | bytearray, *, bytes_max: int) -> int:
    """Return how many bytes follow a header.

    Raises:
        InvalidInput: more than ``bytes_max``.
    """
    (length,) = LENGTH.unpack(header)
    if length > bytes_max:
        raise InvalidInput(f"a frame of {length} bytes is over the limit of {bytes_max}")
    return int(length)


def read_request(content: bytes) -> Request:
    """Decode a request (msgspec.DecodeError when it is none)."""
    return _REQUESTS.decode(content)


def read_answer(content: bytes | bytearray) -> Answer:
    """Decode an answer (msgspec.DecodeError when it is none)."""
    return _ANSWERS.decode(content)


def check_version(hello: Hello) -> None:
    """Accept the version that this code speaks.

    Raises:
        NotSupported: another one.
    """
    if hello.version != PROTOCOL_VERSION:
        raise NotSupported(
            f"the consumer speaks version {hello.version} of the stream protocol, the hub"
            f" {PROTOCOL_VERSION}",
            fix="Run the importers from the same installation as the hub",
        )
