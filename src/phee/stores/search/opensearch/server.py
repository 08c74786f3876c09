"""Talking to a search server: one HTTP client, its errors in our tree, patience with a busy one.

Nothing that is asked or answered is ever logged or quoted in an error: both hold payment data.
"""

from __future__ import annotations

import ssl
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

import httpx2
import msgspec
import stamina

from phee.errors import InvariantBroken, NotSupported, Unavailable
from phee.stores.search.opensearch.address import SearchAddress
from phee.stores.search.opensearch.refresher import Refresher

T = TypeVar("T")
BUSY = frozenset({429, 502, 503, 504})
"""The same request may succeed later."""
_REFUSED_US = frozenset({401, 403})
BLOCKED = "cluster_block_exception"
"""An index takes no writes now: a rebuild has frozen it, or the server's disk is full."""
_SUPPORTED = {"opensearch": ((2, 0), (4, 0)), "elasticsearch": ((7, 10), (10, 0))}


class Frozen(Unavailable):
    """The index takes no writes now; nothing was written."""

    code = "index-frozen"


class _Version(msgspec.Struct):
    number: str
    distribution: str = "elasticsearch"


class _About(msgspec.Struct):
    version: _Version


class _ErrorKind(msgspec.Struct):
    type: str = ""


class _Failure(msgspec.Struct):
    error: _ErrorKind | str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long a busy or absent server is asked again."""

    attempts: int = 6
    timeout_s: float = 20.0
    first_wait_s: float = 0.1
    longest_wait_s: float = 3.0

    def rounds(self) -> Iterator[stamina.Attempt]:
        """Yield attempts; an Unavailable that is raised in one leads to the next, after a wait."""
        return iter(
            stamina.retry_context(
                on=Unavailable,
                attempts=self.attempts,
                timeout=self.timeout_s,
                wait_initial=self.first_wait_s,
                wait_max=self.longest_wait_s,
            )
        )


WRITER_PATIENCE = Patience()
READER_PATIENCE = Patience(attempts=3, timeout_s=2.0, first_wait_s=0.05)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is not a failure, or one that was allowed."""

    status: int
    content: bytes

    def decode(self, kind: type[T]) -> T:
        """Return the JSON content.

        Raises:
            InvariantBroken: it does not have the form that this version knows.
        """
        try:
            return msgspec.json.decode(self.content, type=kind)
        except msgspec.DecodeError as error:
            raise InvariantBroken(
                "the search server answers in a form that is not known", where=str(error)
            ) from error


class SearchServer:
    """A connection pool to one server. Safe in several threads."""

    def __init__(
        self,
        address: SearchAddress,
        *,
        patience: Patience = WRITER_PATIENCE,
        timeout_s: float = 30.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.prefix = address.prefix
        self.address = address
        self.keep_days = address.keep_days
        self.patience = patience
        self._url = address.url
        self._checked = False
        self.refresher = Refresher(self._refresh)
        headers = {
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "identity",  # servers are near: packing costs more than it saves
        }
        if address.api_key:
            headers["authorization"] = f"ApiKey {address.api_key}"
        auth = httpx2.BasicAuth(address.user, address.password) if address.user else None
        self._client = httpx2.Client(
            auth=auth,
            headers=headers,
            timeout=httpx2.Timeout(timeout_s, connect=5.0),
            transport=transport,
            trust_env=False,
            verify=_certificates(address),
        )

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        allow: Collection[int] = (),
    ) -> Answer:
        """Send one request, again and again while the server is busy.

        Args:
            method: the HTTP method.
            path: path and query, percent-encoded.
            body: what to send as JSON; bytes are sent as they are.
            allow: statuses of failures that the caller understands.

        Raises:
            Unavailable: no answer, or no useful one, for as long as patience lasts.
            InvariantBroken: the server refuses the request itself.
        """
        for attempt in self.patience.rounds():
            with attempt:
                return self.ask_once(method, path, body, allow=allow)
        raise AssertionError("the last attempt raises")

    def ask_once(
        self, method: str, path: str, body: object = None, *, allow: Collection[int] = ()
    ) -> Answer:
        """Like :meth:`ask`, without a second try."""
        self._check_version()
        return self._send(method, path, body, allow)

    def close(self) -> None:
        """Close every connection."""
        self.refresher.stop()
        self._client.close()

    def _refresh(self, names: Sequence[str]) -> None:
        path = quote(",".join(names), safe="~,")
        self.ask_once("POST", f"/{path}/_refresh?ignore_unavailable=true", allow={404})

    def _send(self, method: str, path: str, body: object, allow: Collection[int]) -> Answer:
        content = body if isinstance(body, bytes) or body is None else msgspec.json.encode(body)
        try:
            answer = self._client.request(method, f"{self._url}{path}", content=content)
        except httpx2.HTTPError as error:
            raise Unavailable(
                f"the search server does not answer: {type(error).__name__}",
                where=self._url,
                fix="See that it runs, and that PHEE_SEARCH names it",
            ) from error
        if answer.status_code >= 400 and answer.status_code not in allow:
            raise self._failure(method, path, answer.status_code, answer.content)
        return Answer(answer.status_code, answer.content)

    def _failure(self, method: str, path: str, status: int, content: bytes) -> Exception:
        where = f"{method} {self._url}{path.partition('?')[0]}: {status} {failure_kind(content)}"
        if failure_kind(content) == BLOCKED:
            return frozen(where)
        if status in BUSY:
            return Unavailable("the search server is busy", where=where, fix="Wait for it")
        if status in _REFUSED_US:
            return Unavailable(
                "the search server refuses our credentials",
                where=where,
                fix="Set PHEE_SEARCH's user and password (or API key), and its rights on phee~*",
            )
        return InvariantBroken("the search server refuses a request of ours", where=where)

    def _check_version(self) -> None:
        """Refuse a server of a kind or age that is not known, before anything is written."""
        if self._checked:
            return
        version = self._send("GET", "/", None, ()).decode(_About).version
        lowest, below = _SUPPORTED.get(version.distribution, ((0, 0), (0, 0)))
        major, minor = (int(part) for part in version.number.split(".")[:2])
        if not lowest <= (major, minor) < below:
            raise NotSupported(
                f"this search server is {version.distribution} {version.number}",
                where=self._url,
                fix="Use OpenSearch 2 or 3, or Elasticsearch 7.10 to 9",
            )
        self._checked = True


def frozen(where: str) -> Frozen:
    """Return the error for an index that takes no writes."""
    return Frozen(
        "the search server takes no writes to these indices now",
        where=where,
        fix="Wait for the rebuild that froze them; if none runs, see that its disk is not full",
    )


def failure_kind(content: bytes) -> str:
    """Return the server's name for what went wrong; its reason may quote data, so it stays away."""
    try:
        error = msgspec.json.decode(content, type=_Failure).error
    except msgspec.DecodeError:
        return ""
    return error.type if isinstance(error, _ErrorKind) else ""


def _certificates(address: SearchAddress) -> ssl.SSLContext | bool:
    """Return what to verify the server by; loading the system's store takes a moment."""
    if address.url.startswith("https:"):
        return ssl.create_default_context(cafile=address.ca_file)
    return True
