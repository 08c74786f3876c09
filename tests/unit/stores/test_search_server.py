"""The line that names a search server, and what becomes of its answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from phee.errors import InvalidInput, InvariantBroken, NotSupported, Unavailable
from phee.stores.search.opensearch.address import SearchAddress, parse_address
from phee.stores.search.opensearch.bulk import Version, Write, write_all
from phee.stores.search.opensearch.indices import TenantIndices
from phee.stores.search.opensearch.server import Patience, SearchServer
from phee.stores.search.runtime import EmbeddedSearch, RemoteSearch, search_runtime

PASSWORD = {"PHEE_SEARCH_PASSWORD": "secret"}


# --- the line ---


def test_a_plain_address_needs_nothing_else() -> None:
    address = parse_address("http://127.0.0.1:9200/", {})
    assert address == SearchAddress(url="http://127.0.0.1:9200")


def test_the_password_comes_from_a_file_first(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from the file\n")
    environment = PASSWORD | {"PHEE_SEARCH_PASSWORD_FILE": str(file)}
    address = parse_address(
        "https://hub%40x@es.example:9200/es?prefix=hub-1&keep_days=90", environment
    )
    assert (address.url, address.user) == ("https://es.example:9200/es", "hub@x")
    assert (address.password, address.prefix) == ("from the file", "hub-1")
    assert address.keep_days == 90
    assert "from the file" not in repr(address)


def test_records_beside_the_documents() -> None:
    address = parse_address("https://es?raw=true&raw_prefix=zeebe&raw_keep_days=30", {})
    assert (address.raw, address.raw_prefix, address.raw_keep_days) == (True, "zeebe", 30)
    assert not parse_address("https://es?raw=false", {}).raw


def test_an_api_key_and_an_authority() -> None:
    environment = {"PHEE_SEARCH_API_KEY": "key", "PHEE_SEARCH_CA_FILE": "/etc/ca.pem"}
    address = parse_address("https://es.example", environment)
    assert (address.api_key, address.ca_file) == ("key", Path("/etc/ca.pem"))
    assert "key='key'" not in repr(address)


@pytest.mark.parametrize(
    ("line", "environment", "says"),
    [
        ("elastic", {}, "not the address"),
        ("ftp://host", {}, "not the address"),
        ("https://", {}, "not the address"),
        ("https://host:99999", {}, "not the address"),
        ("https://user:secret@host", {}, "holds a password"),
        ("https://user@host", {}, "no password for user"),
        ("http://user@es.example:9200", PASSWORD, "plain HTTP"),
        ("http://es.example", {"PHEE_SEARCH_API_KEY": "key"}, "plain HTTP"),
        ("https://host?prefix=a~b", {}, "prefix"),
        ("https://host?verify=false", {}, "prefix"),
        ("https://host?keep_days=0", {}, "keep_days"),
        ("https://host?keep_days=soon", {}, "keep_days"),
        ("https://host?raw=yes", {}, "raw="),
        ("https://host?raw_prefix=a_b", {}, "raw_prefix"),
        ("https://user@host", {"PHEE_SEARCH_PASSWORD_FILE": "/nowhere"}, "cannot be read"),
    ],
)
def test_what_cannot_be_used_is_refused(line: str, environment: dict[str, str], says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as refused:
        parse_address(line, environment)
    assert "secret" not in str(refused.value)


def test_the_line_chooses_the_runtime(tmp_path: Path) -> None:
    assert isinstance(search_runtime("sqlite", tmp_path), EmbeddedSearch)
    remote = search_runtime("http://127.0.0.1:1", tmp_path)
    assert isinstance(remote, RemoteSearch)
    remote.close()
    with pytest.raises(InvalidInput):
        search_runtime("oracle", tmp_path)


def test_no_name_of_a_tenant_can_mean_anothers() -> None:
    tenants = ("a", "a-documents", "a.b", "<default>")
    names = [TenantIndices("phee", tenant) for tenant in tenants]
    for one in names:
        assert one.documents == one.documents.lower()
        assert not set('\\/*?"<>| ,#:') & set(one.generation(1, 2))
        others = [other for other in names if other != one]
        assert not any(other.generation(1, 0).startswith(f"{one.documents}~") for other in others)


def test_documents_about_one_instance_are_in_one_index() -> None:
    names = TenantIndices("phee", "a")
    first, third = (2251799813685249, 4503599627370497)
    assert names.generation(255, first) == names.generation(255, third) == "phee~a~documents~ff~0"
    assert names.generation(255, first + (1 << 31)) == "phee~a~documents~ff~1"


# --- answers ---

Respond = Callable[[httpx2.Request], httpx2.Response]
ABOUT = {"version": {"number": "3.3.2", "distribution": "opensearch"}}


class Fake:
    """A server that answers what it is told to, one answer after the other."""

    def __init__(self, about: dict[str, object] = ABOUT) -> None:
        self.answers: list[httpx2.Response | Exception] = []
        self.requests: list[httpx2.Request] = []
        self.about = about
        address = SearchAddress(url="http://search")
        patience = Patience(attempts=3, first_wait_s=0.0, longest_wait_s=0.001)
        transport = httpx2.MockTransport(self._respond)
        self.server = SearchServer(address, patience=patience, transport=transport)

    def will(self, *answers: httpx2.Response | Exception) -> None:
        self.answers += answers

    def _respond(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/":
            return httpx2.Response(200, json=self.about)
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def fake() -> Iterator[Fake]:
    fake = Fake()
    yield fake
    fake.server.close()


def item(status: int, **more: object) -> dict[str, object]:
    return {"index": {"status": status, "_seq_no": 7, "_primary_term": 1, **more}}


def bulk(*items: dict[str, object]) -> httpx2.Response:
    return httpx2.Response(200, json={"items": items})


def test_a_busy_server_is_asked_again(fake: Fake) -> None:
    fake.will(httpx2.Response(429), httpx2.ConnectError("no"), httpx2.Response(200, json={}))
    assert fake.server.ask("GET", "/x").status == 200
    assert len(fake.requests) == 3


def test_patience_ends(fake: Fake) -> None:
    fake.will(*[httpx2.Response(503)] * 3)
    with pytest.raises(Unavailable, match="busy"):
        fake.server.ask("GET", "/x")


@pytest.mark.parametrize(
    ("status", "error"), [(401, Unavailable), (403, Unavailable), (400, InvariantBroken)]
)
def test_refusals_say_nothing_of_the_data(fake: Fake, status: int, error: type[Exception]) -> None:
    body = {"error": {"type": "mapper_parsing_exception", "reason": "value '27710101999'"}}
    fake.will(*[httpx2.Response(status, json=body)] * 3)
    with pytest.raises(error) as refused:
        fake.server.ask("PUT", "/x?id=27710101999")
    assert "27710101999" not in str(refused.value)
    assert "mapper_parsing_exception" in str(refused.value) or status != 400


@pytest.mark.parametrize(
    ("distribution", "number", "is_known"),
    [
        ("opensearch", "1.3.0", False),
        ("opensearch", "2.0.0", True),
        ("opensearch", "3.3.2", True),
        ("opensearch", "4.0.0", False),
        (None, "7.9.3", False),
        (None, "7.10.2", True),
        (None, "8.19.1", True),
        (None, "9.2.0", True),
        (None, "10.0.0", False),
        ("other", "8.0.0", False),
    ],
)
def test_only_known_servers_are_used(distribution: str | None, number: str, is_known: bool) -> None:
    version = {"number": number} | ({"distribution": distribution} if distribution else {})
    fake = Fake({"version": version})
    fake.will(httpx2.Response(200, json={}))
    if is_known:
        fake.server.ask("GET", "/x")
    else:
        with pytest.raises(NotSupported, match=number):
            fake.server.ask("GET", "/x")
    assert len(fake.requests) == is_known
    fake.server.close()


WRITES = [Write("i", name, b"{}", Version(1, 1)) for name in "abcd"]


def test_each_item_of_a_bulk_has_its_own_end(fake: Fake) -> None:
    refusal = {"error": {"type": "mapper_parsing_exception", "reason": "secret"}}
    fake.will(
        bulk(item(200), item(429), item(409), item(400, **refusal)),
        bulk(item(503)),
        bulk(item(201)),
    )
    outcome = write_all(fake.server, WRITES)
    assert set(outcome.written) == {"a", "b"}
    assert outcome.conflicts == ["c"]
    assert outcome.refused == {"d": "mapper_parsing_exception"}
    sent = [request.content.count(b"\n") // 2 for request in fake.requests]
    assert sent == [4, 1, 1], "only what must be sent again is sent again"


def test_a_bulk_that_stays_busy_is_unavailable(fake: Fake) -> None:
    fake.will(*[bulk(item(429))] * 3)
    with pytest.raises(Unavailable, match="too busy for 1"):
        write_all(fake.server, WRITES[:1])


def test_an_answer_with_items_missing_is_not_believed(fake: Fake) -> None:
    fake.will(*[bulk(item(200))] * 3)
    with pytest.raises(Unavailable, match="in part"):
        write_all(fake.server, WRITES[:2])


def test_what_is_too_large_is_halved_until_one_is_left(fake: Fake) -> None:
    too_large = httpx2.Response(413)
    fake.will(too_large, bulk(item(200), item(200)), too_large, too_large, bulk(item(200)))
    outcome = write_all(fake.server, WRITES)
    assert set(outcome.written) == {"a", "b", "d"}
    assert outcome.refused == {"c": "too_large"}


def test_writes_are_conditional(fake: Fake) -> None:
    fake.will(bulk(item(201), item(200)))
    write_all(fake.server, [Write("i", "new", b"{}"), Write("i", "known", b"{}", Version(4, 2))])
    lines = [json.loads(line) for line in fake.requests[0].content.splitlines()]
    assert lines[0] == {"create": {"_index": "i", "_id": "new"}}
    known = {"_index": "i", "_id": "known", "if_seq_no": 4, "if_primary_term": 2}
    assert lines[2] == {"index": known}
