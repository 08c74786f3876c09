"""One HTTP/1.1 connection to an outside system: sends a request, gathers its answer.

On httptools, as the server beside it: a call costs a fifth of what it costs in a general client
(docs/performance.md), and a payment makes thirteen. No redirects, no cookies, no compression.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import cast

import httptools

ANSWER_BYTES_MAX = 8 << 20
"""More than any answer the connectors ask for; only a broken peer says more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said."""

    status: int
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether it did what it was asked."""
        return self.status < 300


class NotAnswered(ConnectionResetError):
    """The connection ended before the first byte of an answer, as one that was idle too long."""


class Connection(asyncio.Protocol):
    """A connection; one exchange at a time.

    Attributes:
        idle_since: on the loop's clock, when it was put aside; its owner's business.
    """

    def __init__(self) -> None:
        self.idle_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._has_begun = self._has_head = self._is_sized = False
        self._body: list[bytes] = []
        self._body_bytes = 0

    @property
    def is_open(self) -> bool:
        """Whether another exchange can be tried."""
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, request: bytes) -> Answer:
        """Send ``request`` (head and body) and return the answer.

        Raises:
            NotAnswered: nothing came back; the other side may or may not have acted.
            OSError: the answer broke off, or makes no sense.
        """
        if self._transport is None or self._transport.is_closing():
            raise NotAnswered("the connection is closed")
        self._begin()
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._waiter
        except BaseException:
            self.close()  # what else comes belongs to this exchange
            raise

    def close(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    # -- transport -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop: the connection is there."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop: it has ended, which may also end an answer."""
        self._transport = None
        if not self._has_begun:
            self._fail(NotAnswered("the connection was closed"))
        elif exc is None and self._ends_with_connection:
            self._complete()
        else:
            self._fail(exc or ConnectionResetError("the answer broke off"))

    def data_received(self, data: bytes) -> None:
        """Called by the loop: part of an answer."""
        if self._waiter is None:
            self.close()  # nothing was asked
            return
        self._has_begun = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionAbortedError(f"no HTTP answer: {error}"))
            self.close()

    # -- parser --------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Called by the parser: an answer begins."""
        if self._waiter is None:
            self.close()  # a second answer must not be taken for that of the next request

    def on_header(self, name: bytes, _value: bytes) -> None:
        """Called by the parser: one header."""
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._is_sized = True

    def on_headers_complete(self) -> None:
        """Called by the parser: the body follows."""
        self._has_head = True

    def on_body(self, body: bytes) -> None:
        """Called by the parser: part of the body."""
        self._body.append(body)
        self._body_bytes += len(body)
        if self._body_bytes > ANSWER_BYTES_MAX:
            self._fail(ConnectionAbortedError(f"the answer is over {ANSWER_BYTES_MAX} bytes"))
            self.close()

    def on_message_complete(self) -> None:
        """Called by the parser: the answer is whole."""
        if self._parser.get_status_code() < 200:
            self._has_head = self._is_sized = False
            return  # news on the way (RFC 9110, 15.2); the answer comes after it
        if not self._parser.should_keep_alive():
            self.close()
        self._complete()

    # -- the exchange --------------------------------------------------------------------------

    def _begin(self) -> None:
        self._has_begun = self._has_head = self._is_sized = False
        self._body = []
        self._body_bytes = 0

    @property
    def _ends_with_connection(self) -> bool:
        """Whether the answer is one without a length, which the end of the connection ends."""
        return self._has_head and not self._is_sized

    def _complete(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(Answer(self._parser.get_status_code(), b"".join(self._body)))

    def _fail(self, error: Exception) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(error if isinstance(error, OSError) else OSError(str(error)))
