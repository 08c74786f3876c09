"""Handing out the rows of a table: streaming, from one snapshot, in constant memory.

Keys stay whole numbers and amounts stay exact: where a format would round them they are text.
Moments are in UTC: ISO 8601, in Parquet timestamps.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, BinaryIO, Literal, Protocol

from sqlalchemy import Column, Table

from phee.errors import InvalidInput, NotFound
from phee.extras import require_extra
from phee.importers.process import Kind
from phee.projections.exported import masked_record
from phee.projections.masking import Masker
from phee.stores.relational import tables as relational
from phee.stores.relational.types import Timestamp
from phee.upkeep.runtimes import Runtimes
from phee.upkeep.snapshot import projected_tables

Format = Literal["csv", "xlsx", "jsonl", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "xlsx", "jsonl", "parquet")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
EXACT_DIGITS = 15
"""A spreadsheet's number is a double: beyond this many digits it would be another number."""
SHEET_ROWS_MAX = 1_048_576
CELL_CHARACTERS_MAX = 32_767


def exportable() -> dict[str, tuple[Kind, Table]]:
    """Return the tables that can be exported, by name, and the store each is in."""
    kinds: tuple[Kind, ...] = ("relational", "search")
    found: dict[str, tuple[Kind, Table]] = {
        table.name: (kind, table) for kind in kinds for table in projected_tables(kind)
    }
    found["dead_letters"] = ("relational", relational.dead_letters)
    found["dead_letter_decisions"] = ("relational", relational.dead_letter_decisions)
    found["error_codes"] = ("relational", relational.business_tables.error_codes)
    return found


class RowWriter(Protocol):
    """Takes rows one by one; the file is complete after :meth:`close`."""

    def write(self, values: Sequence[Any]) -> None:
        """Write a row."""

    def close(self) -> None:
        """Finish the file; the stream underneath stays open."""


