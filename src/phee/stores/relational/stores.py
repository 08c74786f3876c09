"""The relational stores of a hub, in whichever database the one line of configuration names.

``PHEE_DATABASE=sqlite`` keeps a file per tenant in the data directory; ``mysql://...`` keeps a
database per tenant on a server (see :mod:`phee.stores.mysql.address`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from phee.errors import InvalidInput
from phee.extras import require_extra
from phee.projections.relational import RelationalFold
from phee.stores.letters import DeadLetterReader
from phee.stores.operator import (
    OperatorLetters,
    SqliteOperatorLetters,
    open_operator_reader,
)
from phee.stores.paths import operator_dead_letters_path, relational_path
from phee.stores.relational.error_codes import ErrorCode, replace_error_codes
from phee.stores.relational.queries import RelationalReader, open_reader
from phee.stores.relational.store import SqliteRelationalStore
from phee.stores.writing import TenantStore

SQLITE = "sqlite"


class RelationalStores(Protocol):
    """Opens tenants' relational stores; each belongs to one tenant and can reach no other."""

    def open_store(self, tenant_id: str) -> TenantStore[RelationalFold]:
        """Return a tenant's store for its one writer, made and migrated when needed.

        Raises:
            Unavailable: the database does not answer, or cannot be made by this process.
        """

    def open_reader(self, tenant_id: str) -> RelationalReader:
        """Return a reader of a tenant's store; it connects at the first query."""

    def has_store(self, tenant_id: str) -> bool:
        """Return whether the tenant's store was made already."""

    def open_operator_letters(self, consumer: str) -> OperatorLetters:
        """Return what takes the dead letters that belong to no tenant."""

    def open_operator_reader(self) -> DeadLetterReader:
        """Return a reader of the operator's dead letters."""

    def replace_error_codes(self, tenant_id: str, codes: Sequence[ErrorCode]) -> None:
        """Let ``codes`` be all that a tenant's table of error codes holds.

        Raises:
            InvalidInput: one is malformed, or there twice; nothing was changed.
        """

    def onboard(self, tenant_id: str) -> None:
        """Make a tenant's store and bring it up to date; again changes nothing."""


class SqliteStores:
    """The stores of a data directory: one file per tenant."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def open_store(self, tenant_id: str) -> TenantStore[RelationalFold]:
        """See RelationalStores."""
        return SqliteRelationalStore(relational_path(self._data, tenant_id))

    def open_reader(self, tenant_id: str) -> RelationalReader:
        """See RelationalStores."""
        return open_reader(self._data, tenant_id)

    def has_store(self, tenant_id: str) -> bool:
        """See RelationalStores."""
        return relational_path(self._data, tenant_id).exists()

    def open_operator_letters(self, consumer: str) -> OperatorLetters:
        """See RelationalStores."""
        return SqliteOperatorLetters(operator_dead_letters_path(self._data), consumer)

    def open_operator_reader(self) -> DeadLetterReader:
        """See RelationalStores."""
        return open_operator_reader(self._data)

    def replace_error_codes(self, tenant_id: str, codes: Sequence[ErrorCode]) -> None:
        """See RelationalStores."""
        store = SqliteRelationalStore(relational_path(self._data, tenant_id))
        try:
            with store.transaction() as connection:
                replace_error_codes(connection, codes)
        finally:
            store.close()

    def onboard(self, tenant_id: str) -> None:
        """See RelationalStores."""
        self.open_store(tenant_id).close()


def relational_stores(database: str, data: Path) -> RelationalStores:
    """Return the stores that ``database`` (the value of ``PHEE_DATABASE``) names.

    Raises:
        InvalidInput: it names none, or is malformed.
        NotSupported: its driver is not installed.
    """
    if database == SQLITE:
        return SqliteStores(data)
    from phee.stores.mysql.address import is_mysql, parse_address

    if not is_mysql(database):
        raise InvalidInput(
            "there is no such relational store",
            where="PHEE_DATABASE",
            fix="Set it to sqlite, or to mysql://operator@host:3306/phee",
        )
    address = parse_address(database)
    require_extra("mysql", where="PHEE_DATABASE")
    from phee.stores.mysql.opening import MysqlStores

    return MysqlStores(address, data)
