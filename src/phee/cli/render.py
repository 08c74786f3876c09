"""How the commands show things: money, times, states, and the tables they stand in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

STATUS_STYLES = {
    "COMPLETED": "green",
    "COMMITTED": "green",
    "FAILED": "red",
    "ABORTED": "red",
    "EXCEPTION": "bold red",
    "UNKNOWN": "yellow",
    "IN_PROGRESS": "cyan",
    "RECEIVED": "cyan",
    "PENDING": "cyan",
}


def status(name: str) -> Text:
    """Return a status in its colour."""
    return Text(name, style=STATUS_STYLES.get(name, ""))


def money(amount: str | Decimal | None, currency: str | None = None) -> str:
    """Return an exact amount with thousands separators: ``1,234.50 USD``."""
    if amount is None:
        return ""
    text = f"{Decimal(amount):,f}"
    return f"{text} {currency}" if currency else text


def moment(epoch_ms: int | None) -> str:
    """Return a moment (ms since 1970) as UTC text with milliseconds."""
    if not epoch_ms:
        return ""
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def milliseconds(value: float | None) -> str:
    """Return a duration in the unit that reads best."""
    if value is None:
        return ""
    return f"{value / 1000:.2f} s" if value >= 1000 else f"{value:.0f} ms"


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the value below which ``share`` (0 to 1) of ``values`` lie; None without values."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """Return a table; columns whose name begins with ``>`` are aligned right."""
    built = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    for column in columns:
        built.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left")
    for row in rows:
        built.add_row(*(cell if isinstance(cell, Text) else str(cell) for cell in row))
    return built


def show_json(value: Any) -> None:
    """Print ``value`` as JSON for machines."""
    Console().print_json(json.dumps(value))


def share_of(page: dict[str, Any]) -> str:
    """Return how much of a listing a page of it shows."""
    bound = "" if page["totalIsExact"] else "at least "
    return f"{page['numberOfElements']} of {bound}{page['totalElements']:,}"
