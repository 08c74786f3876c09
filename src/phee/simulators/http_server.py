"""A small HTTP/1.1 server on httptools: a quarter of what a framework costs for each request.

The simulators share the machine with what is measured against them, so a request should cost
little more than its system calls. Bodies and headers are bounded; requests of one connection are
answered in order; what cannot be parsed is answered with 400 and the connection closed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast
from urllib.parse import parse_qsl, unquote

import httptools

_MAX_BODY_BYTES = 1_000_000
_MAX_HEADER_BYTES = 64_000
_REASONS = {status.value: status.phrase for status in HTTPStatus}


class Request:
    """One request; header names are lower case, ``path_values`` what the route's names matched."""

    __slots__ = ("body", "headers", "method", "path_values", "raw_path", "raw_query")

    def __init__(self, method: str, url: bytes, headers: dict[str, str], body: bytes) -> None:
        path, _, query = url.decode("latin-1").partition("?")
        self.method = method
        self.raw_path = path
        self.raw_query = query
        self.headers = headers
        self.body = body
        self.path_values: dict[str, str] = {}

    def query(self, name: str) -> str | None:
        """The first value of a query parameter."""
        return next((value for key, value in parse_qsl(self.raw_query) if key == name), None)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; ``content_type`` is sent when there is a body."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"

    def encoded(self, *, keep_alive: bool) -> bytes:
        """The bytes on the wire."""
        head = f"HTTP/1.1 {self.status} {_REASONS.get(self.status, '')}\r\n"
        head += f"content-length: {len(self.body)}\r\n"
        if self.body:
            head += f"content-type: {self.content_type}\r\n"
        if not keep_alive:
            head += "connection: close\r\n"
        return head.encode("latin-1") + b"\r\n" + self.body


Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path such as ``/transfers/{id}``, and who answers."""

    method: str
    path: str
    handler: Handler


class Router:
    """Finds the handler of a request."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._by_shape: dict[tuple[str, int], list[tuple[list[str], Handler]]] = {}
        for route in routes:
            segments = route.path.strip("/").split("/")
            shape = (route.method, len(segments))
            self._by_shape.setdefault(shape, []).append((segments, route.handler))

    def find(self, request: Request) -> Handler | None:
        """The handler, with the request's ``path_values`` filled in; None when nothing fits."""
        given = request.raw_path.strip("/").split("/")
        for segments, handler in self._by_shape.get((request.method, len(given)), ()):
            if all(a == b or a[:1] == "{" for a, b in zip(segments, given, strict=True)):
                request.path_values = {
                    a[1:-1]: unquote(b)
                    for a, b in zip(segments, given, strict=True)
                    if a[:1] == "{"
                }
                return handler
        return None


class HttpServer:
    """Serves a router on one address."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; the address, with the port that was taken for port 0."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), host, port)
        address = self._server.sockets[0].getsockname()
        return str(address[0]), int(address[1])

    async def stop(self) -> None:
        """Take no more requests, answer those in work, close every connection."""
        if self._server is not None:
            self._server.close()
        working = [each.task for each in self.connections if each.task is not None]
        if working:
            await asyncio.wait(working, timeout=5)
        for connection in list(self.connections):
            connection.close()


class _Connection(asyncio.Protocol):
    """One client: parses, and answers in order."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._transport: asyncio.Transport | None = None
        self.task: asyncio.Task[None] | None = None

    # -- transport -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None
        self._server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            large = isinstance(error.__context__, _TooLarge)
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE if large else HTTPStatus.BAD_REQUEST)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    # -- parser --------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body = b""
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")
        self._count_head(len(name) + len(value))

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > _MAX_BODY_BYTES:
            raise _TooLarge

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode("latin-1")
        request = Request(method, self._url, self._headers, self._body)
        self._waiting.append((request, self._parser.should_keep_alive()))
        if self.task is None:
            self.task = asyncio.get_running_loop().create_task(self._answer_all())

    # -- answering -----------------------------------------------------------------------------

    async def _answer_all(self) -> None:
        try:
            while self._waiting:
                request, keep_alive = self._waiting.popleft()
                response = await self._answer(request)
                if self._transport is None:
                    return
                self._transport.write(response.encoded(keep_alive=keep_alive))
                if not keep_alive:
                    self._transport.close()
        finally:
            self.task = None

    async def _answer(self, request: Request) -> Response:
        handler = self._server.router.find(request)
        if handler is None:
            return Response(HTTPStatus.NOT_FOUND, b'{"error": "nothing is served here"}')
        try:
            return await handler(request)
        except Exception as error:  # noqa: BLE001 - a fault is an answer too, and reported
            context = {"message": f"fault in {request.method} handler", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
            return Response(HTTPStatus.INTERNAL_SERVER_ERROR, b'{"error": "internal"}')

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > _MAX_HEADER_BYTES:
            raise _TooLarge

    def _refuse(self, status: HTTPStatus) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(Response(status).encoded(keep_alive=False))
            self._transport.close()


class _TooLarge(Exception):
    """A body or header is over its limit."""
