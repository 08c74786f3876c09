"""The APIs do what their OpenAPI document says, for many good and bad requests.

Schemathesis makes the requests out of the document and checks every answer against it. What JSON
Schema cannot say (payer and payee differ, a currency's decimal places) is put right in bodies that
are otherwise valid, so that "valid data is accepted" can be checked too.
"""

from __future__ import annotations

import copy
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fake_hub import (
    FakeLookup,
    FakeOrchestrator,
    FakeOwnership,
    channel_routes,
    transfer_body,
    two_tenants,
)
from hypothesis import HealthCheck, Phase, settings
from schemathesis.python import asgi
from store_rows import EPOCH, document_row, transfer_row, write_relational, write_search

from phee.channel.transfer_request import SAFE_TEXT_PATTERN
from phee.monitoring import HealthChecks, new_registry
from phee.monitoring.routes import routes as monitoring_routes
from phee.operations import OperationsQueries, SearchWaiter, TenantStores, relational_waiter
from phee.operations import routes as operations_routes
from phee.operations.parameters import MOMENT_PATTERN
from phee.stores.paths import search_path
from phee.stores.relational.queries import open_reader
from phee.stores.search.fts5 import Fts5Search, open_letters
from phee.stores.sqlite import reader_engine
from phee.tenants import TENANT_ID_PATTERN
from phee.web import HubApp, TenantResolver, create_app
from phee.web.position import POSITION_PATTERN

GOOD_IDENTIFIERS = {
    "MSISDN": "27710101999",
    "EMAIL": "somebody@example.org",
    "IBAN": "DE89370400440532013000",
}


def build(data: Path) -> HubApp:
    registry = two_tenants(data)
    write_relational(data, "rhino", {"transfers": [transfer_row(n) for n in range(1, 5)]})
    write_search(data, "rhino", [document_row(n) for n in range(1, 5)])
    stores = TenantStores(
        lambda tenant_id: open_reader(data, tenant_id),
        lambda tenant_id: Fts5Search(reader_engine(search_path(data, tenant_id))),
        open_search_letters=lambda tenant_id: open_letters(data, tenant_id),
    )
    return create_app(
        [
            channel_routes(registry, FakeOrchestrator(), FakeLookup(), FakeOwnership()),
            operations_routes(
                TenantResolver(registry),
                OperationsQueries(stores),
                relational=relational_waiter(stores),
                search=SearchWaiter(stores),
                wait_s=1.0,
            ),
            monitoring_routes(new_registry(), HealthChecks()),
        ]
    )


def make_sensible(case: Any) -> None:
    """Put right what is well-formed but makes no sense: unknown tenants, days that do not exist."""
    headers, query = case.headers or {}, case.query or {}
    _replace(headers, "Platform-TenantId", TENANT_ID_PATTERN, "rhino")
    for values, name in ((headers, "X-Phee-Position"), (query, "after")):
        _replace(values, name, POSITION_PATTERN, f"{EPOCH}-1-1")
    for name in list(query):
        _replace(query, name, MOMENT_PATTERN, "2025-12-31 23:59:59")
    _replace(query, "fields", "(?s).*", "note")
    _replace(query, "q", "(?s).+", "rent")
    if isinstance(query.get("cursor"), str):
        del query["cursor"]
    if "txnState" in case.path and "requestType" not in {*headers, *query}:
        case.headers["requestType"] = "transfers"
    if isinstance(case.body, dict):
        case.body = copy.deepcopy(case.body)  # its parts may be one object
        sensible_variables(case)
        sensible_body(case.body)


def _replace(values: Any, name: str, pattern: str, instead: str) -> None:
    if isinstance(values.get(name), str) and re.fullmatch(pattern, values[name]):
        values[name] = instead


