"""A channel to a gateway: its calls by name, with our errors instead of gRPC's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import grpc
from grpc.aio import AioRpcError, UnaryStreamCall

from phee.errors import Overloaded
from phee.gateway.backoff import Backoff
from phee.gateway.job_messages import MAX_MESSAGE_BYTES
from phee.gateway.methods import METHODS
from phee.gateway.status import error_from

_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES + 64 * 1024),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES + 64 * 1024),
    # Notices within a minute that the other end is gone, also while a stream is quiet.
    ("grpc.keepalive_time_ms", 45_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # gRPC's own waits between connection attempts grow to two minutes; ours stay in seconds.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # In spite of its name: how long one attempt may take. A busy gateway is slow to greet.
    ("grpc.min_reconnect_backoff_ms", 5_000),
)

_PAUSES = Backoff(initial_ms=50, max_ms=1_000)

Metadata = Sequence[tuple[str, str]]


class GrpcCalls:
    """Every call of the protocol on one channel, which is opened by the first call.

    Args:
        target: host:port.
        credentials: of the connection; without them it is in plain text.
        call_timeout_ms: how long one try may take.
        overload_patience_ms: how long :meth:`unary` goes on trying at a gateway that refuses
            because it has too much to do; what it refused so had no effect.
    """

    def __init__(
        self,
        target: str,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        call_timeout_ms: int = 15_000,
        overload_patience_ms: int = 0,
    ) -> None:
        self._call_timeout_s = call_timeout_ms / 1000
        self._overload_patience_s = overload_patience_ms / 1000
        self._channel = (
            grpc.aio.insecure_channel(target, options=_OPTIONS)
            if credentials is None
            else grpc.aio.secure_channel(target, credentials, options=_OPTIONS)
        )
        self._stubs = {method.name: self._stub(method.name) for method in METHODS.values()}

    def _stub(self, name: str) -> Any:
        method = METHODS[name]
        make = self._channel.unary_stream if method.streams else self._channel.unary_unary
        return make(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )

    async def unary(self, name: str, request: Any) -> Any:
        """The answer to ``request``; it is sent again while the gateway is overloaded.

        Raises:
            phee.errors.PheeError: what the gateway said, or that it did not answer in time.
        """
        deadline = time.monotonic() + self._overload_patience_s
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._stubs[name](request, timeout=self._call_timeout_s)
            except AioRpcError as failure:
                error = error_from(failure)
                pause_s = _PAUSES.delay_ms(attempt, name) / 1000
                if not isinstance(error, Overloaded) or time.monotonic() + pause_s > deadline:
                    raise error from None
            await asyncio.sleep(pause_s)

    async def unary_with_trailers(
        self, name: str, request: Any, metadata: Metadata = ()
    ) -> tuple[Any, dict[str, Any]]:
        """The answer to ``request``, and the metadata that came after it."""
        call = self._stubs[name](request, timeout=self._call_timeout_s, metadata=tuple(metadata))
        try:
            response = await call
            return response, dict(await call.trailing_metadata() or ())
        except AioRpcError as failure:
            raise error_from(failure) from None

    def stream(
        self, name: str, request: Any, timeout_s: float | None = None
    ) -> UnaryStreamCall[Any, Any]:
        """An open call whose messages are to be read; it raises gRPC's own errors."""
        call: UnaryStreamCall[Any, Any] = self._stubs[name](request, timeout=timeout_s)
        return call

    async def close(self) -> None:
        """End every open call and the connection."""
        await self._channel.close(None)
