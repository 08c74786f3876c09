"""A consumer's side of the embedded stream: blocking, for one thread, and never tired of the hub.

A call connects when there is no connection, and drops it on any fault, so that the next call
starts afresh; no call is repeated behind the caller's back.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from phee.errors import InvalidInput, NotSupported, Unavailable
from phee.stream import wire
from phee.stream.address import socket_address
from phee.stream.port import Chunk, Lane

CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 30.0


class LogStream:
    """An :class:`phee.stream.port.EventStream` of the hub that serves ``path``.

    Without a name a consumer only looks on: the log keeps nothing for it.
    """

    def __init__(self, path: Path, consumer: str = "") -> None:
        self._path = path
        self._consumer = consumer
        self._socket: socket.socket | None = None
        self._lane: Lane | None = None

    def lanes(self) -> frozenset[Lane]:
        """See EventStream."""
        self._connected()
        assert self._lane is not None
        return frozenset((self._lane,))

    def fetch(
        self, after: Mapping[Lane, int], *, max_bytes: int, timeout_s: float
    ) -> Sequence[Chunk]:
        """See EventStream."""
        ((lane, position),) = after.items()
        request = wire.Fetch(position, max_bytes, int(timeout_s * 1000))
        answer = self._ask(request, lane=lane, timeout_s=timeout_s + ANSWER_TIMEOUT_S)
        if not isinstance(answer, wire.Blocks):
            raise self._lost("an answer of the wrong kind")
        return [Chunk(lane, answer.blocks, answer.first_position, answer.last_position)]

    def acknowledge(self, positions: Mapping[Lane, int]) -> None:
        """See EventStream."""
        ((lane, position),) = positions.items()
        self._ask(wire.Acknowledge(position), lane=lane, timeout_s=ANSWER_TIMEOUT_S)

    def close(self) -> None:
        """See EventStream."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _ask(self, request: wire.Request, *, lane: Lane, timeout_s: float) -> wire.Answer:
        connection = self._connected()
        if lane != self._lane:
            raise InvalidInput(
                f"the hub now serves {self._lane}, not {lane}",
                where=str(self._path),
                fix="Ask for the lanes again; the data directory was replaced",
            )
        return self._exchange(connection, request, timeout_s)

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._connect()
        assert self._socket is not None
        return self._socket

    def _connect(self) -> None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(CONNECT_TIMEOUT_S)
        try:
            connection.connect(str(socket_address(self._path)))
        except OSError as error:
            connection.close()
            raise self._lost(error.strerror or type(error).__name__) from error
        self._socket = connection
        hello = wire.Hello(wire.PROTOCOL_VERSION, self._consumer)
        welcome = self._exchange(connection, hello, ANSWER_TIMEOUT_S)
        if isinstance(welcome, wire.Refused):
            self.close()
            raise NotSupported(welcome.reason, where=str(self._path))
        if not isinstance(welcome, wire.Welcome):
            raise self._lost("an answer of the wrong kind")
        self._lane = Lane(welcome.epoch, welcome.partition_id)

    def _exchange(
        self, connection: socket.socket, request: wire.Request, timeout_s: float
    ) -> wire.Answer:
        connection.settimeout(timeout_s)
        try:
            connection.sendall(wire.frame(request))
            header = _read_exactly(connection, wire.LENGTH.size)
            length = wire.frame_length(header, bytes_max=wire.ANSWER_BYTES_MAX)
            return wire.read_answer(_read_exactly(connection, length))
        except (OSError, EOFError, msgspec.DecodeError, InvalidInput) as error:
            raise self._lost(str(error) or type(error).__name__) from error

    def _lost(self, why: str) -> Unavailable:
        self.close()
        return Unavailable(
            f"the hub's record stream does not answer: {why}",
            where=str(self._path),
            fix="Start the hub on this data directory; the importer connects again by itself",
        )


def _read_exactly(connection: socket.socket, length: int) -> bytearray:
    content = bytearray(length)
    view = memoryview(content)
    while view:
        count = connection.recv_into(view)
        if count == 0:
            raise EOFError("the hub closed the connection")
        view = view[count:]
    return content