def sensible_variables(case: Any) -> None:
    if case.path == "/channel/transaction/{transaction_id}/resolve":
        case.body = {"note": "x"}
    if isinstance(case.body.get("variables"), dict):
        case.body["variables"] = {"note": "x"}
    incident = case.body.get("incident")
    for name, value in incident.items() if isinstance(incident, dict) else ():
        if isinstance(value, float) and value.is_integer():  # 1.0 is an integer to a schema
            incident[name] = int(value)


def sensible_body(body: dict[str, Any]) -> None:
    for side, suffix in (("payer", "1"), ("payee", "2")):
        party = body.get(side)
        info = party.get("partyIdInfo") if isinstance(party, dict) else None
        identifier = info.get("partyIdentifier") if isinstance(info, dict) else None
        if _is_text(identifier, 1, 128) and re.fullmatch(SAFE_TEXT_PATTERN, identifier):
            kind = info.get("partyIdType")
            if isinstance(kind, str):
                info["partyIdentifier"] = GOOD_IDENTIFIERS.get(kind, f"party-{suffix}")
            info["partySubIdOrType"] = suffix if info.get("partySubIdOrType") is None else (
                info["partySubIdOrType"]
            )  # fmt: skip
        born = (party.get("personalInfo") or {}) if isinstance(party, dict) else {}
        if isinstance(born, dict):
            _replace(born, "dateOfBirth", "[0-9]{4}-[0-9]{2}-[0-9]{2}", "1990-12-31")
    amount = body.get("amount")
    if isinstance(amount, dict) and _is_text(amount.get("amount"), 0, 40):
        amount["amount"] = "12.50"
    if isinstance(amount, dict) and _is_text(amount.get("currency"), 0, 8):
        amount["currency"] = "USD"
    for entry in body.get("customData") or []:
        if isinstance(entry, dict):  # the document cannot constrain one of several types
            _replace(entry, "value", "(?s).{0,1024}", "x")
    if isinstance(body.get("expiration"), str) and len(body["expiration"]) <= 40:
        body["expiration"] = "2031-05-01T12:00:00Z"


def _is_text(value: Any, shortest: int, longest: int) -> bool:
    return isinstance(value, str) and shortest <= len(value) <= longest


_folder = tempfile.TemporaryDirectory(prefix="phee-contract-")
_app = build(Path(_folder.name))
schema = schemathesis.openapi.from_asgi("/schema/openapi.json", _app)


@pytest.fixture(scope="module")
def app() -> Iterator[HubApp]:
    yield _app
    _folder.cleanup()


@pytest.fixture(scope="module")
def session(app: HubApp) -> Iterator[Any]:
    with asgi.get_client(app) as session:
        yield session


@schema.parametrize()
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_those_of_the_document(case: Any, session: Any) -> None:
    make_sensible(case)
    case.call_and_validate(session=session)


def test_every_operation_is_documented_with_an_example_of_its_body(app: HubApp) -> None:
    document = app.openapi_schema.to_schema()
    operations = [
        (path, verb, operation)
        for path, item in document["paths"].items()
        for verb, operation in item.items()
    ]
    assert len(operations) >= 15
    for path, verb, operation in operations:
        assert operation["summary"], (path, verb)
        assert operation["description"], (path, verb)
        assert "400" in operation["responses"], (path, verb)
        problem = operation["responses"]["400"]["content"]["application/problem+json"]
        assert problem["examples"], (path, verb)


def test_the_document_is_the_same_every_time(tmp_path: Path) -> None:
    first, second = build(tmp_path / "a"), build(tmp_path / "b")
    assert first.openapi_schema.to_schema() == second.openapi_schema.to_schema()


def test_the_example_in_the_document_is_accepted(session: Any) -> None:
    document = session.get("/schema/openapi.json").json()
    body = document["paths"]["/channel/transfer"]["post"]["requestBody"]["content"]
    example = next(iter(body["application/json"]["examples"].values()))["value"]
    assert example["amount"] == transfer_body()["amount"]
    answer = session.post("/channel/transfer", json=example, headers={"Platform-TenantId": "rhino"})
    assert answer.status_code == 200
