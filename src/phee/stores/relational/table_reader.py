"""Rows of a relational store as structs: a page of a listing, or all that meet a condition.

The fields of a struct name the columns that are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Engine, Table, select
from sqlalchemy.exc import DBAPIError

from phee.stores.listing import Found, Listing, Part
from phee.stores.order import cursor_place, cursor_text
from phee.stores.relational.filters import check_page
from phee.stores.relational.models import Page
from phee.stores.relational.ways import order
from phee.stores.taking import Asked

Row = TypeVar("Row", bound=msgspec.Struct)
MYSQL_NO_INDEX = 1176


class Shown(NamedTuple):
    """Which page of a listing, in which order."""

    page: int
    size: int
    cursor: str
    sorted_by: str
    sorted_order: str


class TableReader:
    """Reads the tables of one store; every call is one consistent snapshot."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def page(
        self, listing: Listing, row: type[Row], parts: Sequence[Part], shown: Shown
    ) -> Page[Row]:
        """Return one page of the rows of ``parts`` and the number of all.

        Raises:
            InvalidInput: an order, page or cursor that does not exist.
        """
        check_page(shown.page, shown.size, shown.cursor)
        ordering = order(listing, shown.sorted_by, shown.sorted_order, parts)
        name = f"{listing.table.name} {shown.sorted_by} {shown.sorted_order}"
        asked = Asked(
            order=ordering,
            place=cursor_place(shown.cursor, name, ordering) if shown.cursor else None,
            offset=shown.page * shown.size,
            size=shown.size,
        )
        fields = row.__struct_fields__
        columns = [listing.table.c[name].label(name) for name in fields]
        found = self._found(listing, columns, parts, asked)
        rows = [row(**dict(zip(fields, values, strict=False))) for values in found.rows]
        cursor = "" if found.end is None else cursor_text(name, found.end)
        return Page(found.total, rows, found.is_exact, cursor)

    def _found(
        self, listing: Listing, columns: Sequence[Any], parts: Sequence[Part], asked: Asked
    ) -> Found:
        try:
            with self._engine.begin() as connection:
                return listing.page(connection, columns, parts, asked)
        except DBAPIError as error:
            if not asked.names_indexes or not _lacks_index(error):
                raise
        return self._found(listing, columns, parts, replace(asked, names_indexes=False))

    def rows(
        self,
        table: Table,
        row: type[Row],
        conditions: Sequence[ColumnElement[bool]],
        order_by: Sequence[ColumnElement[Any]],
        *,
        limit: int | None = None,
        without: tuple[str, ...] = (),
    ) -> list[Row]:
        """Return rows that meet the conditions, but for the columns ``without``."""
        wanted = (name for name in row.__struct_fields__ if name not in without)
        query = select(*(table.c[name].label(name) for name in wanted))
        query = query.where(*conditions).order_by(*order_by).limit(limit)
        with self._engine.connect() as connection:
            return [row(**values) for values in connection.execute(query).mappings()]


def _lacks_index(error: DBAPIError) -> bool:
    """Return whether an index is missing: the importer has yet to make it."""
    code = next(iter(error.orig.args), None) if error.orig is not None else None
    return code == MYSQL_NO_INDEX or str(error.orig).startswith("no such index")
