"""The connections to one outside system: bounded, kept open between calls."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections import deque
from functools import cache
from urllib.parse import unquote, urlsplit

from phee.connectors.http_connection import Answer, Connection, NotAnswered
from phee.errors import InvalidInput

IDLE_S_MAX = 15.0
"""Connections that rested longer are not trusted: firewalls forget them without a word."""


class Pool:
    """Connections to one origin (scheme, host and port).

    Attributes:
        where: the origin without credentials, for errors.
        head: the header lines that every request to it begins with.
    """

    def __init__(self, origin: str, connections_max: int) -> None:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput(
                "no address of an outside system", fix="Write it as http(s)://host[:port]/path"
            )
        self._is_tls = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port or (443 if self._is_tls else 80)
        host = parts.netloc.rpartition("@")[2]
        self.where = f"{parts.scheme}://{host}"
        self.head = f"Host: {host}\r\nUser-Agent: phee\r\n"
        if parts.username is not None:
            name, secret = unquote(parts.username), unquote(parts.password or "")
            credentials = base64.b64encode(f"{name}:{secret}".encode()).decode()
            self.head += f"Authorization: Basic {credentials}\r\n"
        self._slots = asyncio.Semaphore(connections_max)
        self._idle: deque[Connection] = deque()

    async def exchange(self, request: bytes) -> Answer:
        """Send ``request`` over a free connection and return the answer.

        A connection that had been idle may turn out to be closed; then the request is sent again
        over a new one. Whoever calls must allow that anyway (see :class:`phee.connectors.Http`).

        Raises:
            OSError: no answer.
        """
        async with self._slots:
            if (rested := self._take()) is not None:
                try:
                    return await self._over(rested, request)
                except NotAnswered:
                    pass
            return await self._over(await self._connect(), request)

    def close(self) -> None:
        """Close what is kept open."""
        while self._idle:
            self._idle.pop().close()

    async def _over(self, connection: Connection, request: bytes) -> Answer:
        answer = await connection.exchange(request)
        if connection.is_open:
            now = connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
            if now - self._idle[0].idle_since > IDLE_S_MAX:
                self._idle.popleft().close()
        return answer

    def _take(self) -> Connection | None:
        """The connection that rested shortest, if it can still be trusted."""
        oldest = asyncio.get_running_loop().time() - IDLE_S_MAX
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and connection.idle_since >= oldest:
                return connection
            connection.close()
        return None

    async def _connect(self) -> Connection:
        context = _tls() if self._is_tls else None
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            Connection, self._host, self._port, ssl=context
        )
        return connection


@cache
def _tls() -> ssl.SSLContext:
    """Certificates are read once: that takes milliseconds."""
    return ssl.create_default_context()
