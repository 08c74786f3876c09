"""A small HTTP/1.1 client on httptools, for the callbacks: keeps connections, says the status.

Made for the same reason as the server beside it. It follows no redirects and keeps no cookies.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import cast
from urllib.parse import urlsplit

import httptools


@dataclass(frozen=True, slots=True)
class _Origin:
    host: str
    port: int
    tls: bool


class HttpClient:
    """Requests to any number of origins; every failure to get an answer is an OSError."""

    def __init__(self, *, timeout_ms: int) -> None:
        self._timeout_s = timeout_ms / 1000
        self._idle: dict[_Origin, list[_Connection]] = {}

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer.

        Raises:
            OSError: no answer, or not in time (TimeoutError is one).
        """
        scheme, _, rest = url.partition("://")
        host, _, path = rest.partition("/")
        origin = _origin(f"{scheme}://{host}")
        lines = [f"{method} /{path} HTTP/1.1", f"host: {host}", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        request = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
        async with asyncio.timeout(self._timeout_s):
            connection = await self._connection(origin)
            try:
                status = await connection.exchange(request)
            except BaseException:
                connection.close()
                raise
        if connection.reusable:
            self._idle.setdefault(origin, []).append(connection)
        return status

    def close(self) -> None:
        """Close what is kept open."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    async def _connection(self, origin: _Origin) -> _Connection:
        idle = self._idle.get(origin, [])
        while idle:
            connection = idle.pop()
            if connection.reusable:
                return connection
        context = ssl.create_default_context() if origin.tls else None
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(_Connection, origin.host, origin.port, ssl=context)
        return made


class _Connection(asyncio.Protocol):
    """One connection; one exchange at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._parser = httptools.HttpResponseParser(self)

    @property
    def reusable(self) -> bool:
        """Whether another exchange can follow."""
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, request: bytes) -> int:
        """Send ``request``; the status that comes back."""
        if self._transport is None:
            raise ConnectionResetError("the connection is closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    # -- transport -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(exc or ConnectionResetError("the connection was closed"))

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionAbortedError(f"no HTTP answer: {error}"))
            self.close()

    # -- parser --------------------------------------------------------------------------------

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if not self._parser.should_keep_alive():
            self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(status)

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error if isinstance(error, OSError) else OSError(str(error)))


@lru_cache(maxsize=1024)
def _origin(base: str) -> _Origin:
    parts = urlsplit(base)
    tls = parts.scheme == "https"
    return _Origin(parts.hostname or "", parts.port or (443 if tls else 80), tls)
