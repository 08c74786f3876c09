"""The hub's side of the embedded stream: its record log, served over a Unix socket.

Runs on the hub's event loop; reading the log happens in a thread, so the loop stays free. Only the
user who runs the hub can connect (the socket has mode 0600).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from asyncio import StreamReader, StreamWriter
from pathlib import Path

import msgspec
import structlog

from phee.errors import InvalidInput, NotSupported
from phee.stream import wire
from phee.stream.address import socket_address
from phee.stream.port import RecordLog
from phee.stream.recent import RecentBlocks

_LOG = structlog.get_logger(__name__)
_BACKLOG = 16


class LogServer:
    """Serves a record log to any number of consumers until :meth:`stop`."""

    def __init__(self, record_log: RecordLog, path: Path) -> None:
        self._record_log = record_log
        self._recent = RecentBlocks(record_log)
        self._address = socket_address(path)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to listen; a socket left by a dead hub is replaced."""
        self._server = await asyncio.start_unix_server(self._accept, sock=_listen(self._address))

    async def stop(self) -> None:
        """Close the socket and every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        self._address.unlink(missing_ok=True)

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the consumer went away; it comes back when it likes
        except asyncio.CancelledError:
            pass  # stop() ends us; the server would only log this
        except (msgspec.DecodeError, InvalidInput) as error:
            _LOG.warning("stream consumer sent nonsense", error=str(error))
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        hello = await _read(reader)
        if not isinstance(hello, wire.Hello):
            raise InvalidInput("a consumer must say its name first")
        try:
            wire.check_version(hello)
        except NotSupported as error:
            writer.write(wire.frame(wire.Refused(str(error))))
            await writer.drain()
            return
        writer.write(wire.frame(self._welcome(hello.consumer)))
        while True:
            answer = await self._answer(hello.consumer, await _read(reader))
            writer.write(wire.frame(answer))
            await writer.drain()

    def _welcome(self, consumer: str) -> wire.Welcome:
        record_log = self._record_log
        if consumer and consumer not in record_log.acknowledged():
            record_log.acknowledge(consumer, 0)
        return wire.Welcome(
            record_log.epoch,
            record_log.partition_id,
            record_log.first_position,
            record_log.durable_position,
        )

    async def _answer(self, consumer: str, request: wire.Request) -> wire.Answer:
        if isinstance(request, wire.Fetch):
            return await self._fetch(request)
        if isinstance(request, wire.Acknowledge):
            if not consumer:
                raise InvalidInput("who only looks on cannot acknowledge")
            self._record_log.acknowledge(consumer, request.position)
            return wire.Acknowledged(request.position)
        raise InvalidInput("a consumer says its name once")

    async def _fetch(self, request: wire.Fetch) -> wire.Blocks:
        record_log = self._record_log
        timeout_s = min(request.timeout_ms, wire.FETCH_TIMEOUT_MS_MAX) / 1000
        last = record_log.durable_position
        if last <= request.after:
            last = await record_log.wait_beyond(request.after, timeout_s=timeout_s)
        blocks: list[tuple[int, bytes]] = []
        if last > request.after:
            max_bytes = min(request.max_bytes, wire.FETCH_BYTES_MAX)
            blocks = await self._recent.read(request.after, max_bytes=max_bytes)
        return wire.Blocks(record_log.first_position, record_log.durable_position, blocks)


async def _read(reader: StreamReader) -> wire.Request:
    header = await reader.readexactly(wire.LENGTH.size)
    length = wire.frame_length(header, bytes_max=wire.REQUEST_BYTES_MAX)
    return wire.read_request(await reader.readexactly(length))


def _listen(address: Path) -> socket.socket:
    """Bind beside the final name and rename: nobody can connect before the mode is right."""
    address.parent.mkdir(parents=True, exist_ok=True)
    fresh = address.with_name(f".{address.name[:4]}{os.getpid()}")
    fresh.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(fresh))
        fresh.chmod(0o600)
        listener.listen(_BACKLOG)
        fresh.rename(address)
    except OSError:
        listener.close()
        raise
    return listener
