"""Every error is a problem document, ids come back, and logs and answers give nothing away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import pytest
import structlog
from litestar import Request
from litestar.params import FromPath, JSONBody
from litestar.testing import TestClient

from phee.errors import Forbidden, InvariantBroken, Overloaded, PheeError, TimedOut
from phee.web import (
    HeaderParameters,
    HubApp,
    QueryParameters,
    create_app,
    read_headers,
    read_query,
)
from phee.web.routing import commanding, reading


class Body(msgspec.Struct, forbid_unknown_fields=True):
    name: str


class Query(QueryParameters):
    page_size: Annotated[int, msgspec.Meta(ge=1)] = 5


class Headers(HeaderParameters):
    wanted: Annotated[str, msgspec.Meta(pattern="^[a-z]+$")] = msgspec.field(name="X-Wanted")


async def echo(data: JSONBody[Body]) -> Body:
    return data


async def listing(request: Request[Any, Any, Any]) -> dict[str, Any]:
    return {"size": read_query(request, Query).page_size}


async def headed(request: Request[Any, Any, Any]) -> dict[str, Any]:
    return {"wanted": read_headers(request, Headers).wanted}


async def by_msisdn(msisdn: FromPath[str]) -> dict[str, Any]:
    return {}


ERRORS: dict[str, Exception] = {
    "forbidden": Forbidden("no", where="here", fix="ask"),
    "overloaded": Overloaded("busy"),
    "timed-out": TimedOut("late"),
    "broken": InvariantBroken("a fault"),
    "foreign": ValueError("secret 4111111111111111"),
    "deep": RecursionError("secret"),
}


async def failing(kind: FromPath[str]) -> dict[str, Any]:
    raise ERRORS[kind]


@pytest.fixture
def observed() -> list[tuple[str, str, int]]:
    return []


@pytest.fixture
def app(observed: list[tuple[str, str, int]]) -> HubApp:
    return create_app(
        [
            commanding("/echo", echo, summary="Echo"),
            reading("/list", listing, summary="List", reads=[Query]),
            reading("/headed", headed, summary="Headed", reads=[Headers]),
            reading("/people/{msisdn:str}", by_msisdn, summary="People"),
            reading("/fail/{kind:str}", failing, summary="Fail"),
        ],
        observe=lambda route, method, status, seconds: observed.append((route, method, status)),
    )


@pytest.fixture
def client(app: HubApp) -> Iterator[TestClient[HubApp]]:
    with TestClient(app) as client:
        yield client


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["code"] == code
    assert body["type"] == f"urn:phee:problem:{code}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["instance"].startswith("/")
    assert "Traceback" not in response.text
    return body


def test_a_good_body_is_read(client: TestClient[HubApp]) -> None:
    assert client.post("/echo", json={"name": "a"}).json() == {"name": "a"}


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"{", "application/json", 400, "invalid-json"),
        (b"", "application/json", 400, "invalid-json"),
        (b'{"name":"a","name":"b"}', "application/json", 400, "invalid-json"),
        (b'{"nam":"a"}', "application/json", 400, "invalid-fields"),
        (b'{"name":"a"}', "text/plain", 415, "unsupported-media-type"),
        (b"name=a", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
    ],
)
def test_a_bad_body_is_a_problem(
    client: TestClient[HubApp], body: bytes, content_type: str, status: int, code: str
) -> None:
    response = client.post("/echo", content=body, headers={"content-type": content_type})
    assert problem(response, status, code)["fix"]


async def raw_exchange(
    app: HubApp, method: str, path: str, headers: list[tuple[bytes, bytes]], body_bytes: int = 0
) -> tuple[int, bytes, int]:
    """Send a request byte by byte as a server would; return status, body and bytes read."""
    chunk, sent, read = b"x" * 65_536, [], 0

    async def receive() -> Any:
        nonlocal read
        read += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": read < body_bytes}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "scheme": "http", "server": ("localhost", 80), "client": ("localhost", 1),
        "headers": headers,
    }  # fmt: skip
    await app(scope, receive, send)
    return sent[0]["status"], sent[1]["body"], read


async def test_ten_megabytes_are_refused_before_they_are_read(app: HubApp) -> None:
    headers = [(b"content-type", b"application/json")]
    status, body, read = await raw_exchange(app, "POST", "/echo", headers, 10_000_000)
    assert (status, b"body-too-large" in body) == (413, True)
    assert read < 1_200_000, "a body without a length was read beyond the limit"
    headers.append((b"content-length", b"10000000"))
    status, body, read = await raw_exchange(app, "POST", "/echo", headers, 10_000_000)
    assert (status, b"body-too-large" in body) == (413, True)
    assert read == 0, "a body that was announced as too large was read"


async def test_a_header_given_twice_is_refused(app: HubApp) -> None:
    headers = [(b"x-wanted", b"a"), (b"x-wanted", b"b")]
    status, body, _ = await raw_exchange(app, "GET", "/headed", headers)
    assert (status, b"twice" in body) == (400, True)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/list?pageSize=0", "query.pageSize"),
        ("/list?pageSize=x", "query.pageSize"),
        ("/list?pagesize=1", "query.pagesize"),
        ("/list?pageSize=1&pageSize=2", "query.pageSize"),
        ("/list?%ff=1", "query"),
        ("/headed", "X-Wanted"),
    ],
)
def test_a_bad_parameter_is_named(client: TestClient[HubApp], path: str, field: str) -> None:
    body = problem(client.get(path), 400, "invalid-fields")
    assert body["errors"][0]["field"] == field


@pytest.mark.parametrize("value", ["A", "a" * 300, "é"])
def test_a_bad_header_is_named(client: TestClient[HubApp], value: str) -> None:
    response = client.get("/headed", headers={b"X-Wanted": value.encode("latin-1")})
    assert problem(response, 400, "invalid-fields")["errors"][0]["field"] == "X-Wanted"


def test_unknown_routes_and_methods_are_problems(client: TestClient[HubApp]) -> None:
    problem(client.get("/nope"), 404, "unknown-route")
    problem(client.get("/schema/nope"), 404, "unknown-route")
    response = client.delete("/echo")
    problem(response, 405, "method-not-allowed")
    assert "POST" in response.headers["allow"]


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("forbidden", 403, "forbidden"),
        ("overloaded", 429, "overloaded"),
        ("timed-out", 504, "timed-out"),
        ("broken", 500, "invariant-broken"),
        ("foreign", 500, "internal-error"),
        ("deep", 500, "internal-error"),
    ],
)
def test_every_error_becomes_a_problem(
    client: TestClient[HubApp], kind: str, status: int, code: str
) -> None:
    client.app.debug = False
    with structlog.testing.capture_logs() as logs:
        response = client.get(f"/fail/{kind}")
    problem(response, status, code)
    assert "secret" not in response.text + str(logs)
    assert ("retry-after" in response.headers) == (status in (429, 503, 504))
    assert status < 500 or any(entry["log_level"] in ("error", "warning") for entry in logs)


def test_ids_come_back(client: TestClient[HubApp]) -> None:
    sent = {"X-Request-Id": "r-1", "X-CorrelationID": "c-1"}
    response = client.get("/list", headers=sent)
    assert response.headers["x-request-id"] == "r-1"
    assert response.headers["x-correlationid"] == "c-1"
    assert len(client.get("/nope").headers["x-request-id"]) == 32
    assert client.get("/list", headers={"X-Request-Id": "a b"}).headers["x-request-id"] != "a b"


def test_the_access_log_holds_no_identifiers(
    client: TestClient[HubApp], observed: list[tuple[str, str, int]]
) -> None:
    with structlog.testing.capture_logs() as logs:
        client.get("/people/27710101999?pageSize=27710101999", headers={"X-Wanted": "27710101999"})
        client.get("/27710101999")
        client.post("/echo", json={"name": "27710101999"})
    assert len([entry for entry in logs if entry["event"] == "http"]) == 3
    assert "27710101999" not in str(logs)
    assert observed[0] == ("/people/{msisdn}", "GET", 200)
    assert observed[1] == ("unmatched", "GET", 404)


def test_the_document_says_what_is_read(client: TestClient[HubApp]) -> None:
    document = client.get("/schema/openapi.json").json()
    (size,) = document["paths"]["/list"]["get"]["parameters"]
    assert (size["name"], size["in"], size["schema"]["minimum"]) == ("pageSize", "query", 1)
    (wanted,) = document["paths"]["/headed"]["get"]["parameters"]
    assert (wanted["name"], wanted["in"], wanted["required"]) == ("X-Wanted", "header", True)
    assert document["components"]["schemas"]["Body"]["additionalProperties"] is False


def test_the_page_needs_no_network(client: TestClient[HubApp]) -> None:
    page = client.get("/schema")
    assert page.headers["content-type"].startswith("text/html")
    assert "/headed" in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert "<script" not in page.text


def test_every_error_of_the_tree_has_a_code_and_a_status() -> None:
    def tree(kind: type[PheeError]) -> Iterator[type[PheeError]]:
        yield kind
        for child in kind.__subclasses__():
            yield from tree(child)

    for kind in tree(PheeError):
        assert kind.code
        assert 400 <= kind.http_status <= 599
