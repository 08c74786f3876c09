"""``phee export``: a table of a tenant as a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

from rich.console import Console

from phee.cli.progress import counting
from phee.cli.upkeep_place import find_runtimes, require_tenant
from phee.errors import InvalidInput, InvalidState
from phee.stores.masking_keys import MaskingKeys
from phee.upkeep.exporting import FORMATS, Format, export_table


def run_export(
    *,
    tenant: str,
    table: str,
    file_format: str,
    output: Path | None,
    clear: bool,
    data: Path | None,
    http_port: int | None,
) -> None:
    """Write a table to ``output``, or to standard output. A file appears only when it is whole.

    Personal data of a tenant that has a masking key are tokens, unless ``clear``.

    Raises:
        InvalidInput: there is no such table or format, or a cell does not fit it.
        phee.errors.NotFound: there is no such tenant, or it has no such store.
        NotSupported: the format needs an extra that is not installed.
    """
    chosen = _format(file_format)
    _, runtimes = find_runtimes(data, http_port)
    require_tenant(runtimes, tenant)
    write = partial(
        export_table,
        runtimes,
        tenant,
        table,
        chosen,
        masker=None if clear else MaskingKeys(runtimes.data).masker(tenant),
    )
    if output is None:
        _to_standard_output(write, table, chosen)
        return
    part = output.with_name(f".{output.name}.part")
    try:
        with part.open("wb") as file:
            count = _export(write, table, file)
        part.replace(output)
    except OSError as error:
        raise InvalidState(
            f"the file cannot be written: {error.strerror}",
            where=str(output),
            fix="Name a file with --output in a folder that you may write, with room for it",
        ) from error
    finally:
        part.unlink(missing_ok=True)
    Console(stderr=True).print(f"{count:,} rows in {output}", soft_wrap=True)


def _format(name: str) -> Format:
    for known in FORMATS:
        if known == name:
            return known
    raise InvalidInput(
        f"there is no format {name[:20]!r}",
        where="--format",
        fix=f"Use one of: {', '.join(FORMATS)}",
    )


def _export(write: Callable[..., int], table: str, file: BinaryIO) -> int:
    with counting(f"exporting {table}") as progress:
        return write(file, progress=progress)


def _to_standard_output(write: Callable[..., int], table: str, chosen: Format) -> None:
    if chosen in ("xlsx", "parquet") and sys.stdout.isatty():
        raise InvalidInput(
            f"{chosen} is nothing for a terminal", where="--format", fix="Use --output FILE"
        )
    try:
        _export(write, table, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The reader has seen enough; nothing more may be written, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
