"""A TCP proxy that does what bad networks do, at a chosen message of the protocol it carries.

It cuts what clients send into messages (of Kafka, of MySQL, or just what came at once), so that a
fault meets a certain request: the third commit, the first bulk, every heartbeat.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

Kind = Literal["reset", "lost answer", "stall", "trickle", "half-closed", "duplicate"]
Framing = Literal["kafka", "mysql", "plain"]
PRODUCE, FETCH, OFFSET_COMMIT, JOIN_GROUP = 0, 1, 8, 11
_RESET = struct.pack("ii", 1, 0)
_CHUNK = 64 << 10


@dataclass(frozen=True)
class Fault:
    """What goes wrong.

    ``reset``: the request is thrown away and both sides are reset. ``lost answer``: the server
    gets it, the client is reset instead of answered. ``stall``: nothing moves for ``seconds``, on
    no connection. ``trickle``: bytes drip for ``seconds``. ``half-closed``: the client is told that
    no more comes, while what it sends still goes nowhere. ``duplicate``: the server gets it twice,
    on two connections.

    The first ``skip`` requests that ``matches`` are spared; then ``times`` in a row are met.
    """

    kind: Kind
    matches: Callable[[bytes], bool] = lambda _: True
    skip: int = 0
    times: int = 1
    seconds: float = 3.0


def kafka_request(*keys: int) -> Callable[[bytes], bool]:
    """True for requests of these kinds (PRODUCE, ...)."""
    return lambda frame: len(frame) > 6 and struct.unpack(">h", frame[4:6])[0] in keys


def sql(*beginnings: str) -> Callable[[bytes], bool]:
    """True for statements that begin so."""
    starts = tuple(text.encode() for text in beginnings)
    return lambda frame: frame[4:5] == b"\x03" and frame[5:].startswith(starts)


def http(*words: str) -> Callable[[bytes], bool]:
    """True for what holds the beginning of a request with one of these words in its first line."""
    wanted = [word.encode() for word in words]
    return lambda data: any(word in data.split(b"\r\n", 1)[0] for word in wanted)


@dataclass(eq=False)
class _Pair:
    """A client's connection and the one to the server that belongs to it."""

    client: socket.socket
    server: socket.socket
    loses_answers: bool = False
    is_deaf: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def close(self, *, reset: bool = False) -> None:
        for end in (self.client, self.server):
            with suppress(OSError):
                if reset:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class FaultyTcp:
    """Forwards to a port on loopback; :meth:`arm` says what is to go wrong."""

    def __init__(self, target_port: int, framing: Framing = "plain", port: int = 0) -> None:
        self._target = ("127.0.0.1", target_port)
        self._framing = framing
        self._listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._fault: Fault | None = None
        self._left = self._spared = 0
        self._lock = threading.Lock()
        self._slow_until = 0.0
        self._stalled_until = 0.0
        self._pairs: set[_Pair] = set()
        self._closed = False
        self.struck = 0
        """How many requests were met since :meth:`arm`."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed = True
        # Closing alone does not wake who waits in accept().
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def arm(self, fault: Fault) -> None:
        """Let ``fault`` happen from now on."""
        with self._lock:
            self._fault, self._left, self._spared = fault, fault.times, fault.skip
            self.struck = 0

    def disarm(self) -> None:
        """Be a good network again, also for what is stalled or drips."""
        with self._lock:
            self._fault = None
        self._slow_until = self._stalled_until = 0.0

    def cut(self) -> None:
        """Reset every connection there is."""
        for pair in list(self._pairs):
            pair.close(reset=True)

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target, timeout=10)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            pair = _Pair(client, server)
            self._pairs.add(pair)
            for pump in (self._requests, self._answers):
                threading.Thread(target=self._pumped, args=(pump, pair), daemon=True).start()

    def _pumped(self, pump: Callable[[_Pair], None], pair: _Pair) -> None:
        try:
            pump(pair)
        except OSError:
            pass  # one side went away; so does the other
        finally:
            if not pair.is_deaf:
                pair.close()
                self._pairs.discard(pair)

    def _requests(self, pair: _Pair) -> None:
        while frame := self._next(pair.client):
            if pair.is_deaf:
                continue
            self._wait()
            fault = self._fault_for(frame)
            if fault is None or self._strike(fault, pair, frame):
                self._send(pair.server, frame)

    def _answers(self, pair: _Pair) -> None:
        while data := pair.server.recv(_CHUNK):
            self._wait()
            if pair.is_deaf:
                return
            if pair.loses_answers:
                pair.close(reset=True)
                return
            self._send(pair.client, data)

    def _strike(self, fault: Fault, pair: _Pair, frame: bytes) -> bool:
        """Do it; return whether the request goes on."""
        kind = fault.kind
        if kind == "reset":
            pair.close(reset=True)
            return False
        if kind == "lost answer":
            pair.loses_answers = True
        elif kind == "stall":
            self._stalled_until = time.monotonic() + fault.seconds
            self._wait()
        elif kind == "trickle":
            self._slow_until = time.monotonic() + fault.seconds
        elif kind == "half-closed":
            pair.is_deaf = True
            with suppress(OSError):
                pair.client.shutdown(socket.SHUT_WR)
            return False
        else:
            self._twice(frame)
        return True

    def _twice(self, frame: bytes) -> None:
        """Deliver a request on a connection of its own, and wait until the server took it."""
        with socket.create_connection(self._target, timeout=10) as other:
            other.sendall(frame)
            other.recv(_CHUNK)

    def _fault_for(self, frame: bytes) -> Fault | None:
        with self._lock:
            fault = self._fault
            if fault is None or not self._left or not fault.matches(frame):
                return None
            if self._spared:
                self._spared -= 1
                return None
            self._left -= 1
            self.struck += 1
            return fault

    def _wait(self) -> None:
        while time.monotonic() < self._stalled_until and not self._closed:
            time.sleep(0.01)

    def _send(self, end: socket.socket, data: bytes) -> None:
        view = memoryview(data)
        while view and time.monotonic() < self._slow_until:
            view = view[end.send(view[:97]) :]
            time.sleep(0.002)
        if view:
            end.sendall(view)

    def _next(self, client: socket.socket) -> bytes:
        if self._framing == "plain":
            return client.recv(_CHUNK)
        head = _exactly(client, 4)
        if len(head) < 4:
            return head
        if self._framing == "kafka":
            length: int = struct.unpack(">i", head)[0]
        else:
            length = int.from_bytes(head[:3], "little")
        return head + _exactly(client, length)


def _exactly(end: socket.socket, length: int) -> bytes:
    content = bytearray()
    while len(content) < length:
        part = end.recv(min(length - len(content), _CHUNK))
        if not part:
            break
        content += part
    return bytes(content)
