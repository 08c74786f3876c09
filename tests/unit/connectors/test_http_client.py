"""Outside calls against servers that behave, misbehave and vanish."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from phee.connectors import ConnectorSettings, Http
from phee.connectors.http_connection import ANSWER_BYTES_MAX
from phee.errors import InvalidInput, TimedOut, Unavailable

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


class Server:
    """Speaks raw bytes; counts its connections and keeps the requests."""

    def __init__(self) -> None:
        self.url = ""
        self.connections = 0
        self.requests: list[bytes] = []

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        """Read one request with the body its length announces."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = [line for line in head.split(b"\r\n") if line.startswith(b"Content-Length")]
        body = await reader.readexactly(int(length[0].split(b":")[1])) if length else b""
        self.requests.append(head + body)
        return head + body


@asynccontextmanager
async def serving(server: Server, serve: Serve) -> AsyncIterator[Server]:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        finally:
            writer.close()

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with listening:
        yield server


def client(**settings: int) -> Http:
    return Http(ConnectorSettings(ledger_url="", scheme_url="", ilp_secret="", **settings))  # type: ignore[arg-type]


def answering(server: Server, *answers: bytes, then_close: bool = False) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            for answer in answers:
                await server.request(reader)
                writer.write(answer)
            if then_close:
                return

    return serve


async def test_a_request_is_written_as_http_and_connections_are_used_again() -> None:
    server = Server()
    async with serving(server, answering(server, OK)), client() as http:
        first = await http.send("POST", f"{server.url}/a%20b?c=d", {"X-One": "ä"}, b"{}")
        second = await http.send("GET", server.url, {})
    assert (first.status, first.body, first.is_success) == (200, b"hi", True)
    assert second.body == b"hi"
    assert server.connections == 1
    lines = server.requests[0].split(b"\r\n")
    assert lines[0] == b"POST /a%20b?c=d HTTP/1.1"
    assert b"Host: " + server.url.removeprefix("http://").encode() in lines
    assert {"X-One: ä".encode(), b"Content-Length: 2"} <= set(lines)
    assert lines[-1] == b"{}"
    assert server.requests[1].startswith(b"GET / HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
         b"hello"),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi", b"hi"),
        (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK, b"hi"),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", b""),
    ],
    ids=["chunked", "ended by closing", "HTTP/1.0", "news before", "no more"],
)  # fmt: skip
async def test_every_form_of_answer_is_understood(answer: bytes, body: bytes) -> None:
    server = Server()
    async with serving(server, answering(server, answer, then_close=True)), client() as http:
        for _ in range(2):
            assert (await http.send("GET", server.url, {})).body == body


async def test_a_decision_comes_back_whatever_it_is() -> None:
    server = Server()
    answer = b"HTTP/1.1 409 Conflict\r\ncontent-length: 0\r\n\r\n"
    async with serving(server, answering(server, answer)), client() as http:
        decision = await http.send("GET", server.url, {})
    assert (decision.status, decision.is_success) == (409, False)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 429 No\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbroken",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"",
    ],
)
async def test_no_decision_is_unavailable(answer: bytes) -> None:
    server = Server()
    async with serving(server, answering(server, answer, then_close=True)), client() as http:
        with pytest.raises(Unavailable) as caught:
            await http.send("GET", f"{server.url}/parties/MSISDN/27710101999", {})
    assert caught.value.where == server.url  # a path may name people
    assert "2771" not in str(caught.value)


async def test_nobody_listening_is_unavailable() -> None:
    server = Server()
    async with serving(server, answering(server, OK)):
        pass
    async with client() as http:
        with pytest.raises(Unavailable):
            await http.send("GET", server.url, {})


async def test_a_connection_closed_while_idle_costs_nothing() -> None:
    server = Server()
    async with serving(server, answering(server, OK, then_close=True)), client() as http:
        for _ in range(5):
            assert (await http.send("POST", server.url, {}, b"{}")).body == b"hi"
    assert len(server.requests) == 5


async def test_a_request_lost_on_a_rested_connection_is_sent_again_once() -> None:
    server = Server()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.request(reader)
        writer.write(OK)
        await server.request(reader)  # and closes instead of an answer

    async with serving(server, serve), client() as http:
        for _ in range(3):
            assert (await http.send("POST", server.url, {}, b"{}")).body == b"hi"
    assert (len(server.requests), server.connections) == (5, 3)


async def test_no_answer_in_time_is_timed_out_and_its_connection_is_not_used_again() -> None:
    server = Server()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.request(reader)
        await asyncio.sleep(0.2 if server.connections == 1 else 0)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n%d" % server.connections)
        await reader.read()

    async with serving(server, serve), client(request_timeout_ms=80) as http:
        with pytest.raises(TimedOut):
            await http.send("GET", server.url, {})
        assert (await http.send("GET", server.url, {})).body == b"2"


async def test_an_answer_nobody_asked_for_is_never_taken_for_another() -> None:
    server = Server()
    stray = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstray"
    async with serving(server, answering(server, OK + stray)), client() as http:
        for _ in range(3):
            assert (await http.send("GET", server.url, {})).body == b"hi"
            await asyncio.sleep(0.01)


async def test_an_endless_answer_is_cut() -> None:
    server = Server()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(ANSWER_BYTES_MAX // (1 << 20) + 2):
            writer.write(bytes(1 << 20))
            await writer.drain()

    async with serving(server, serve), client() as http:
        with pytest.raises(Unavailable):
            await http.send("GET", server.url, {})


async def test_connections_are_bounded() -> None:
    server, at_once, peak = Server(), 0, 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal at_once, peak
        while True:
            await server.request(reader)
            at_once += 1
            peak = max(peak, at_once)
            await asyncio.sleep(0.01)
            at_once -= 1
            writer.write(OK)

    async with serving(server, serve), client(connections_max=3) as http:
        await asyncio.gather(*(http.send("GET", server.url, {}) for _ in range(12)))
    assert (server.connections, peak) == (3, 3)


@pytest.mark.parametrize(
    ("path", "header"),
    [("/", "a\r\nX-Injected: b"), ("/", "a\nb"), ("/a b", "a"), ("/a\r\nb", "a"), ("/\t", "a")],
)
async def test_nothing_can_be_smuggled_into_a_request(path: str, header: str) -> None:
    server = Server()
    async with serving(server, answering(server, OK)), client() as http:
        with pytest.raises(InvalidInput):
            await http.send("GET", server.url + path, {"X-One": header})
    assert server.requests == []


async def test_credentials_of_the_address_are_sent_and_never_shown() -> None:
    server = Server()
    async with serving(server, answering(server, OK)), client() as http:
        url = server.url.replace("//", "//me:s%40fe@")
        await http.send("GET", url, {})
        with pytest.raises(Unavailable) as caught:
            await http.send("GET", "http://me:safe@127.0.0.1:9/", {})
    assert b"Authorization: Basic bWU6c0BmZQ==\r\n" in server.requests[0]
    assert b"@" not in server.requests[0]
    assert "safe" not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://host/", "host/path", "http:///path"])
async def test_an_address_that_is_none_is_told(url: str) -> None:
    async with client() as http:
        with pytest.raises(InvalidInput, match="outside system"):
            await http.send("GET", url, {})
