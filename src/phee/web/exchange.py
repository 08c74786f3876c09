"""What happens around every request: ids, fixed headers, the access log, and measuring.

The access log names the route by its template, never by the path or query string asked for, since
these may hold identifiers of people; and no header or body is logged.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from litestar import Litestar

Observer = Callable[[str, str, int, float], None]
"""Called with (route template, method, status, seconds) for every answer."""

SLOW_S = 1.0
"""What went well within this time is logged at debug level only: it is counted anyway."""
QUIET_ROUTES = frozenset({"/metrics", "/health/live", "/health/ready"})
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_CORRELATION_ID = re.compile(rb"[!-~]{1,128}")
_FIXED_HEADERS = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]

log = structlog.get_logger("phee.access")


class HubApp(Litestar):
    """A Litestar application that identifies, measures and logs every exchange."""

    observe: Observer | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        try:
            await super().__call__(scope, receive, exchange.send)
        finally:
            exchange.finish(self.observe)


class _Exchange:
    """One request and its answer."""

    __slots__ = ("_scope", "_send", "_started", "_status", "request_id")

    def __init__(self, scope: Any, send: Any) -> None:
        self._scope = scope
        self._send = send
        self._status = 0
        self._started = time.perf_counter()
        self.request_id = b""
        state = scope.setdefault("state", {})
        for name, value in scope["headers"]:
            if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
                self.request_id = value
            elif name == b"x-correlationid" and _CORRELATION_ID.fullmatch(value):
                state["correlation_id"] = value.decode()
        if not self.request_id:
            self.request_id = uuid.uuid4().hex.encode()
        state["request_id"] = self.request_id.decode()

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = message["headers"] = [*message["headers"], *_FIXED_HEADERS]
            headers.append((b"x-request-id", self.request_id))
            if correlation_id := self._scope["state"].get("correlation_id"):
                headers.append((b"x-correlationid", correlation_id.encode()))
        await self._send(message)

    def finish(self, observe: Observer | None) -> None:
        scope = self._scope
        seconds = time.perf_counter() - self._started
        route = scope.get("path_template") or "unmatched"
        if observe is not None:
            observe(route, scope["method"], self._status, seconds)
        went_well = self._status < 400 and seconds < SLOW_S
        expected = route in QUIET_ROUTES and self._status < 500
        write = log.debug if went_well or expected else log.info
        write(
            "http",
            method=scope["method"],
            route=route,
            status=self._status,
            duration_ms=round(seconds * 1000, 2),
            request_id=scope["state"]["request_id"],
            tenant=scope["state"].get("tenant_id"),
        )
