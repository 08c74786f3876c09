"""Column types that mean the same in every database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import CHAR, BigInteger, Dialect, Integer, Numeric, TypeDecorator
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from phee.stores.money import MINOR_DIGITS, WHOLE_DIGITS, WIDTH, money_decimal, money_text, trimmed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

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
        if value is None or dialect.name != "sqlite":
            return value
        return money_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Database to Python."""
        if value is None:
            return None
        return money_decimal(value) if dialect.name == "sqlite" else trimmed(value)


class Timestamp(TypeDecorator[int]):
    """A moment as ms since 1970 UTC: an integer on SQLite, DATETIME(6) in UTC on MySQL."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type for ``dialect``."""
        if dialect.name in {"mysql", "mariadb"}:
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:
        """Python to database."""
        if value is None or dialect.name == "sqlite":
            return value
        return (_EPOCH + timedelta(milliseconds=value)).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Database to Python."""
        if isinstance(value, datetime):
            return (value.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
        return None if value is None else int(value)
