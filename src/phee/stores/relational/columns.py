"""How tables of a relational store are declared: kinds of columns, and the metadata."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, MetaData, String, Table, Text, text
from sqlalchemy.dialects import mysql

from phee.stores.relational.types import RowId, Timestamp

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
LongText = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


def name(column: str, length: int = 255, *, nullable: bool = True, key: str = "") -> Column[str]:
    """Return a column of short text."""
    return Column(column, String(length), nullable=nullable, key=key or column)


def key(column: str, *, nullable: bool = True) -> Column[int]:
    """Return a column with an engine's key."""
    return Column(column, BigInteger, nullable=nullable)


def position(column: str = "position") -> Column[int]:
    """Return a column with the position of the newest record applied."""
    return Column(column, BigInteger, nullable=False, server_default=text("-1"))


def row_id() -> Column[int]:
    """Return the column that numbers rows."""
    return Column("id", RowId, primary_key=True)


def moment(column: str, *, key: str = "", nullable: bool = True) -> Column[int]:
    """Return a column with a time."""
    return Column(column, Timestamp, key=key or column, nullable=nullable)


def indexed(table: Table, *groups: tuple[str, ...]) -> Table:
    """Give a table one index for each group of columns."""
    for group in groups:
        Index(None, *(table.c[column] for column in group))
    return table
