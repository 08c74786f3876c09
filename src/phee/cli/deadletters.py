"""``phee deadletters``: records that could not be projected, and what to do about them."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.text import Text

from phee.cli import render
from phee.cli.hub_api import HubApi
from phee.cli.settings import load_settings

PATH = "/api/v1/deadletters"


def _api(tenant: str, http_port: int | None) -> HubApi:
    return HubApi(load_settings(http_port=http_port).http_port, tenant=tenant)


def run_list(
    *, tenant: str, store: str, state: str, size: int, as_json: bool, http_port: int | None
) -> None:
    """Print the newest dead letters of a store."""
    found = _api(tenant, http_port).get(PATH, store=store, state=state, size=size)
    if as_json:
        render.show_json(found)
        return
    rows = [
        (
            row["id"],
            f"{row['position']:,}",
            row["reasonCode"],
            row["reason"],
            f"{row['valueType'] or ''} {row['intent'] or ''}",
            row["processInstanceKey"] or "",
            row["state"],
        )
        for row in found["content"]
    ]
    columns = (">id", ">position", "code", "reason", "record", "instance", "state")
    console = Console()
    console.print(render.table(f"Dead letters of {tenant} ({store})", columns, rows))
    console.print(render.share_of(found), style="dim")


def run_show(*, tenant: str, store: str, letter: int, as_json: bool, http_port: int | None) -> None:
    """Print one dead letter with its record and what was decided about it."""
    found = _api(tenant, http_port).get(f"{PATH}/{letter}", store=store)
    if as_json:
        render.show_json(found)
        return
    console = Console()
    for name in ("id", "state", "reasonCode", "reason", "position", "processInstanceKey"):
        console.print(Text(f"{name:<20}{found[name]}"), soft_wrap=True)
    for each in found["decisions"]:
        console.print(Text(_decision(each)), soft_wrap=True)
    console.print(Text(_record(found["record"])), soft_wrap=True)


def run_retry(*, tenant: str, store: str, letter: int, http_port: int | None) -> None:
    """Project the record again.

    Raises:
        phee.errors.PheeError: it was dealt with already, or still cannot be projected.
    """
    api = _api(tenant, http_port)
    done, _ = api.call("POST", f"{PATH}/{letter}/retry?store={store}")
    Console().print(f"{done['state']}: {done['settled']} dead letters of the instance are settled")


def run_discard(
    *, tenant: str, store: str, letter: int, reason: str, http_port: int | None
) -> None:
    """Give the record up; the reason is kept."""
    done = _api(tenant, http_port).post(
        f"{PATH}/{letter}/discard?store={store}", {"reason": reason}
    )
    Console().print(done["state"])


def _decision(each: dict[str, Any]) -> str:
    moment = render.moment(each["decidedAt"])
    return f"{moment} {each['action']} -> {each['outcome']} {each['reason'] or ''}"


def _record(text: str | None) -> str:
    try:
        return json.dumps(json.loads(text or ""), indent=2, ensure_ascii=False)
    except ValueError:
        return text or ""
