"""Looking at what happened: listings, sums, search, metrics, health, logs."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from running_hub import Http, eventually, payment
from running_world import GORILLA, RHINO, World

FILTERS = {
    "payerPartyId": "payerPartyId",
    "payeePartyId": "payeePartyId",
    "payeeDfspId": "payeeDfspId",
    "transactionId": "transactionId",
    "clientCorrelationId": "clientCorrelationId",
    "status": "status",
    "amount": "amount",
    "currency": "currency",
    "direction": "direction",
    "partyId": "payeePartyId",
}
BATCH = f"batch-{uuid.uuid4()}"
NOTE = "quarterlyporcupine"
NUMBERS_OF_LOGGING = re.compile(r'"(timestamp":"[^"]*"|duration_ms":[0-9.]*)')
"""They look like amounts now and then."""


@pytest.fixture(scope="module")
def paid(world: World) -> list[dict[str, Any]]:
    """Payments of known ends: amounts 20.00 to 26.00, one without funds, one to nobody."""
    requests = [
        payment(RHINO.customers[15], GORILLA.customers[15 + n], f"{20 + n}.00") for n in range(7)
    ]
    requests.append(payment(RHINO.poor_customer, GORILLA.customers[15], "27.00"))
    requests.append(payment(RHINO.customers[15], GORILLA.stranger, "28.00"))
    for number, body in enumerate(requests):
        headers = {"X-CorrelationID": f"{BATCH}-{number}", "X-BatchID": BATCH}
        answer = world.rhino.post("/channel/transfer", body | {"note": NOTE}, headers)
        assert answer.status == 200, answer.body
    return [ended(world, number) for number in range(len(requests))]


def ended(world: World, number: int) -> dict[str, Any]:
    """The row of one of the payments, once it has ended."""

    def look() -> dict[str, Any] | None:
        (row,) = world.rhino.read("/api/v1/transfers", clientCorrelationId=f"{BATCH}-{number}")[
            "content"
        ] or [None]
        return row if row and row["status"] in ("COMPLETED", "FAILED") else None

    return eventually(look)


def listed(world: World, **query: Any) -> list[dict[str, Any]]:
    """Every transfer that matches, read page by page."""
    rows: list[dict[str, Any]] = []
    while True:
        page = world.rhino.read("/api/v1/transfers", page=len(rows) // 4, size=4, **query)
        rows += page["content"]
        if page["last"]:
            assert page["totalElements"] == len(rows)
            return rows


@pytest.mark.parametrize("name", FILTERS)
def test_filters(world: World, paid: list[dict[str, Any]], name: str) -> None:
    wanted = paid[3]
    value = wanted[FILTERS[name]]
    rows = listed(world, batchId=BATCH, **{name: value})
    expected = [row["id"] for row in paid if row[FILTERS[name]] == value]
    assert sorted(row["id"] for row in rows) == sorted(expected)
    assert rows


def test_filters_that_match_nothing(world: World, paid: list[dict[str, Any]]) -> None:
    assert listed(world, batchId=BATCH, amount="20.01") == []
    assert listed(world, batchId=BATCH, currency="EUR") == []
    now = datetime.now(UTC)
    later = (now + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S")
    earlier = (now - timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S")
    assert listed(world, batchId=BATCH, startFrom=later) == []
    assert listed(world, batchId=BATCH, startTo=earlier) == []
    assert len(listed(world, batchId=BATCH, startFrom=earlier, startTo=later)) == len(paid)


@pytest.mark.parametrize("order", ["ASC", "DESC"])
@pytest.mark.parametrize("by", ["startedAt", "amount", "status", "transactionId"])
def test_paging_is_stable_and_in_order(
    world: World, paid: list[dict[str, Any]], by: str, order: str
) -> None:
    rows = listed(world, batchId=BATCH, sortedBy=by, sortedOrder=order)
    assert len({row["id"] for row in rows}) == len(paid)
    values = [Decimal(row[by]) if by == "amount" else row[by] for row in rows]
    assert values == sorted(values, reverse=order == "DESC")
    assert listed(world, batchId=BATCH, sortedBy=by, sortedOrder=order) == rows


def test_statistics_are_exact(world: World, paid: list[dict[str, Any]]) -> None:
    world.instances()  # both stores have everything
    told = world.rhino.read("/api/v1/transfers/statistics", direction="OUTGOING", interval="minute")
    rows = [row for row in all_outgoing(world) if told["startFrom"] <= row["startedAt"]]
    expected: dict[tuple[str, str], list[Decimal]] = {}
    for row in rows:
        expected.setdefault((row["status"], row["currency"]), []).append(Decimal(row["amount"]))
    assert {
        (each["status"], each["currency"]): (each["count"], Decimal(each["amount"]))
        for each in told["totals"]
    } == {kind: (len(amounts), sum(amounts)) for kind, amounts in expected.items()}
    counted: Counter[str] = Counter()
    for bucket in told["buckets"]:
        assert bucket["count"] == sum(each["count"] for each in bucket["byStatus"])
        counted.update({each["status"]: each["count"] for each in bucket["byStatus"]})
    assert counted == Counter(row["status"] for row in rows)
    assert len(paid) <= counted.total()


def all_outgoing(world: World) -> list[dict[str, Any]]:
    page = world.rhino.read("/api/v1/transfers", direction="OUTGOING", size=1000)
    assert page["last"]
    rows: list[dict[str, Any]] = page["content"]
    return rows


def test_search_by_word_and_by_field(world: World, paid: list[dict[str, Any]]) -> None:
    world.instances()
    found = world.rhino.read("/api/v1/search", q=NOTE, kind="payment", size=100)
    assert {each["transactionId"] for each in found["documents"]} == {
        row["transactionId"] for row in paid
    }
    assert found["total"] == len(paid)
    beginning = world.rhino.read("/api/v1/search", q="quarterlyporc*", kind="payment", size=100)
    assert beginning["total"] == len(paid)
    both = world.rhino.read("/api/v1/search", q=NOTE, status="FAILED", kind="payment")
    assert both["total"] == sum(row["status"] == "FAILED" for row in paid) == 2
    some = world.rhino.read(
        "/api/v1/search", batchId=BATCH, amountFrom="22", amountTo="24.00", kind="payment"
    )
    assert sorted(each["amount"] for each in some["documents"]) == ["22.00", "23.00", "24.00"]
    pages, cursor = [], None
    while True:
        query = {"cursor": cursor} if cursor else {}
        page = world.rhino.read("/api/v1/search", q=NOTE, kind="payment", size=2, **query)
        pages += [each["key"] for each in page["documents"]]
        cursor = page["nextCursor"]
        if not cursor:
            break
    assert len(pages) == len(set(pages)) == len(paid)


def test_one_transfer_with_everything_that_happened(
    world: World, paid: list[dict[str, Any]]
) -> None:
    row = paid[0]
    detail = world.rhino.read(f"/api/v1/transfer/{row['workflowInstanceKey']}")
    assert detail["transfer"] == row
    types = [task["type"] for task in detail["tasks"]]
    assert types[0] == "party-lookup-request-rhino"
    assert {"block-funds", "book-funds", "send-success-to-channel"} <= {
        kind.removesuffix("-rhino") for kind in types
    }
    names = {variable["name"]: variable["value"] for variable in detail["variables"]}
    assert names["transactionId"] == f'"{row["transactionId"]}"'
    assert all(node["state"] == "COMPLETED" for node in detail["flowNodes"])
    assert detail["incidents"] == []
    instance = world.rhino.read(f"/api/v1/process-instances/{row['workflowInstanceKey']}")
    assert instance["processInstance"]["bpmnProcessId"] == "PayerFundTransfer-rhino"
    assert instance["processInstance"]["state"] == "COMPLETED"
    assert instance["flowNodes"] == detail["flowNodes"]


def test_nothing_was_dropped(world: World) -> None:
    assert world.rhino.read("/api/v1/deadletters")["totalElements"] == 0
    assert world.gorilla.read("/api/v1/deadletters")["totalElements"] == 0


# -- metrics, health, logs ---------------------------------------------------------------------


def metrics(process: Http) -> dict[str, dict[tuple[str, ...], float]]:
    """Samples by name and sorted label values; the text must parse."""
    answer = process.get("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.body.decode()):
        assert family.documentation, family.name
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def test_metrics_of_the_hub(world: World, paid: list[dict[str, Any]]) -> None:
    found = metrics(world.hub)
    for name in (
        "zeebe_element_instance_events_total",
        "zeebe_job_events_total",
        "zeebe_process_instance_creations_total",
        "zeebe_incident_events_total",
        "zeebe_stream_processor_records_total",
        "zeebe_log_appender_last_committed_position",
        "zeebe_log_appender_commit_latency_count",
        "zeebe_exporter_last_exported_position",
        "zeebe_received_request_count_total",
        "phee_http_request_duration_seconds_count",
        "process_resident_memory_bytes",
    ):
        assert name in found, sorted(found)
    assert sum(found["zeebe_process_instance_creations_total"].values()) >= len(paid)
    exported = found["zeebe_exporter_last_exported_position"]
    assert {labels[0] for labels in exported} == {"relational", "search"}
    committed = max(found["zeebe_log_appender_last_committed_position"].values())
    status = world.hub.read("/api/v1/status")
    assert committed <= status["durablePosition"]
    assert not any(found["phee_engine_faults_total"].values())


def test_metrics_of_the_importers(world: World, paid: list[dict[str, Any]]) -> None:
    for importer, store in zip(world.importers, ("relational", "search"), strict=True):
        found = metrics(importer)
        fresh = found["phee_freshness_seconds_count"]
        assert fresh[store, "rhino"] > 0
        assert fresh[store, "gorilla"] > 0
        assert "process_resident_memory_bytes" in found
        assert not any(found.get("phee_importer_dead_letters_total", {}).values())


def test_metrics_name_nobody(world: World, paid: list[dict[str, Any]]) -> None:
    for process in (world.hub, *world.importers):
        text = process.get("/metrics").body.decode()
        assert RHINO.customers[15] not in text
        assert paid[0]["transactionId"] not in text


def test_health(world: World) -> None:
    for process in (world.hub, *world.importers, world.simulators):
        for path in ("/health/live", "/health/ready"):
            assert process.get(path).status == 200, path


def test_the_api_is_described(world: World) -> None:
    document = world.hub.read("/schema/openapi.json")
    for path in (
        "/channel/transfer",
        "/channel/txnState/{correlation_id}",
        "/api/v1/transfers",
        "/api/v1/tenants",
        "/api/v1/deployments",
        "/api/v1/status",
        "/health/ready",
    ):
        assert path in document["paths"], sorted(document["paths"])
    page = world.hub.get("/schema")
    assert page.status == 200
    assert "text/html" in page.headers["content-type"]


def test_logs_hold_no_payment_data(world: World, paid: list[dict[str, Any]]) -> None:
    secret = [
        RHINO.prefix + "0000",
        GORILLA.prefix + "0000",
        RHINO.poor_customer,
        GORILLA.stranger,
        *(row["amount"] for row in paid),
        NOTE,
    ]
    logs = sorted((world.data / "logs").iterdir())
    assert len(logs) == 4
    for log in logs:
        text = NUMBERS_OF_LOGGING.sub("", log.read_text())
        for each in secret:
            assert each not in text, f"{log.name} holds {each}"
        assert "Traceback" not in text
