"""`phee erase`, as a person calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from importing import import_all, prepare
from record_stream import RecordWriter, payment
from typer.testing import CliRunner, Result

from phee.cli.main import app
from phee.importers.process import KINDS
from phee.stores.relational.filters import TransferFilter
from phee.stores.relational.queries import open_reader
from phee.stream.memory import MemoryLog

TENANTS = ("gorilla", "rhino")
PAYER = "27710000001"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two tenants with a payment of the same payer each."""
    prepare(tmp_path, *TENANTS)
    log, writer = MemoryLog(), RecordWriter()
    for tenant in TENANTS:
        for records in payment(writer, 1, tenant_id=tenant):
            log.append(records)
    for kind in KINDS:
        import_all(kind, tmp_path, log)
    return tmp_path


def erase(data: Path, *options: str, asked: str | None = None) -> Result:
    arguments = ["erase", "--data", str(data), "--tenant", "rhino", *options]
    return CliRunner().invoke(app, arguments, input=asked)


def payers(data: Path, tenant_id: str) -> set[str | None]:
    reader = open_reader(data, tenant_id)
    try:
        return {row.payer_party_id for row in reader.list_transfers(TransferFilter()).rows}
    finally:
        reader.close()


def test_without_yes_it_only_counts(data: Path) -> None:
    counted = erase(data, "--party-type", "MSISDN", "--party", PAYER, "--json")
    assert counted.exit_code == 0, counted.output
    answer = json.loads(counted.stdout)
    assert answer["isErased"] is False
    assert payers(data, "rhino") == {PAYER}
    done = erase(data, "--party-type", "MSISDN", "--party", f"+{PAYER}", "--yes", "--json")
    assert json.loads(done.stdout) == {"isErased": True, "stores": answer["stores"]}
    rows, documents = answer["stores"]
    assert rows["erased"]["transfers"] == 1
    assert documents["erased"] == {"documents": 1}
    assert PAYER not in payers(data, "rhino")
    assert payers(data, "gorilla") == {PAYER}


def test_the_identifier_is_asked_for_and_never_shown(data: Path) -> None:
    done = erase(data, "--party-type", "MSISDN", "--yes", asked=f"{PAYER}\n")
    assert done.exit_code == 0, done.output
    assert "Erased" in done.stdout
    listed = erase(data, "--list")
    (entry,) = json.loads(erase(data, "--list", "--json").stdout)
    assert entry["token"][:12] in listed.stdout.replace("\n", "")
    assert entry["touched"]["relational"]["transfers"] == 1
    assert {entry["token"]} == payers(data, "rhino")
    for output in (done.output, listed.output, json.dumps(entry)):
        assert PAYER not in output


def test_mistakes_are_named_without_the_identifier(data: Path) -> None:
    for options in (
        ("--party", PAYER),
        ("--party-type", "MSISDN", "--party", f"{PAYER} {PAYER}", "--yes"),
        ("--tenant", "nobody", "--party-type", "MSISDN", "--party", PAYER),
    ):
        called = erase(data, *options)
        assert called.exit_code
        assert PAYER not in str(called.exception)
    assert payers(data, "rhino") == {PAYER}
    assert "Nothing was changed" in erase(
        data, "--party-type", "MSISDN", "--party", PAYER
    ).stdout.replace("\n", " ")
