"""The same three pages for a process that serves nothing else: a very small HTTP server.

It answers GET only, one request a connection, and reads no more than the request's head; a web
framework would cost an importer more memory than its work.
"""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus

import msgspec
from prometheus_client import CollectorRegistry

from phee.errors import InvalidState
from phee.monitoring.health import HealthChecks
from phee.monitoring.metrics import CONTENT_TYPE_LATEST, render

_HEAD_LIMIT = 8192
_HEAD_TIMEOUT_S = 5.0
_JSON = "application/json"

Answer = tuple[HTTPStatus, str, bytes]


class MonitoringServer:
    """Serves /metrics, /health/live and /health/ready."""

    def __init__(self, registry: CollectorRegistry, checks: HealthChecks) -> None:
        self._registry = registry
        self._checks = checks
        self._server: asyncio.Server | None = None

    async def start(self, *, host: str = "127.0.0.1", port: int = 0) -> int:
        """Begin to serve; return the port (a free one when ``port`` is 0).

        Raises:
            InvalidState: the port is taken, or the address is not of this machine.
        """
        try:
            self._server = await asyncio.start_server(self._serve, host, port, limit=_HEAD_LIMIT)
        except OSError as error:
            raise InvalidState(
                f"health and metrics cannot be served: {error.strerror}",
                where=f"{host}:{port}",
                fix="Stop what listens there, or choose another port with --http-port (0: any)",
            ) from error
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # What goes wrong here is the scraper's connection; it comes again by itself.
        with contextlib.suppress(OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_HEAD_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
            writer.write(_encode(*await self._answer(head)))
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _answer(self, head: bytes) -> Answer:
        method, _, rest = head.split(b"\r\n", 1)[0].partition(b" ")
        if method != b"GET":
            return HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", b"only GET is served here\n"
        match rest.split(b" ")[0].split(b"?")[0]:
            case b"/metrics":
                text = await asyncio.to_thread(render, self._registry)
                return HTTPStatus.OK, CONTENT_TYPE_LATEST, text
            case b"/health/live":
                return HTTPStatus.OK, _JSON, b'{"live":true}'
            case b"/health/ready":
                health = await self._checks.run()
                status = HTTPStatus.OK if health.ready else HTTPStatus.SERVICE_UNAVAILABLE
                return status, _JSON, msgspec.json.encode(health)
        served = b"served here: /metrics /health/live /health/ready\n"
        return HTTPStatus.NOT_FOUND, "text/plain", served


def _encode(status: HTTPStatus, media_type: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {media_type}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
