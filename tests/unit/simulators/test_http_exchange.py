"""The simulators' small HTTP server and client, byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from phee.simulators.http_client import HttpClient
from phee.simulators.http_server import HttpServer, Request, Response, Route, Router


async def echo(request: Request) -> Response:
    name = request.path_values.get("name", "")
    text = f"{request.method} {name} {request.query('q')} {len(request.body)}"
    return Response(200, text.encode(), "text/plain")


async def slow(request: Request) -> Response:
    await asyncio.sleep(0.2)
    return await echo(request)


async def broken(_request: Request) -> Response:
    raise ZeroDivisionError


ROUTES = [
    Route("GET", "/echo/{name}", echo),
    Route("POST", "/echo", echo),
    Route("POST", "/slow", slow),
    Route("GET", "/broken", broken),
]


@pytest.fixture
async def port() -> AsyncIterator[int]:
    server = HttpServer(Router(ROUTES))
    _, port = await server.start("127.0.0.1", 0)
    yield port
    await server.stop()


async def talk(port: int, sent: bytes, *, pieces: int = 1) -> bytes:
    """Everything that comes back until the server closes or falls silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    size = max(1, len(sent) // pieces)
    for start in range(0, len(sent), size):
        writer.write(sent[start : start + size])
        await writer.drain()
        await asyncio.sleep(0)
    received = b""
    while True:
        try:
            piece = await asyncio.wait_for(reader.read(65536), 0.5)
        except TimeoutError:
            break
        if not piece:
            break
        received += piece
    writer.close()
    return received


async def test_requests_in_one_connection_are_answered_in_order(port: int) -> None:
    sent = (
        b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
        b"GET /echo/a%2Fb?q=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    for pieces in (1, 20):
        answer = await talk(port, sent, pieces=pieces)
        assert answer.count(b"HTTP/1.1 200 OK") == 2
        assert answer.index(b"POST  None 3") < answer.index(b"GET a/b 1 0")


async def test_chunked_bodies_are_put_together(port: int) -> None:
    sent = (
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        b"Connection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    assert b"POST  None 5" in await talk(port, sent)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /echo/a HTTP/9.9\r\n\r\n", b"400"),
        (b"POST /echo HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"404"),
        (b"DELETE /echo/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"404"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"413"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", b"413"),
        (b"POST /echo HTTP/1.1\r\nContent-Length: 1100000\r\n\r\n" + b"a" * 1_100_000, b"413"),
    ],
)
async def test_what_cannot_be_read_is_refused_and_closed(
    port: int, sent: bytes, status: bytes
) -> None:
    try:
        answer = await talk(port, sent)
    except ConnectionError:  # closed while the rest of a body that is too large was on its way
        assert status == b"413"
    else:
        assert answer[9:12] == status
        assert b"connection: close" in answer


async def test_a_fault_of_a_handler_is_an_answer_and_is_reported(port: int) -> None:
    reported: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.append(context["message"]))
    answer = await talk(port, b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 500")
    assert reported == ["fault in GET handler"]


async def test_the_client_keeps_its_connection(port: int) -> None:
    client = HttpClient(timeout_ms=2_000)
    for _ in range(3):
        assert await client.send("POST", f"http://127.0.0.1:{port}/echo", {}, b"abc") == 200
    assert await client.send("GET", f"http://127.0.0.1:{port}/nothing", {}, b"") == 404
    assert sum(map(len, client._idle.values())) == 1
    client.close()


async def test_no_answer_is_an_os_error(port: int) -> None:
    client = HttpClient(timeout_ms=50)
    with pytest.raises(TimeoutError):
        await client.send("POST", f"http://127.0.0.1:{port}/slow", {}, b"")
    with pytest.raises(OSError):
        await client.send("GET", "http://127.0.0.1:9/", {}, b"")

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 garbage\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    other = server.sockets[0].getsockname()[1]
    with pytest.raises(OSError):
        await client.send("GET", f"http://127.0.0.1:{other}/", {}, b"")
    server.close()
    client.close()
