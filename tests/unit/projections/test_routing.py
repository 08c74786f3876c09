"""Whose record it is: the tenant on the record, else the process id, never somebody else."""

from __future__ import annotations

import pytest

from phee.projections.mapping import default_mapping
from phee.projections.routing import Router
from phee.records import DEFAULT_TENANT


class Tenants:
    def __init__(self, *ids: str) -> None:
        self.ids = set(ids)

    def known_tenants(self) -> set[str]:
        return self.ids


@pytest.mark.parametrize(
    ("process", "tenant", "routed", "flow"),
    [
        ("PayerFundTransfer-rhino", "rhino", "rhino", "PayerFundTransfer"),
        ("PayerFundTransfer-rhino", DEFAULT_TENANT, "rhino", "PayerFundTransfer"),
        ("bulk_processor-ibank-usa", DEFAULT_TENANT, "ibank-usa", "bulk_processor"),
        ("inbound_transfer-mifos-rhino", DEFAULT_TENANT, "rhino", "inbound_transfer-mifos"),
        ("PayerFundTransfer-nobody", DEFAULT_TENANT, DEFAULT_TENANT, "PayerFundTransfer-nobody"),
        ("plain", DEFAULT_TENANT, DEFAULT_TENANT, "plain"),
        ("plain", "rhino", "rhino", "plain"),
        ("", "rhino", "rhino", ""),
    ],
)
def test_route(process: str, tenant: str, routed: str, flow: str) -> None:
    route = Router(default_mapping(), Tenants("rhino", "ibank-usa", "usa-x")).route(process, tenant)
    assert route is not None
    assert (route.tenant_id, route.flow) == (routed, flow)
    assert not route.mismatch
    assert (route.mapping is not None) == (flow == "PayerFundTransfer")


def test_the_explicit_tenant_wins_over_the_process_id() -> None:
    route = Router(default_mapping(), Tenants("rhino", "gorilla")).route(
        "PayerFundTransfer-gorilla", "rhino"
    )
    assert route is not None
    assert (route.tenant_id, route.flow, route.mismatch) == ("rhino", "PayerFundTransfer", True)


def test_an_unknown_tenant_has_no_route_until_it_is_known() -> None:
    tenants = Tenants("rhino")
    router = Router(default_mapping(), tenants)
    assert router.route("PayerFundTransfer-rhino", "zebra") is None
    tenants.ids.add("zebra")
    route = router.route("PayerFundTransfer-zebra", "zebra")
    assert route is not None
    assert route.tenant_id == "zebra"


def test_a_new_tenant_is_seen_after_forget() -> None:
    tenants = Tenants()
    router = Router(default_mapping(), tenants)
    before = router.route("PayerFundTransfer-rhino", DEFAULT_TENANT)
    assert before is not None
    assert before.tenant_id == DEFAULT_TENANT
    tenants.ids.add("rhino")
    router.forget()
    after = router.route("PayerFundTransfer-rhino", DEFAULT_TENANT)
    assert after is not None
    assert after.tenant_id == "rhino"
