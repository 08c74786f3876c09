"""A participant of the scheme to test with: it records what it is sent and can act as a payee."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

PREIMAGE = b"a preimage of exactly 32 bytes.."


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


CONDITION = base64url(hashlib.sha256(PREIMAGE).digest())
FULFILMENT = base64url(PREIMAGE)


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Participant:
    fsp_id: str
    http: aiohttp.ClientSession
    scheme: str
    status: int = 202
    answers: bool = True
    received: list[Received] = field(default_factory=list)
    port: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Participant]:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._take)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(request.method, request.path, headers, body))
        self._news.set()
        return web.Response(status=self.status)

    async def wait_for(
        self, wanted: Callable[[Received], bool], *, count: int = 1, timeout: float = 10
    ) -> list[Received]:
        async with asyncio.timeout(timeout):
            while len(found := [each for each in self.received if wanted(each)]) < count:
                self._news.clear()
                await self._news.wait()
        return found

    def headers(self, to: str = "", correlation: str = "") -> dict[str, str]:
        return {
            "FSPIOP-Source": self.fsp_id,
            "FSPIOP-Destination": to,
            "X-Correlation-ID": correlation,
        }

    async def send(
        self, method: str, path: str, body: Any = None, *, to: str = "", correlation: str = ""
    ) -> int:
        async with self.http.request(
            method, self.scheme + path, json=body, headers=self.headers(to, correlation)
        ) as response:
            await response.read()
            return response.status

    async def prepare(self, transfer_id: str, amount: str, **changes: Any) -> int:
        body = {
            "transferId": transfer_id,
            "payerFsp": self.fsp_id,
            "payeeFsp": "gorilla",
            "amount": {"amount": amount, "currency": "USD"},
            "condition": CONDITION,
        }
        return await self.send("POST", "/transfers", body | changes, to="gorilla")

    async def fulfil(
        self, transfer_id: str, state: str = "RESERVED", fulfilment: str = FULFILMENT
    ) -> int:
        body = {"transferState": state, "fulfilment": fulfilment}
        return await self.send("PUT", f"/transfers/{transfer_id}", body, to="rhino")

    async def state(self, transfer_id: str) -> dict[str, Any]:
        async with self.http.get(f"{self.scheme}/transfers/{transfer_id}") as response:
            content: dict[str, Any] = await response.json()
            return content
