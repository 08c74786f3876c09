"""Column types that mean the same in every database."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import CHAR, BigInteger, Dialect, Integer, Numeric, String, TypeDecorator
from sqlalchemy.types import TypeEngine

from phee.projections.money import MINOR_DIGITS, WHOLE_DIGITS
from phee.stores.money import WIDTH, money_decimal, money_text, trimmed

SUM_DIGITS = 28
"""Digits of a sum: a million of the largest amounts fit, and any decimal context keeps them."""

RowId = BigInteger().with_variant(Integer(), "sqlite")
"""A generated row number; SQLite numbers rows by itself only in an INTEGER column."""


class Money(TypeDecorator[Decimal]):
    """An exact amount: DECIMAL, and on SQLite text of fixed width (see phee.stores.money)."""

    impl = Numeric(WHOLE_DIGITS + MINOR_DIGITS, MINOR_DIGITS)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type for ``dialect``."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(CHAR(WIDTH))
        return dialect.type_descriptor(Numeric(WHOLE_DIGITS + MINOR_DIGITS, MINOR_DIGITS))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Python to database."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return money_text(value)
        # A decimal with an exponent would be written as a float.
        return Decimal(f"{value:f}")

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Database to Python."""
        if value is None:
            return None
        return money_decimal(value) if dialect.name == "sqlite" else trimmed(value)


class MoneySum(TypeDecorator[Decimal]):
    """An exact sum of many amounts: DECIMAL, and on SQLite plain decimal text.

    It is only ever shown, so its text need not sort like a number.
    """

    impl = Numeric(SUM_DIGITS, MINOR_DIGITS)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type for ``dialect``."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(SUM_DIGITS + 2))
        return dialect.type_descriptor(Numeric(SUM_DIGITS, MINOR_DIGITS))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Python to database."""
        del dialect
        return None if value is None else f"{value:f}"

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Database to Python."""
        del dialect
        return None if value is None else trimmed(Decimal(value))


class Timestamp(TypeDecorator[int]):
    """A moment as ms since 1970 UTC, an integer in every database."""

    impl = BigInteger
    cache_ok = True
