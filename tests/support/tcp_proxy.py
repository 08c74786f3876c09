"""A TCP proxy inside a test: it loses answers and cuts connections when told to."""

from __future__ import annotations

import asyncio
from typing import Self


class TcpProxy:
    """Forwards to ``target`` (host:port); while ``loses_answers``, nothing comes back from there.

    ``answers_lost`` is set when something was lost.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self.loses_answers = False
        self.answers_lost = asyncio.Event()
        self.target = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.target = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        await self._server.wait_closed()

    def cut(self) -> None:
        """Reset every connection."""
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection(*self._target)
        self._writers |= {writer, to_writer}
        self._pump(reader, to_writer, answers=False)
        self._pump(to_reader, writer, answers=True)

    def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        pump = asyncio.ensure_future(self._forward(reader, writer, answers))
        self._pumps.add(pump)
        pump.add_done_callback(self._pumps.discard)

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: bool
    ) -> None:
        try:
            while data := await reader.read(65_536):
                if answers and self.loses_answers:
                    self.answers_lost.set()
                    continue
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()
