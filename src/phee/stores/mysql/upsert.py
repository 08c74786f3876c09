"""Row changes as SQL for MySQL and MariaDB, with the meaning that phee.stores.upsert gives them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Table

from phee.projections.rows import Target


def write_sql(target: Target, table: Table, columns: list[Column[Any]]) -> str:
    """Return the statement of one target; the driver sends many rows with it at once.

    The server assigns from left to right, so the position, which all others ask, comes last.
    """
    keys = {"epoch", *target.key}
    names = [f"`{column.name}`" for column in columns]
    updates = [
        _update(column, target.position, larger=column.key in target.largest_wins)
        for column in columns
        if column.key not in keys and column.key != target.position
    ]
    position = f"`{target.position}`"
    updates.append(f"{position} = GREATEST({position}, VALUES({position}))")
    return (
        f"INSERT INTO `{table.name}` ({', '.join(names)})"  # noqa: S608 - names of our own tables
        f" VALUES ({', '.join(['%s'] * len(names))})"
        f" ON DUPLICATE KEY UPDATE {', '.join(updates)}"
    )


def _update(column: Column[Any], position: str, *, larger: bool) -> str:
    stored, new = f"`{column.name}`", f"VALUES(`{column.name}`)"
    if larger:
        return f"{stored} = GREATEST(COALESCE({new}, {stored}), COALESCE({stored}, {new}))"
    newer, older = new, stored
    if column.nullable:
        newer, older = f"COALESCE({new}, {stored})", f"COALESCE({stored}, {new})"
    return f"{stored} = IF(VALUES(`{position}`) > `{position}`, {newer}, {older})"
