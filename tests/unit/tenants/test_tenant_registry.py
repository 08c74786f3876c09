"""The tenants file: durable, unique, seen by other processes, and never half written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from fake_hub import FakeOrchestrator
from hypothesis import given
from hypothesis import strategies as st

from phee.commands import Resource
from phee.errors import InvariantBroken
from phee.tenants import (
    InvalidTenant,
    Tenant,
    TenantExists,
    TenantRegistry,
    TenantSettings,
    UnknownTenant,
    check_tenant_id,
    onboard,
)


def test_tenants_survive_and_other_readers_see_them(tmp_path: Path) -> None:
    ours, theirs = TenantRegistry(tmp_path), TenantRegistry(tmp_path)
    rhino = Tenant(
        id="rhino", currencies=("USD",), settings=TenantSettings(response_timeout="PT5S")
    )
    ours.add(rhino)
    assert theirs.get("rhino") == rhino
    assert theirs.by_fsp_id("rhino") == rhino
    assert TenantRegistry(tmp_path).ids() == ["rhino"]
    theirs.replace(Tenant(id="rhino", name="New name"))
    assert ours.list()[0].name == "New name"


def test_ids_and_fsp_ids_are_unique(tmp_path: Path) -> None:
    registry = TenantRegistry(tmp_path)
    registry.add(Tenant(id="rhino", fsp_id="bank"))
    assert registry.add(Tenant(id="rhino", fsp_id="bank")).id == "rhino"
    with pytest.raises(TenantExists):
        registry.add(Tenant(id="rhino"))
    with pytest.raises(TenantExists):
        registry.add(Tenant(id="gorilla", fsp_id="bank"))
    with pytest.raises(TenantExists):
        registry.add(Tenant(id="bank", fsp_id="bank"))
    assert registry.ids() == ["rhino"]


@pytest.mark.parametrize(("first", "second"), [("usa", "ibank-usa"), ("ibank-usa", "usa")])
def test_ids_that_process_ids_could_not_tell_apart_are_refused(
    first: str, second: str, tmp_path: Path
) -> None:
    registry = TenantRegistry(tmp_path)
    registry.add(Tenant(id=first))
    with pytest.raises(TenantExists, match=f"from {first}"):
        registry.add(Tenant(id=second))
    registry.add(Tenant(id="ibank_usa"))
    registry.add(Tenant(id="usa-ibank"))
    assert list(registry.ids()) == sorted([first, "ibank_usa", "usa-ibank"])


def test_unknown_tenants_are_refused_without_quoting_them(tmp_path: Path) -> None:
    registry = TenantRegistry(tmp_path)
    with pytest.raises(UnknownTenant) as caught:
        registry.get("27710101999")
    assert "27710101999" not in str(caught.value)
    with pytest.raises(UnknownTenant):
        registry.by_fsp_id("nobody")


@pytest.mark.parametrize(
    "tenant_id", ["", "A", "-a", "a/b", "..", "a b", "a\n", "ä", "a" * 32, "a\x00"]
)
def test_ids_that_could_leave_a_folder_are_refused(tenant_id: str) -> None:
    with pytest.raises(InvalidTenant):
        check_tenant_id(tenant_id)
    with pytest.raises(InvalidTenant):
        Tenant(id=tenant_id)


@given(st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,30}", fullmatch=True))
def test_well_formed_ids_are_accepted(tenant_id: str) -> None:
    assert Tenant(id=tenant_id).scheme_id == tenant_id


@pytest.mark.parametrize(
    "changes",
    [
        {"fsp_id": "a b"},
        {"currencies": ("HRK",)},
        {"currencies": ("usd",)},
        {"name": "a\nb"},
        {"name": "x" * 129},
    ],
)
def test_malformed_tenants_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidTenant):
        Tenant(id="rhino", **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "P", "PT", "60", "PT-5S", "pt5s", "PT5S\n", "PT٥S"])
def test_settings_are_durations(text: str) -> None:
    with pytest.raises(InvalidTenant):
        TenantSettings(response_timeout=text)
    assert TenantSettings(response_timeout="P1DT2H3M4S").as_variables()["responseTimeout"]


def test_a_damaged_file_is_said_and_not_overwritten(tmp_path: Path) -> None:
    registry = TenantRegistry(tmp_path)
    registry.add(Tenant(id="rhino"))
    path = tmp_path / "tenants.json"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InvariantBroken, match="tenants file is damaged"):
        TenantRegistry(tmp_path).list()
    with pytest.raises(InvariantBroken):
        TenantRegistry(tmp_path).add(Tenant(id="gorilla"))


_ADD_MANY = """
import sys
from pathlib import Path
from phee.tenants import Tenant, TenantRegistry
registry = TenantRegistry(Path(sys.argv[1]))
for number in range(5):
    registry.add(Tenant(id=f"t{sys.argv[2]}-{number}"))
"""


def test_writers_of_several_processes_lose_nothing(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", _ADD_MANY, str(tmp_path), str(number)])
        for number in range(2)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert len(TenantRegistry(tmp_path).list()) == 10
    stored = msgspec.json.decode((tmp_path / "tenants.json").read_bytes())
    assert len(stored["tenants"]) == 10


def test_the_file_is_synced_before_it_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (steps.append("sync"), sync(fd))[1])
    monkeypatch.setattr(
        Path, "replace", lambda self, to: (steps.append("replace"), replace(self, to))[1]
    )
    TenantRegistry(tmp_path).add(Tenant(id="rhino"))
    assert steps == ["sync", "replace", "sync"]


async def test_onboarding_registers_and_deploys_and_may_be_repeated(tmp_path: Path) -> None:
    registry, client = TenantRegistry(tmp_path), FakeOrchestrator()
    flows = [Resource("PayerFundTransfer.bpmn", b"<x/>")]
    for _ in range(2):
        done = await onboard(registry, client, Tenant(id="rhino"), flows)
        assert done.tenant.id == "rhino"
        assert done.deployed is not None
    assert client.calls == [("deploy", ("PayerFundTransfer.bpmn",), "rhino")] * 2
    assert (await onboard(registry, client, Tenant(id="bare"), [])).deployed is None
