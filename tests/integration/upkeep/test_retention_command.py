"""`phee retention apply`, as a person calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from importing import import_all, prepare
from record_stream import RecordWriter, payment
from typer.testing import CliRunner

from phee.cli.main import app
from phee.importers.process import KINDS
from phee.stores.relational.queries import open_reader
from phee.stream.memory import MemoryLog
from phee.tenants import TenantRegistry

TENANTS = ("gorilla", "rhino")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two tenants with one old payment each; only rhino has a setting of its own."""
    prepare(tmp_path, *TENANTS)
    registry = TenantRegistry(tmp_path)
    registry.replace(msgspec.structs.replace(registry.get("rhino"), retention_days=7))
    log, writer = MemoryLog(), RecordWriter()
    for number, tenant in enumerate(TENANTS):
        for records in payment(writer, number, tenant_id=tenant):
            log.append(records)
    for kind in KINDS:
        import_all(kind, tmp_path, log)
    return tmp_path


def apply(data: Path, *options: str) -> list[dict[str, Any]]:
    called = CliRunner().invoke(
        app, ["retention", "apply", "--data", str(data), "--json", *options]
    )
    assert called.exit_code == 0, called.output
    found: list[dict[str, Any]] = json.loads(called.stdout)
    return found


def instances(data: Path, tenant_id: str) -> int:
    reader = open_reader(data, tenant_id)
    try:
        return reader.process_instances().total
    finally:
        reader.close()


def test_each_tenant_has_its_own_retention(data: Path) -> None:
    announced = apply(data, "--dry-run")
    assert [instances(data, tenant) for tenant in TENANTS] == [1, 1]
    assert apply(data) == announced
    assert [instances(data, tenant) for tenant in TENANTS] == [1, 0]
    days = {(each["tenant"], each["store"]): each["days"] for each in announced}
    assert days == {(tenant, kind): 7 if tenant == "rhino" else None
                    for tenant in TENANTS for kind in KINDS}  # fmt: skip
    assert all(not each["removed"] for each in announced if each["tenant"] == "gorilla")


def test_the_hubs_setting_is_for_tenants_without_their_own(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHEE_RETENTION_DAYS", "36500")
    apply(data)
    assert [instances(data, tenant) for tenant in TENANTS] == [1, 0]
    monkeypatch.setenv("PHEE_RETENTION_DAYS", "30")
    apply(data)
    assert [instances(data, tenant) for tenant in TENANTS] == [0, 0]


def test_days_on_the_command_line_come_first(data: Path) -> None:
    apply(data, "--days", "36500")
    assert [instances(data, tenant) for tenant in TENANTS] == [1, 1]
    apply(data, "--tenant", "gorilla", "--days", "1")
    assert [instances(data, tenant) for tenant in TENANTS] == [0, 1]


def test_people_see_a_table_and_mistakes_are_named(data: Path) -> None:
    runner = CliRunner()
    called = runner.invoke(app, ["retention", "apply", "--data", str(data), "--dry-run"])
    assert called.exit_code == 0, called.output
    assert "To be removed" in called.stdout
    for wrong in (["--tenant", "nobody"], ["--days", "30", "--business-days", "29"]):
        assert runner.invoke(app, ["retention", "apply", "--data", str(data), *wrong]).exit_code
