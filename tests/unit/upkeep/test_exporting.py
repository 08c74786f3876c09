"""What comes out of an export is exact, harmless to open, and says what is missing."""

from __future__ import annotations

import csv
import io
import json
import sys
import tracemalloc
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from store_rows import transfer_row, write_relational
from typer.testing import CliRunner

from phee.cli.main import app
from phee.errors import InvalidInput, NotFound, NotSupported
from phee.projections.masking import Masker, default_personal_data
from phee.stores.masking_keys import MaskingKeys
from phee.tenants import Tenant, TenantRegistry
from phee.upkeep.exporting import Format, _Masked, export_table, exportable
from phee.upkeep.runtimes import Runtimes


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [
        transfer_row(1, payer_dfsp_id='=HYPERLINK("http://x")', amount=Decimal("12.5000")),
        transfer_row(2, payer_dfsp_id="@SUM(1)", amount=Decimal("123456789012345678.1234")),
        transfer_row(3, payer_dfsp_id="plain, with comma"),
    ]
    write_relational(tmp_path, "rhino", {"transfers": rows})
    return tmp_path


def export(data: Path, file_format: Format, table: str = "transfers") -> bytes:
    output = io.BytesIO()
    export_table(Runtimes(data=data), "rhino", table, file_format, output)
    return output.getvalue()


def test_csv_runs_no_formula_and_keeps_amounts(data: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(export(data, "csv").decode(), newline="")))
    assert [row["payer_dfsp_id"] for row in rows] == [
        '\'=HYPERLINK("http://x")',
        "'@SUM(1)",
        "plain, with comma",
    ]
    assert rows[0]["amount"] == "12.5"
    assert rows[1]["amount"] == "123456789012345678.1234"
    assert rows[0]["started_at"].endswith("Z")


def test_json_lines_have_every_row_and_exact_amounts(data: Path) -> None:
    rows = [json.loads(line) for line in export(data, "jsonl").splitlines()]
    assert len(rows) == 3
    assert rows[1]["amount"] == "123456789012345678.1234"
    assert isinstance(rows[0]["workflow_instance_key"], int)


def test_a_workbook_has_no_formulas(data: Path) -> None:
    pytest.importorskip("xlsxwriter")
    with zipfile.ZipFile(io.BytesIO(export(data, "xlsx"))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "=HYPERLINK" in sheet
    assert "123456789012345678.1234" in sheet, "as text: a number would be rounded"
    assert "<v>12.5</v>" in sheet


def test_parquet_has_exact_amounts_and_moments_in_utc(data: Path) -> None:
    table = pytest.importorskip("pyarrow.parquet").read_table(io.BytesIO(export(data, "parquet")))
    schema = {field.name: str(field.type) for field in table.schema}
    assert schema["amount"] == "decimal128(22, 4)"
    assert schema["started_at"] == "timestamp[us, tz=UTC]"
    assert (schema["workflow_instance_key"], schema["outcome"]) == ("int64", "int16")
    rows = table.to_pylist()
    assert [row["amount"] for row in rows[:2]] == [
        Decimal("12.5"),
        Decimal("123456789012345678.1234"),
    ]
    assert rows[0]["payer_dfsp_id"].startswith("=HYPERLINK"), "no reader runs it"
    (as_text,) = (json.loads(line) for line in export(data, "jsonl").splitlines()[:1])
    assert rows[0]["started_at"].isoformat(timespec="milliseconds") == as_text[
        "started_at"
    ].replace("Z", "+00:00")


@pytest.mark.parametrize(
    ("file_format", "library"), [("xlsx", "xlsxwriter"), ("parquet", "pyarrow")]
)
def test_a_missing_library_is_named(
    data: Path, monkeypatch: pytest.MonkeyPatch, file_format: Format, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(NotSupported) as caught:
        export(data, file_format)
    assert f"phee[{file_format}]" in caught.value.fix


def test_an_unknown_table_and_tenant_are_refused(data: Path) -> None:
    with pytest.raises(InvalidInput, match="no table 'watermarks'"):
        export(data, "csv", "watermarks")
    with pytest.raises(NotFound):
        export_table(Runtimes(data=data), "lion", "transfers", "csv", io.BytesIO())


@pytest.mark.parametrize("table", sorted(exportable()))
def test_every_table_can_be_exported(data: Path, table: str) -> None:
    if exportable()[table][0] == "relational":
        assert export(data, "csv", table).count(b"\r\n") >= 1


class Discarding(io.RawIOBase):
    """Takes everything and keeps nothing."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return len(data)


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_memory_does_not_grow_with_the_table(tmp_path: Path, file_format: Format) -> None:
    peaks = []
    for tenant, count in (("small", 6_000), ("large", 18_000)):
        rows = [transfer_row(number) for number in range(count)]
        write_relational(tmp_path, tenant, {"transfers": rows})
        del rows
        tracemalloc.start()
        export_table(Runtimes(data=tmp_path), tenant, "transfers", file_format, Discarding())  # type: ignore[arg-type]
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5


@pytest.mark.parametrize(
    ("clear", "shown"), [(["--clear"], True), ([], False)], ids=["clear", "masked"]
)
def test_personal_data_are_tokens_for_a_tenant_with_a_key(
    clear: list[str], shown: bool, tmp_path: Path
) -> None:
    TenantRegistry(tmp_path).add(Tenant(id="rhino"))
    masker = MaskingKeys(tmp_path).make("rhino")
    msisdn, row = "27710000001", {"payer_party_id": "27710000001", "payer_dfsp_id": "rhino"}
    write_relational(tmp_path, "rhino", {"transfers": [transfer_row(1, **row)]})
    where = ["--tenant", "rhino", "--data", str(tmp_path)]
    done = CliRunner().invoke(app, ["export", "--table", "transfers", *where, *clear])
    found = next(csv.DictReader(io.StringIO(done.stdout)))
    assert found["payer_party_id"] == (msisdn if shown else masker.token(msisdn))
    assert found["payer_dfsp_id"] == "rhino"


def test_masking_reaches_variables_and_records() -> None:
    record = {"valueType": "VARIABLE", "value": {"name": "msisdn", "value": '"27710000001"'}}
    rows = [
        {"name": "msisdn", "value": '"27710000001"'},
        {"name": "order", "value": '{"payer": {"msisdn": "27710000001"}, "id": 7}'},
        {"name": "callback", "variables": '{"accountId": "27710000001"}'},
        {"reason": "wrong", "record": json.dumps(record)},
        {"reason": "wrong", "record": "27710000001 is no record"},
        {"note": "call 27710000001", "position": 3},
    ]
    masker = Masker(bytes(32), default_personal_data())
    for row in rows:
        written: list[Any] = []
        _Masked(Kept(written), list(row), masker).write(list(row.values()))
        assert "27710000001" not in str(written)
        assert written[0][0] == row.get("name", row.get("reason", written[0][0]))


class Kept:
    """A writer that keeps its rows."""

    def __init__(self, rows: list[Any]) -> None:
        self._rows = rows

    def write(self, values: Any) -> None:
        self._rows.append(values)

    def close(self) -> None:
        pass
