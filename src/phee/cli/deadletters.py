"""``phee deadletters``: records that could not be projected, and what to do about them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from rich.console import Console
from rich.text import Text

from phee.cli import render
from phee.cli.hub_api import HubApi
from phee.cli.settings import load_settings

PATH = "/api/v1/deadletters"
OPERATOR_PATH = "/api/v1/operator/deadletters"


class Letters:
    """The letters of a tenant's store; without a tenant, those that belong to none."""

    def __init__(self, tenant: str | None, store: str, http_port: int | None) -> None:
        self.name = f"{tenant} ({store})" if tenant else "no tenant"
        self._api = HubApi(load_settings(http_port=http_port).http_port, tenant=tenant)
        self._path = PATH if tenant else OPERATOR_PATH
        self._query = {"store": store} if tenant else {}

    def get(self, what: str = "", **query: Any) -> Any:
        """Return the list of letters, or one of them."""
        return self._api.get(f"{self._path}{what}", **self._query, **query)

    def post(self, what: str, body: Any = None) -> Any:
        """Decide about a letter."""
        path = f"{self._path}{what}?{urlencode(self._query)}".removesuffix("?")
        answer, _ = self._api.call("POST", path, body=body)
        return answer


def run_list(
    *, tenant: str | None, store: str, state: str, size: int, as_json: bool, http_port: int | None
) -> None:
    """Print the newest dead letters of a store."""
    letters = Letters(tenant, store, http_port)
    found = letters.get(state=state, size=size)
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
    console.print(render.table(f"Dead letters of {letters.name}", columns, rows))
    console.print(render.share_of(found), style="dim")


def run_show(
    *, tenant: str | None, store: str, letter: int, as_json: bool, http_port: int | None
) -> None:
    """Print one dead letter with its record and what was decided about it."""
    found = Letters(tenant, store, http_port).get(f"/{letter}")
    if as_json:
        render.show_json(found)
        return
    console = Console()
    for name in ("id", "state", "reasonCode", "reason", "position", "processInstanceKey"):
        console.print(Text(f"{name:<20}{found[name]}"), soft_wrap=True)
    for each in found["decisions"]:
        console.print(Text(_decision(each)), soft_wrap=True)
    console.print(Text(_record(found["record"])), soft_wrap=True)


def run_retry(*, tenant: str | None, store: str, letter: int, http_port: int | None) -> None:
    """Project the record again.

    Raises:
        phee.errors.PheeError: it was dealt with already, or still cannot be projected.
    """
    done = Letters(tenant, store, http_port).post(f"/{letter}/retry")
    Console().print(f"{done['state']}: {done['settled']} dead letters of the instance are settled")


def run_discard(
    *, tenant: str | None, store: str, letter: int, reason: str, http_port: int | None
) -> None:
    """Give the record up; the reason is kept."""
    done = Letters(tenant, store, http_port).post(f"/{letter}/discard", {"reason": reason})
    Console().print(done["state"])


def _decision(each: dict[str, Any]) -> str:
    moment = render.moment(each["decidedAt"])
    return f"{moment} {each['action']} -> {each['outcome']} {each['reason'] or ''}"


def _record(text: str | None) -> str:
    try:
        return json.dumps(json.loads(text or ""), indent=2, ensure_ascii=False)
    except ValueError:
        return text or ""
