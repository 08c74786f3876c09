"""Write docs/data-model.md and docs/data-model.svg from the tables that the code describes.

Run ``make data-model``; a test fails while the files are not up to date.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from phee.stores.relational import tables
from phee.stores.relational.meanings import AREAS, TABLES, meaning, relations
from phee.stores.relational.types import Money, MoneySum, Timestamp

DOCS = Path(__file__).parents[1] / "docs"
MARKDOWN = DOCS / "data-model.md"
PICTURE = DOCS / "data-model.svg"

# --- words ---


def kind(column: Column[object]) -> str:
    """Return a column's type as people say it."""
    kinds: list[tuple[type, str]] = [
        (Money, "money"),
        (MoneySum, "money"),
        (Timestamp, "moment"),
        (Text, "text"),
        (SmallInteger, "small"),
        (BigInteger, "key"),
        (Integer, "number"),
    ]
    if isinstance(column.type, BigInteger) and not column.name.endswith("_key"):
        return "number"
    for column_type, word in kinds:
        if isinstance(column.type, column_type):
            return word
    assert isinstance(column.type, String)
    return f"text({column.type.length})"


def unique(table: Table) -> list[str]:
    """Return the columns of a table's business key."""
    found = [c for c in table.constraints if isinstance(c, UniqueConstraint)]
    return [c.name for c in (found[0] if found else table.primary_key).columns]


# --- the page ---


def markdown() -> str:
    """Return the whole page."""
    parts = [_INTRODUCTION, "```mermaid\n", mermaid(), "```\n", _mended()]
    for area in AREAS:
        parts.append(f"\n## {area.title}\n")
        for name in area.tables:
            parts.append(_table(tables.metadata.tables[name]))
    return "".join(parts)


def _mended() -> str:
    rows = "".join(f"| {upstream} | {here} |\n" for upstream, here in _MENDED)
    return f"\n## What is other than upstream\n\n| Upstream | Here |\n|---|---|\n{rows}"


def mermaid() -> str:
    """Return the diagram as mermaid draws it: what identifies rows, and what belongs together."""
    lines = ["erDiagram\n"]
    for area in AREAS:
        for name in area.tables:
            table = tables.metadata.tables[name]
            key = unique(table)
            lines.append(f"    {name} {{\n")
            for column in table.columns:
                if column.name in key:
                    lines.append(f"        {kind(column).split('(')[0]} {column.name} UK\n")
            lines.append("    }\n")
    for relation in relations():
        lines.append(f"    {relation.of} ||--o{{ {relation.table} : {relation.column}\n")
    return "".join(lines)


def _table(table: Table) -> str:
    rows = "".join(
        f"| `{column.name}` | {kind(column)} | {meaning(table.name, column.key)} |\n"
        for column in table.columns
    )
    indexes = sorted(", ".join(c.name for c in index.columns) for index in table.indexes)
    listed = "; ".join(f"`{index}`" for index in indexes) or "none but the key"
    return (
        f"\n### {table.name}\n\n{TABLES[table.name]}\n"
        f"Unique: `{', '.join(unique(table))}`. Indexes: {listed}.\n\n"
        f"| Column | Type | Meaning |\n|---|---|---|\n{rows}"
    )


_INTRODUCTION = """# The data model of a tenant

Made by `make data-model` from the tables that the code describes; do not edit it by hand.

Every tenant has a database of its own (a file on SQLite, a schema with its own account on MySQL
and MariaDB), with exactly these tables. Names are upstream's wherever it has the table, so that
existing reports keep working.

- **moment** is milliseconds since 1970 UTC, exact to the millisecond that the engine recorded.
- **money** is an exact decimal with up to 4 digits after the point; its currency stands beside it.
- **key** is a 64-bit whole number. Keys are only unique within an `epoch`.
- Text is Unicode (utf8mb4, compared character by character).

![The tables and what belongs together](data-model.svg)

Lines say which rows belong together. They are no foreign keys: rows come in the order of the
stream, and may come in another one.

"""

_MENDED = (
    (
        "amounts are `decimal(38,0)` or whole numbers, so fractions are rounded away",
        "exact decimals with 4 digits after the point, sums included",
    ),
    (
        "text is latin1",
        "Unicode",
    ),
    (
        "times have whole seconds",
        "milliseconds, as the engine recorded them",
    ),
    (
        "no business key is unique; repeated records make rows twice",
        "every row is unique by its key, and by `epoch`",
    ),
    (
        "records change rows in the order they happen to arrive",
        "a row remembers the `position` it is at; older records change nothing",
    ),
    (
        "a rebuilt engine's reused keys merge into old rows",
        "`epoch` is part of every key",
    ),
    (
        "nothing that the API filters by has an index",
        "every filter has one",
    ),
    (
        "counters of a batch are worked out anew at each read, and written back by it",
        "they change with the transfers, in the same transaction",
    ),
    (
        "a batch and its parts share a table and are told apart by NULL",
        "`batches` and `sub_batches`, each unique by its ids",
    ),
    (
        "amounts of several currencies are added up",
        "`batch_amounts` has a row for each; `batches` shows sums of one currency only",
    ),
    (
        "a request reads ACCEPTED as soon as its first step is done",
        "only the end of its flow says so",
    ),
    (
        "an incident of a payment is dropped, a resolved one still counts",
        "EXCEPTION while one is open",
    ),
    (
        'only the name of an end event with "Failed" in its id fails',
        "ends are mapped; `phee mapping check` finds those that read wrong",
    ),
    (
        "outbound messages are never written",
        "they are",
    ),
    (
        "variables have one scope and no past",
        "scope, position, and every value that was replaced",
    ),
    (
        "jobs are appended at each repetition",
        "one row each",
    ),
    (
        "a call activity's payment is not linked",
        "parent and root keys",
    ),
)
"""What upstream has, and what is here instead."""

