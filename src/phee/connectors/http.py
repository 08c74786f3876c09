"""Calls to outside systems: connections kept open, bounded and timed; failures told apart.

An answer below 500 is a decision of the other side. Everything else (refused, reset, timed out,
429, 5xx) raises Unavailable: whether the other side acted is unknown, so the same call with the
same identifiers has to be made again. Callers must bear that a call reaches the other side twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Self

import msgspec

from phee.connectors.http_connection import Answer
from phee.connectors.http_pool import Pool
from phee.connectors.settings import ConnectorSettings
from phee.errors import InvalidInput, TimedOut, Unavailable

__all__ = ["JSON_HEADERS", "Answer", "Http", "to_json"]

JSON_HEADERS = {"Content-Type": "application/json"}


class Http:
    """The connections of one process; ``async with Http(settings) as http``."""

    def __init__(self, settings: ConnectorSettings) -> None:
        self._connections_max = settings.connections_max
        self._timeout_s = settings.request_timeout_ms / 1000
        self._pools: dict[str, Pool] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.close()

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """Make one call; ``url`` is encoded already.

        Raises:
            Unavailable: no decision came back; repeat the call.
            InvalidInput: a header or the URL would break the request.
        """
        if " " in url or not url.isprintable():
            raise InvalidInput("the URL is not encoded", fix="Quote what goes into its path")
        scheme, _, rest = url.partition("://")
        host, _, path = rest.partition("/")
        pool = self._pool(f"{scheme}://{host}")
        request = _request(f"{method} /{path} HTTP/1.1\r\n{pool.head}", headers, body)
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await pool.exchange(request)
        except TimeoutError as error:
            raise TimedOut("no answer in time", where=pool.where) from error
        except OSError as error:
            what = f"cannot be reached ({type(error).__name__})"
            raise Unavailable(what, where=pool.where) from error
        if answer.status >= 500 or answer.status == 429:
            raise Unavailable(f"answered {answer.status}", where=pool.where)
        return answer

    def _pool(self, origin: str) -> Pool:
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = Pool(origin, self._connections_max)
        return pool


def to_json(content: object) -> bytes:
    """``content`` (plain data or structs) as JSON."""
    return _encode(content)


_encode = msgspec.json.Encoder().encode


def _request(start: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """The bytes of a request whose first lines are ``start``."""
    if not "".join(headers.values()).isprintable():
        raise InvalidInput("a header would hold a control character", where=", ".join(headers))
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if body is None:
        return f"{start}{fields}\r\n".encode()
    return f"{start}{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body
