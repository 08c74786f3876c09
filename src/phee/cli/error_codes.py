"""``phee mapping error-codes``: the table of meanings that operators maintain."""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from phee.cli.upkeep_place import find_runtimes, require_tenant
from phee.errors import InvalidInput, NotFound
from phee.stores.relational.error_codes import ErrorCode
from phee.stores.relational.stores import relational_stores

_COLUMNS = ("errorCode", "errorMessage", "recoverable", "transactionType")
_NEEDED = _COLUMNS[:3]
_HEADER = f"The first line names the columns: {','.join(_COLUMNS)}"
_TRUE, _FALSE = frozenset(("true", "1", "yes")), frozenset(("false", "0", "no", ""))


def run_error_codes(
    *, tenant: str, file: Path | None, as_json: bool, data: Path | None, http_port: int | None
) -> None:
    """Replace a tenant's codes when there is a file, then print them.

    Raises:
        InvalidInput: the file is not as described; nothing was written.
        NotFound: the tenant has no store.
    """
    _, runtimes = find_runtimes(data, http_port)
    require_tenant(runtimes, tenant)
    stores = relational_stores(runtimes.database, runtimes.data)
    if not stores.has_store(tenant):
        raise NotFound(
            "this tenant has no store yet",
            where=tenant,
            fix="Its importer creates it when it starts; see that the importer runs",
        )
    if file is not None:
        stores.replace_error_codes(tenant, _read(file))
    reader = stores.open_reader(tenant)
    try:
        codes = reader.error_codes()
    finally:
        reader.close()
    if as_json:
        typer.echo(msgspec.json.encode(codes).decode())
    else:
        _show(codes)


def _read(file: Path) -> list[ErrorCode]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            columns = reader.fieldnames or ()
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput("the file is no CSV in UTF-8", where=str(file), fix=_HEADER) from error
    if missing := [name for name in _NEEDED if name not in columns]:
        raise InvalidInput(
            f"the file has no column {missing[0]}", where=f"{file}, line 1", fix=_HEADER
        )
    return [_code(row, f"{file.name}, line {number}") for number, row in enumerate(rows, start=2)]


def _code(row: dict[str, str | None], where: str) -> ErrorCode:
    values = {name: (row.get(name) or "").strip() for name in _COLUMNS}
    recoverable = values["recoverable"].lower()
    if recoverable not in _TRUE | _FALSE or not values["errorCode"]:
        raise InvalidInput(
            "a line needs errorCode, errorMessage, and true or false for recoverable",
            where=where,
            fix=_HEADER,
        )
    return ErrorCode(
        error_code=values["errorCode"],
        error_message=values["errorMessage"],
        recoverable=recoverable in _TRUE,
        transaction_type=values["transactionType"],
    )


def _show(codes: list[ErrorCode]) -> None:
    table = Table()
    for name in ("Code", "Type", "Recoverable", "Meaning"):
        table.add_column(name)
    for code in codes:
        recoverable = "yes" if code.recoverable else "no"
        table.add_row(code.error_code, code.transaction_type, recoverable, code.error_message)
    Console().print(table)