# --- the picture ---

BOX_WIDTH, ROW, HEAD, GAP, MARGIN, FONT = 250, 15, 24, 26, 30, 11
COLOURS = ("#2f6f4f", "#2b5f8f", "#8a5a1f", "#6a4a8f", "#5f6368")
COLUMNS = (
    ("transfers", "error_codes"),
    ("transaction_requests", "batch_amounts", "watermarks"),
    ("batches", "sub_batches"),
    ("batch_instances", "outbound_messages"),
    ("process_instances", "flow_node_instances", "variables", "variable_history", "timers"),
    ("tasks", "incidents", "messages", "message_subscriptions", "message_correlations"),
    (
        "process_definitions",
        "decision_definitions",
        "decision_requirements",
        "decision_evaluations",
        "dead_letters",
        "dead_letter_decisions",
    ),
)


def picture() -> str:
    """Return the diagram as SVG; every table is a box with all its columns."""
    places, width, height = _places()
    colours = {
        name: colour for area, colour in zip(AREAS, COLOURS, strict=True) for name in area.tables
    }
    body = [_line(places, relation.table, relation.column, relation.of) for relation in relations()]
    body += [_box(name, *places[name], colours[name]) for name in places]
    body += _legend()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" font-family="sans-serif" font-size="{FONT}">\n'
        "<title>Tables of a tenant's relational store</title>\n"
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n' + "".join(body) + "</svg>\n"
    )


def _places() -> tuple[dict[str, tuple[int, int]], int, int]:
    places: dict[str, tuple[int, int]] = {}
    lowest = 0
    for index, column in enumerate(COLUMNS):
        y = MARGIN + 30
        for name in column:
            places[name] = (MARGIN + index * (BOX_WIDTH + 70), y)
            y += _height(name) + GAP
        lowest = max(lowest, y)
    assert set(places) == set(tables.metadata.tables), "every table has its place"
    return places, MARGIN * 2 + len(COLUMNS) * (BOX_WIDTH + 70) - 70, lowest


def _height(name: str) -> int:
    return HEAD + ROW * len(tables.metadata.tables[name].columns) + 8


def _box(name: str, x: int, y: int, colour: str) -> str:
    table = tables.metadata.tables[name]
    key = unique(table)
    border = f'rx="4" fill="#ffffff" stroke="{colour}"'
    lines = [
        f'<rect x="{x}" y="{y}" width="{BOX_WIDTH}" height="{_height(name)}" {border}/>\n',
        f'<rect x="{x}" y="{y}" width="{BOX_WIDTH}" height="{HEAD}" rx="4" fill="{colour}"/>\n',
        f'<text x="{x + 8}" y="{y + 16}" fill="#ffffff" font-weight="bold">{escape(name)}</text>\n',
    ]
    for number, column in enumerate(table.columns):
        row = y + HEAD + ROW * number + 13
        weight = ' font-weight="bold"' if column.name in key else ""
        lines.append(f'<text x="{x + 8}" y="{row}"{weight}>{escape(column.name)}</text>\n')
        lines.append(
            f'<text x="{x + BOX_WIDTH - 8}" y="{row}" fill="#5f6368" text-anchor="end">'
            f"{kind(column)}</text>\n"
        )
    return "".join(lines)


def _line(places: dict[str, tuple[int, int]], table: str, column: str, of: str) -> str:
    x, y = places[table]
    number = [c.key for c in tables.metadata.tables[table].columns].index(column)
    start = y + HEAD + ROW * number + 9
    to_x, to_y = places[of]
    end = to_y + HEAD // 2
    if table == of or x == to_x:
        side = x + BOX_WIDTH
        bend = side + 34
        path = f"M{side},{start} C{bend},{start} {bend},{end} {side},{end}"
    else:
        left = x > to_x
        begin, finish = (x, to_x + BOX_WIDTH) if left else (x + BOX_WIDTH, to_x)
        pull = -45 if left else 45
        path = f"M{begin},{start} C{begin + pull},{start} {finish - pull},{end} {finish},{end}"
    return f'<path d="{path}" fill="none" stroke="#9aa0a6" stroke-opacity="0.9"/>\n'


def _legend() -> list[str]:
    parts = []
    for number, (area, colour) in enumerate(zip(AREAS, COLOURS, strict=True)):
        x = MARGIN + number * 200
        parts.append(f'<rect x="{x}" y="16" width="12" height="12" fill="{colour}"/>\n')
        parts.append(f'<text x="{x + 18}" y="26">{escape(area.title)}</text>\n')
    x = MARGIN + len(AREAS) * 200
    parts.append(f'<text x="{x}" y="26" font-weight="bold">bold: identifies a row</text>\n')
    return parts


def main() -> None:
    """Write both files."""
    MARKDOWN.write_text(markdown())
    PICTURE.write_text(picture())


if __name__ == "__main__":
    main()
