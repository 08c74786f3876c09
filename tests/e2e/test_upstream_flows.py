"""Upstream's own drawings, deployed over the API, make payments on the same workers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from running_hub import Http, payment
from running_world import GORILLA, RHINO, World

from phee.flows import FLOWS, resources

UPSTREAM = Path(__file__).parents[3] / "shared" / "flows"
pytestmark = pytest.mark.skipif(
    not UPSTREAM.is_dir(), reason="SKIPPED LOUDLY: upstream's drawings are not at ../shared/flows"
)


def deploy(tenant: Http, named: list[tuple[str, bytes]]) -> dict[str, int]:
    """Deploy drawings; the version of each process by its id."""
    body = {"resources": [{"name": name, "content": text.decode()} for name, text in named]}
    answer = tenant.post("/api/v1/deployments", body)
    assert answer.status == 200, answer.body
    return {each["bpmnProcessId"]: each["version"] for each in answer.json["processes"]}


def upstream(tenant_id: str) -> list[tuple[str, bytes]]:
    return [
        (f"{flow}-{tenant_id}.bpmn", (UPSTREAM / f"{flow}-DFSPID.bpmn").read_bytes())
        for flow in FLOWS
    ]


def ours(tenant_id: str) -> list[tuple[str, bytes]]:
    return [(each.name, each.content) for each in resources(tenant_id)]


@pytest.fixture(scope="module")
def upstream_deployed(world: World) -> Iterator[dict[str, int]]:
    """Both banks on upstream's drawings; afterwards on ours again."""
    tenants = (world.rhino, world.gorilla)
    versions: dict[str, int] = {}
    for tenant in tenants:
        versions |= deploy(tenant, upstream(tenant.tenant or ""))
    yield versions
    for tenant in tenants:
        back = deploy(tenant, ours(tenant.tenant or ""))
        assert all(version == versions[name] + 1 for name, version in back.items())
    row = world.pay_to_its_end(f"ours-again-{uuid.uuid4()}")
    assert row["status"] == "COMPLETED"
    assert version_of(world, row) == versions["PayerFundTransfer-rhino"] + 1


def version_of(world: World, row: dict[str, Any]) -> int:
    key = row["workflowInstanceKey"]
    detail = world.rhino.read(f"/api/v1/process-instances/{key}")
    version: int = detail["processInstance"]["version"]
    return version


def test_they_are_newer_versions_of_the_same_processes(upstream_deployed: dict[str, int]) -> None:
    assert set(upstream_deployed) == {
        f"{flow}-{tenant}" for flow in FLOWS for tenant in ("rhino", "gorilla")
    }
    assert min(upstream_deployed.values()) >= 2


def test_a_payment_runs_to_its_end(world: World, upstream_deployed: dict[str, int]) -> None:
    payer, payee = RHINO.customers[35], GORILLA.customers[35]
    before = Decimal(world.balance(payer)), Decimal(world.balance(payee))
    row = world.pay_to_its_end(f"upstream-{uuid.uuid4()}", payment(payer, payee, "8.25"))
    assert row["status"] == "COMPLETED"
    assert row["amount"] == "8.25"
    assert version_of(world, row) == upstream_deployed["PayerFundTransfer-rhino"]
    assert Decimal(world.balance(payer)) == before[0] - Decimal("8.25")
    assert Decimal(world.balance(payee)) == before[1] + Decimal("8.25")


@pytest.mark.parametrize(
    ("payer", "payee", "amount"),
    [
        (RHINO.poor_customer, GORILLA.customers[36], "90.00"),
        (RHINO.customers[36], GORILLA.stranger, "3.00"),
        (RHINO.customers[36], GORILLA.customers[36], "3.91"),
    ],
    ids=["without funds", "unknown payee", "rejected by the scheme"],
)
def test_payments_that_fail_cost_nothing(
    world: World, upstream_deployed: dict[str, int], payer: str, payee: str, amount: str
) -> None:
    before = world.balance(payer)
    row = world.pay_to_its_end(f"upstream-{uuid.uuid4()}", payment(payer, payee, amount))
    assert row["status"] == "FAILED"
    assert world.balance(payer) == before