def export_table(
    runtimes: Runtimes,
    tenant_id: str,
    table_name: str,
    file_format: Format,
    output: BinaryIO,
    *,
    masker: Masker | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> int:
    """Write every row of a tenant's table to ``output``; return how many there were.

    A ``masker`` makes tokens of personal data; documents have them already.

    Raises:
        InvalidInput: there is no such table, or a cell does not fit the format.
        NotFound: the tenant has no such store.
        NotSupported: the format needs an extra that is not installed.
    """
    kind, table = _table(table_name)
    if not runtimes.has_store(kind, tenant_id):
        raise NotFound(
            f"this tenant has no {kind} store here",
            where=tenant_id,
            fix="Name an onboarded tenant, and the data directory of its hub with --data",
        )
    snapshot = runtimes.snapshot(kind, tenant_id)
    try:
        total = snapshot.count(table)
        columns = [column for column in table.columns if column.key != "id"]
        names = [str(column.key) for column in columns]
        writer = _open_writer(file_format, output, columns)
        if masker is not None and kind == "relational":
            writer = _Masked(writer, names, masker)
        done = 0
        for row in snapshot.rows(table):
            writer.write([row[name] for name in names])
            done += 1
            if done % 1000 == 0:
                progress(done, max(total, done))
        writer.close()
        progress(done, max(total, done))
        return done
    finally:
        snapshot.close()


def _open_writer(
    file_format: Format, output: BinaryIO, columns: Sequence[Column[Any]]
) -> RowWriter:
    if file_format == "parquet":
        from phee.upkeep.parquet import ParquetWriter

        return ParquetWriter(output, columns)
    return _InText(_WRITERS[file_format](output, [column.name for column in columns]), columns)


class _Masked:
    """Gives rows whose personal cells are tokens to a writer."""

    def __init__(self, writer: RowWriter, names: Sequence[str], masker: Masker) -> None:
        self._writer = writer
        self._names = names
        self._masker = masker

    def write(self, values: Sequence[Any]) -> None:
        """See RowWriter."""
        row = dict(zip(self._names, values, strict=True))
        self._writer.write([self._shown(name, value, row) for name, value in row.items()])

    def close(self) -> None:
        """See RowWriter."""
        self._writer.close()

    def _shown(self, name: str, value: Any, row: Mapping[str, Any]) -> Any:
        if not isinstance(value, str) or name == "name":  # what a variable or message is called
            return value
        if name == "record":
            return masked_record(value, self._masker)
        if name == "value" and "name" in row:
            return self._masker.json_text(row["name"], value)
        return self._masker.value(name, value)


class _InText:
    """Gives moments as text to a writer of a format that has none."""

    def __init__(self, writer: RowWriter, columns: Sequence[Column[Any]]) -> None:
        self._writer = writer
        self._moments = [isinstance(column.type, Timestamp) for column in columns]

    def write(self, values: Sequence[Any]) -> None:
        """See RowWriter."""
        pairs = zip(values, self._moments, strict=True)
        self._writer.write([_plain(value, is_moment) for value, is_moment in pairs])

    def close(self) -> None:
        """See RowWriter."""
        self._writer.close()


def _table(name: str) -> tuple[Kind, Table]:
    known = exportable()
    if name not in known:
        raise InvalidInput(
            f"there is no table {name[:64]!r}",
            where="--table",
            fix=f"Use one of: {', '.join(sorted(known))}",
        )
    return known[name]


def _plain(value: Any, is_moment: bool) -> Any:
    if is_moment and value is not None:
        moment = datetime.fromtimestamp(value / 1000, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value


class CsvWriter:
    """UTF-8, comma, CRLF. Text that a spreadsheet would run as a formula begins with ``'``."""

    def __init__(self, output: BinaryIO, columns: Sequence[str]) -> None:
        self._text = io.TextIOWrapper(output, encoding="utf-8", newline="", write_through=False)
        self._csv = csv.writer(self._text)
        self._csv.writerow(columns)

    def write(self, values: Sequence[Any]) -> None:
        """See RowWriter."""
        self._csv.writerow([_csv_cell(value) for value in values])

    def close(self) -> None:
        """See RowWriter."""
        self._text.flush()
        self._text.detach()


def _csv_cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return f"{value:f}" if isinstance(value, Decimal) else value


class JsonLinesWriter:
    """One JSON object a line; amounts are texts, since a JSON number may be read as a double."""

    def __init__(self, output: BinaryIO, columns: Sequence[str]) -> None:
        self._output = output
        self._columns = columns

    def write(self, values: Sequence[Any]) -> None:
        """See RowWriter."""
        plain = [f"{value:f}" if isinstance(value, Decimal) else value for value in values]
        row = dict(zip(self._columns, plain, strict=True))
        self._output.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")

    def close(self) -> None:
        """See RowWriter."""


class XlsxWriter:
    """A workbook written row by row; a sheet that is full is followed by another one."""

    def __init__(self, output: BinaryIO, columns: Sequence[str]) -> None:
        require_extra("xlsx", where="--format xlsx")
        from xlsxwriter import Workbook

        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        self._book = Workbook(output, options)
        self._columns = columns
        self._sheet: Any = None
        self._row = SHEET_ROWS_MAX

    def write(self, values: Sequence[Any]) -> None:
        """See RowWriter."""
        if self._row >= SHEET_ROWS_MAX:
            self._new_sheet()
        for index, value in enumerate(values):
            self._cell(index, value)
        self._row += 1

    def close(self) -> None:
        """See RowWriter."""
        if self._sheet is None:
            self._new_sheet()
        self._book.close()

    def _new_sheet(self) -> None:
        self._sheet = self._book.add_worksheet()
        for index, name in enumerate(self._columns):
            self._sheet.write_string(0, index, name)
        self._row = 1

    def _cell(self, index: int, value: Any) -> None:
        if value is None:
            return
        if isinstance(value, int | Decimal) and _is_exact(value):
            self._sheet.write_number(self._row, index, value)
            return
        text = f"{value:f}" if isinstance(value, Decimal) else str(value)
        if len(text) > CELL_CHARACTERS_MAX:
            raise InvalidInput(
                f"a cell would have more than {CELL_CHARACTERS_MAX} characters",
                where=f"column {self._columns[index]}",
                fix="Use --format csv or jsonl",
            )
        self._sheet.write_string(self._row, index, text)


def _is_exact(value: int | Decimal) -> bool:
    return len(Decimal(value).as_tuple().digits) <= EXACT_DIGITS


_WRITERS: dict[str, Callable[[BinaryIO, Sequence[str]], RowWriter]] = {
    "csv": CsvWriter,
    "xlsx": XlsxWriter,
    "jsonl": JsonLinesWriter,
}
