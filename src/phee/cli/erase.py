"""``phee erase``: forget a person in the stores of a tenant."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from phee.cli import render
from phee.cli.upkeep_place import find_runtimes
from phee.errors import InvalidInput
from phee.stores.erasures import KeptErasure
from phee.upkeep.erasing import Erased, PartyEraser

DIGEST_SHOWN = 8


def run_erase(
    *,
    tenant: str,
    party_type: str,
    party: str | None,
    confirmed: bool,
    as_json: bool,
    data: Path | None,
    http_port: int | None,
) -> None:
    """Erase a party, or only say what that would change.

    Raises:
        phee.errors.InvalidInput: no such tenant, or this cannot be a party's identifier.
        phee.errors.Unavailable: no hub runs there, or a store does not answer.
    """
    eraser = _open(tenant, data, http_port)
    identifier = party if party is not None else _ask()
    found = eraser.erase(tenant, party_type, identifier, dry_run=not confirmed)
    if as_json:
        render.show_json({"isErased": confirmed, "stores": msgspec.to_builtins(found)})
    else:
        _show(found, confirmed=confirmed)


def run_list(*, tenant: str, as_json: bool, data: Path | None, http_port: int | None) -> None:
    """Show what was erased from a tenant's stores, when and by whom; the list names nobody."""
    kept = _open(tenant, data, http_port).kept(tenant)
    if as_json:
        render.show_json([_entry(each) for each in kept])
        return
    rows = [
        (
            render.moment(each.erased_at),
            each.erased_by,
            each.party_type,
            each.digest[:DIGEST_SHOWN],
            each.token,
            "not done: ask again" if each.touched is None else _total(each.touched.values()),
        )
        for each in kept
    ]
    columns = ("at (UTC)", "by", "type", "digest", "token", ">rows and documents")
    Console().print(render.table(f"Erased parties of {tenant}", columns, rows))


def _open(tenant: str, data: Path | None, http_port: int | None) -> PartyEraser:
    _, runtimes = find_runtimes(data, http_port)
    if tenant not in runtimes.tenants():
        raise InvalidInput("there is no such tenant", where=tenant, fix="See `phee status`")
    return PartyEraser(runtimes)


def _ask() -> str:
    """Read the identifier where no other user of the machine can see it."""
    if sys.stdin.isatty():
        return str(typer.prompt("Identifier of the party", hide_input=True))
    return sys.stdin.readline()


def _entry(erasure: KeptErasure) -> dict[str, Any]:
    return {
        "erasedAt": erasure.erased_at,
        "erasedBy": erasure.erased_by,
        "partyType": erasure.party_type,
        "digest": erasure.digest[:DIGEST_SHOWN],
        "token": erasure.token,
        "before": erasure.before_ms,
        "touched": erasure.touched,
    }


def _total(touched: Iterable[dict[str, int]]) -> str:
    return f"{sum(sum(each.values()) for each in touched):,}"


def _show(found: list[Erased], *, confirmed: bool) -> None:
    rows = [
        (
            each.store,
            f"{sum(each.erased.values()):,}",
            ", ".join(f"{name} {count:,}" for name, count in each.erased.items()),
        )
        for each in found
    ]
    console = Console()
    columns = ("store", ">rows or documents", "of which")
    console.print(render.table("Erased" if confirmed else "To be erased", columns, rows))
    if not confirmed:
        console.print(Text("Nothing was changed: erase for good with --yes", "yellow"))
