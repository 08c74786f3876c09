"""What error codes mean: a table that operators maintain, one for each tenant."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import Connection, delete, insert, select

from phee.errors import InvalidInput
from phee.stores.relational.business_tables import error_codes

ANY_TYPE = ""
"""The transaction type of a meaning that holds for all of them."""
CODE_MAX = 64
MESSAGE_MAX = 2_000


class ErrorCode(msgspec.Struct, frozen=True, kw_only=True):
    """The meaning of one code for one type of transaction; a recoverable one may be tried again."""

    error_code: str
    error_message: str
    recoverable: bool = False
    transaction_type: str = ANY_TYPE


def read_error_codes(
    connection: Connection, codes: Collection[str] | None = None
) -> list[ErrorCode]:
    """Return the meanings of ``codes`` (None: all), by code and type."""
    columns = error_codes.c
    query = select(
        columns.error_code, columns.error_message, columns.recoverable, columns.transaction_type
    ).order_by(columns.error_code, columns.transaction_type)
    if codes is not None:
        query = query.where(columns.error_code.in_(sorted(codes)))
    return [
        ErrorCode(
            error_code=code,
            error_message=message,
            recoverable=bool(recoverable),
            transaction_type=transaction_type,
        )
        for code, message, recoverable, transaction_type in connection.execute(query)
    ]


def replace_error_codes(connection: Connection, codes: Sequence[ErrorCode]) -> None:
    """Let ``codes`` be all there is.

    Raises:
        InvalidInput: a code or message is empty or too long, or is there twice; nothing changed.
    """
    seen: set[tuple[str, str]] = set()
    for code in codes:
        _check(code)
        if (code.error_code, code.transaction_type) in seen:
            raise InvalidInput("this code is there twice for one type", where=code.error_code)
        seen.add((code.error_code, code.transaction_type))
    connection.execute(delete(error_codes))
    if codes:
        connection.execute(insert(error_codes), [msgspec.structs.asdict(code) for code in codes])


def _check(code: ErrorCode) -> None:
    for name, text, most in (
        ("error_code", code.error_code, CODE_MAX),
        ("error_message", code.error_message, MESSAGE_MAX),
    ):
        if not 1 <= len(text) <= most:
            raise InvalidInput(f"{name} must have 1 to {most} characters", where=code.error_code)
    if len(code.transaction_type) > CODE_MAX:
        raise InvalidInput(f"transaction_type has more than {CODE_MAX} characters")
