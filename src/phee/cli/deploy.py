"""``phee deploy``: send drawings to a hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from phee.cli import render
from phee.cli.hub_api import HubApi
from phee.cli.settings import load_settings
from phee.errors import InvalidInput


def run_deploy(files: Sequence[Path], *, tenant: str, force: bool, http_port: int | None) -> None:
    """Deploy ``files`` for ``tenant``, all or none, and show what is deployed now."""
    api = HubApi(load_settings(http_port=http_port).http_port, tenant=tenant)
    body = {"resources": [{"name": file.name, "content": _text(file)} for file in files]}
    answer, _ = api.call(
        "POST", f"/api/v1/deployments?force={'true' if force else 'false'}", body=body
    )
    rows = [
        (
            each["bpmnProcessId"],
            each["version"],
            "unchanged" if each["duplicate"] else "new",
            each["resourceName"],
        )
        for each in answer["processes"]
    ]
    columns = ("process", ">version", "", "file")
    Console().print(render.table(f"Deployed for {tenant}", columns, rows))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            "this file is not UTF-8 text", where=str(file), fix="Export the drawing again as BPMN"
        ) from error
