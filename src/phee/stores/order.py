"""The total order of a listing, places in it, and what lies beyond a place.

A place is the values of the order's columns in one row. What lies beyond it is asked for in
stretches, one after the other: each is an equality and a range of one index, which every database
walks in order from exactly there, where the same condition written with OR is a scan.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Column, ColumnElement, String, and_, or_

from phee.errors import InvalidInput
from phee.stores.money import money_decimal, money_text
from phee.stores.relational.types import Money

Place = tuple[Any, ...]
Conditions = tuple[ColumnElement[bool], ...]
_INTEGER_MAX = (1 << 63) - 1


class Stretch(NamedTuple):
    """Rows that follow each other in an index; the first ``fixed`` columns are the same in all."""

    conditions: Conditions
    fixed: int


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """Columns that together order every row; NULL comes before any value.

    Attributes:
        columns: the last is unique.
        descending: of all columns.
    """

    columns: tuple[ColumnElement[Any], ...]
    descending: bool

    def clauses(self, stretch: Stretch | None = None) -> list[ColumnElement[Any]]:
        """Return what comes after ORDER BY (in a stretch: what is not the same in all its rows)."""
        columns = self.columns[stretch.fixed :] if stretch else self.columns
        return [c.desc() if self.descending else c.asc() for c in columns]

    def beyond(self, place: Place | None) -> list[Stretch]:
        """Return the stretches beyond ``place`` in the order in which they follow each other."""
        return [Stretch((), 0)] if place is None else self._beyond(place, 0)

    def anywhere_beyond(self, place: Place | None) -> Conditions:
        """Return one condition for all of them, for rows that are few."""
        if place is None:
            return ()
        return (or_(*(and_(*stretch.conditions) for stretch in self.beyond(place))),)

    def key(self, place: Place) -> tuple[Any, ...]:
        """Return what sorts places in Python as the database does in ascending order."""
        return tuple((value is not None, value) for value in place)

    def _beyond(self, place: Place, level: int) -> list[Stretch]:
        column, value = self.columns[level], place[level]
        stretches: list[Stretch] = []
        if level + 1 < len(self.columns):
            same = column.is_(None) if value is None else column == value
            further = self._beyond(place, level + 1)
            stretches += [Stretch((same, *each.conditions), each.fixed) for each in further]
        if value is not None:
            beyond = column < value if self.descending else column > value
            stretches.append(Stretch((beyond,), level))
        if isinstance(column, Column) and column.nullable:
            if self.descending and value is not None:
                stretches.append(Stretch((column.is_(None),), level + 1))
            elif not self.descending and value is None:
                stretches.append(Stretch((column.is_not(None),), level))
        return stretches


def cursor_text(name: str, place: Place) -> str:
    """Return ``place`` of the order called ``name`` as a cursor: opaque to callers."""
    content = msgspec.msgpack.encode((name, [_plain(value) for value in place]))
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def cursor_place(cursor: str, name: str, order: Order) -> Place:
    """Return the place in ``order`` (called ``name``) that a cursor names.

    Raises:
        InvalidInput: it is not a cursor of ours, or one of another listing, order or filter.
    """
    try:
        content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        of, values = msgspec.msgpack.decode(content, type=tuple[str, list[str | int | None]])
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise _refused("is not one of ours") from None
    if of != name or len(values) != len(order.columns):
        raise _refused("belongs to another listing, order or filter")
    try:
        return tuple(map(_typed, order.columns, values))
    except (ValueError, ArithmeticError, InvalidInput):
        raise _refused("is not one of ours") from None


def _plain(value: Any) -> Any:
    return f"{value:f}" if isinstance(value, Decimal) else value


def _typed(column: ColumnElement[Any], value: str | int | None) -> Any:
    if value is None:
        return None
    is_text = isinstance(value, str)
    if isinstance(column.type, Money):
        return money_decimal(money_text(Decimal(value)))
    if is_text != isinstance(column.type, String):
        raise ValueError
    if not is_text and abs(int(value)) > _INTEGER_MAX:
        raise ValueError
    return value


def _refused(why: str) -> InvalidInput:
    return InvalidInput(
        f"the cursor {why}",
        where="cursor",
        fix="Send nextCursor as it was given, with the same filters and order",
    )
