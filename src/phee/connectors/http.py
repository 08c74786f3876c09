"""Calls to outside systems: connections kept open, bounded and timed; failures told apart.

An answer below 500 is a decision of the other side. Everything else (refused, reset, timed out,
429, 5xx) raises Unavailable: whether the other side acted is unknown, so the same call with the
same identifiers has to be made again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import aiohttp
import msgspec
from yarl import URL

from phee.connectors.settings import ConnectorSettings
from phee.errors import TimedOut, Unavailable

JSON_HEADERS = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said."""

    status: int
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether it did what it was asked."""
        return self.status < 300


class Http:
    """The connections of one process; ``async with Http(settings) as http``."""

    def __init__(self, settings: ConnectorSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        settings = self._settings
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, limit_per_host=settings.connections_max),
            timeout=aiohttp.ClientTimeout(total=settings.request_timeout_ms / 1000),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """Make one call.

        Raises:
            Unavailable: no decision came back; repeat the call.
        """
        assert self._session is not None, "enter the context first"
        try:
            async with self._session.request(
                method, URL(url, encoded=True), data=body, headers=headers, allow_redirects=False
            ) as response:
                answer = Answer(response.status, await response.read())
        except TimeoutError as error:
            raise TimedOut("no answer in time", where=_system(url)) from error
        except (aiohttp.ClientError, OSError) as error:
            what = f"cannot be reached ({type(error).__name__})"
            raise Unavailable(what, where=_system(url)) from error
        if answer.status >= 500 or answer.status == 429:
            raise Unavailable(f"answered {answer.status}", where=_system(url))
        return answer


def to_json(content: object) -> bytes:
    """``content`` (plain data or structs) as JSON."""
    return _encode(content)


_encode = msgspec.json.Encoder().encode


def _system(url: str) -> str:
    """Scheme, host and port: a path may name people."""
    return str(URL(url, encoded=True).origin())
