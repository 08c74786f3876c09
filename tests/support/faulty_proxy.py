"""A proxy in front of a search server that does what busy servers and bad networks do."""

from __future__ import annotations

import http.client
import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

FAULTS = ("busy", "overloaded", "partly_busy", "lost_request", "lost_answer")
Chooser = Callable[[str, str], str | None]


def at_random(rng: random.Random, rate: float) -> Chooser:
    """A fault for a share of the requests that write or read documents."""

    def choose(method: str, path: str) -> str | None:
        if "_bulk" in path:
            return rng.choice(FAULTS) if rng.random() < rate else None
        if "/_doc/" in path or "_mget" in path:
            return rng.choice(("busy", "lost_answer")) if rng.random() < rate / 2 else None
        return None

    return choose


class FaultyProxy:
    """Forwards to ``url``; ``choose`` says which request gets which fault (None: none)."""

    def __init__(self, url: str, choose: Chooser = lambda method, path: None) -> None:
        self.target = urlsplit(url).netloc
        self.choose = choose
        self.seen: Counter[str] = Counter()
        self.held = threading.Event()
        self.release = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler_of(proxy: FaultyProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        faulty = proxy

    return Handler


class _Handler(BaseHTTPRequestHandler):
    """Does to each request what its proxy chooses."""

    faulty: FaultyProxy
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        fault = self.faulty.choose(self.command, self.path)
        self.faulty.seen[fault or "none"] += 1
        getattr(self, f"do_{fault or 'forward'}")(body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815

    def forward(self, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.faulty.target, timeout=30)
        headers = {"content-type": self.headers.get("content-type", "application/json")}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    def answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_forward(self, body: bytes) -> None:
        self.answer(*self.forward(body))

    def do_busy(self, body: bytes) -> None:
        self.answer(429, b'{"error":{"type":"circuit_breaking_exception"}}')

    def do_overloaded(self, body: bytes) -> None:
        self.answer(503, b"not even JSON")

    def do_lost_request(self, body: bytes) -> None:
        self.close_connection = True

    def do_lost_answer(self, body: bytes) -> None:
        self.forward(body)
        self.close_connection = True

    def do_twice(self, body: bytes) -> None:
        """The server gets it a second time, a moment later; the first answer counts."""
        status, content = self.forward(body)
        self.forward(body)
        self.answer(status, content)

    def do_hold_before(self, body: bytes) -> None:
        self.faulty.held.set()
        self.faulty.release.wait(60)
        self.close_connection = True

    def do_hold_after(self, body: bytes) -> None:
        self.forward(body)
        self.do_hold_before(body)

    def do_partly_busy(self, body: bytes) -> None:
        """Every second item is refused for now, the others are written."""
        lines = body.splitlines(keepends=True)
        pairs = [lines[n] + lines[n + 1] for n in range(0, len(lines), 2)]
        wanted = b"".join(pairs[1::2])
        done: list[Any] = json.loads(self.forward(wanted)[1])["items"] if wanted else []
        items = [
            done[number // 2] if number % 2 else _busy(pair) for number, pair in enumerate(pairs)
        ]
        self.answer(200, json.dumps({"items": items}).encode())

    def log_message(self, *_: Any) -> None:
        pass


def _busy(pair: bytes) -> dict[str, Any]:
    (action,) = json.loads(pair.splitlines()[0])
    return {action: {"status": 429, "error": {"type": "es_rejected_execution_exception"}}}
