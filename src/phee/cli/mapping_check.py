"""``phee mapping check``: what a mapping gets wrong about drawings, and what it does not cover."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import msgspec
import typer
from rich.console import Console, JustifyMethod
from rich.table import Table

from phee.cli.upkeep_place import find_runtimes, require_tenant
from phee.errors import InvalidInput
from phee.importers.process import read_mapping
from phee.projections.coverage import Coverage, Finding, MappingReport, check_mapping
from phee.projections.drawings import Drawing, read_drawing
from phee.projections.mapping import TransferMapping, default_mapping
from phee.stores.relational.stores import relational_stores

MISTAKEN = 1
"""Exit status when a row would be wrong."""


def run_check(
    *,
    drawings: Path | None,
    tenant: str | None,
    mapping: Path | None,
    strict: bool,
    as_json: bool,
    data: Path | None,
    http_port: int | None,
) -> int:
    """Print the report and return the exit status.

    Raises:
        InvalidMapping: the mapping file itself is wrong.
        InvalidInput: there are no drawings in the folder, or one is no XML.
    """
    loaded = default_mapping() if mapping is None else read_mapping(mapping)
    deployed = list(_deployed(tenant, data, http_port)) if tenant is not None else []
    found = deployed + list(_drawn(drawings, or_shipped=tenant is None))
    report = check_mapping(loaded, found)
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        _show(report, loaded)
    return MISTAKEN if report.has_errors or (strict and report.findings) else 0


def _drawn(folder: Path | None, *, or_shipped: bool) -> Iterator[Drawing]:
    if folder is not None:
        files = sorted(folder.rglob("*.bpmn"))
        if not files:
            raise InvalidInput(
                "the folder has no .bpmn files",
                where=str(folder),
                fix="Name a folder of drawings with --drawings, or a tenant with --tenant",
            )
        for file in files:
            yield from read_drawing(file.read_bytes(), file.name)
    elif or_shipped:
        for shipped in sorted(resources.files("phee.flows").iterdir(), key=lambda one: one.name):
            if shipped.name.endswith(".bpmn"):
                yield from read_drawing(shipped.read_bytes(), shipped.name)


def _deployed(tenant: str, data: Path | None, http_port: int | None) -> Iterator[Drawing]:
    """The newest version of every process of a tenant."""
    _, runtimes = find_runtimes(data, http_port)
    require_tenant(runtimes, tenant)
    stores = relational_stores(runtimes.database, runtimes.data)
    reader = stores.open_reader(tenant)
    try:
        seen: set[str] = set()
        for one in reader.process_definitions():  # the newest version of each comes first
            if one.bpmn_process_id in seen or one.state != "DEPLOYED":
                continue
            seen.add(one.bpmn_process_id)
            resource = reader.process_definition(one.process_definition_key).resource
            if resource:
                drawn = read_drawing(resource.encode(), one.resource_name, tenant_id=tenant)
                yield from (each for each in drawn if each.process_id == one.bpmn_process_id)
    finally:
        reader.close()


def _show(report: MappingReport, mapping: TransferMapping) -> None:
    console = Console()
    table = Table(title="Drawings and what becomes of them", title_justify="left")
    for column in ("Drawing", "Flow", "Rows of", "Direction", "Variables", "Errors"):
        justify: JustifyMethod = "right" if column == "Errors" else "left"
        table.add_column(column, justify=justify, overflow="fold")
    for one in report.drawings:
        table.add_row(*_row(one))
    console.print(table)
    for finding in report.findings:
        if finding.rule != "no-drawing":
            _print(console, finding)
    gaps = sum(finding.rule == "no-drawing" for finding in report.findings)
    console.print(
        f"{len(mapping.flows)} mapped flows, {gaps} of them not among these drawings;"
        f" {len(report.drawings)} drawings"
    )


def _row(one: Coverage) -> tuple[str, ...]:
    matched = f"{one.matched} of {one.variables}" if one.variables else ""
    return one.source, one.flow, one.covered_by, one.direction, matched, str(one.errors or "")


def _print(console: Console, finding: Finding) -> None:
    style = "bold red" if finding.severity == "error" else "yellow"
    console.print(f"{finding.severity} {finding.rule}: {finding.what}", style=style, markup=False)
    console.print(f"  {finding.fix}", markup=False)
