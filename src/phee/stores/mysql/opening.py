"""Opening tenants' databases, for importers (which onboard them when needed) and for readers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from phee.projections.dead_letter import DeadLetter
from phee.stores.letters import DeadLetterReader
from phee.stores.mysql.address import MysqlAddress
from phee.stores.mysql.connections import (
    ANSWER_TIMEOUT_S,
    MIGRATION_TIMEOUT_S,
    NOT_ONBOARDED,
    Connect,
    connector,
    error_code,
    reader_engine,
    snapshot_engine,
    unavailable,
    writer_engine,
)
from phee.stores.mysql.names import OPERATOR, database_name
from phee.stores.mysql.onboarding import onboard
from phee.stores.mysql.passwords import password_path, read_password
from phee.stores.mysql.store import MysqlRelationalStore
from phee.stores.operator import OperatorLetters
from phee.stores.relational.error_codes import ErrorCode, replace_error_codes
from phee.stores.relational.migrate import NEWEST, current_version
from phee.stores.relational.queries import RelationalReader


class MysqlOperatorLetters:
    """The operator's dead letters in a database of their own, opened when there is one to write."""

    def __init__(self, open_store: Callable[[], MysqlRelationalStore], consumer: str) -> None:
        self._open_store = open_store
        self._consumer = consumer
        self._store: MysqlRelationalStore | None = None

    def write(self, letters: Sequence[DeadLetter]) -> None:
        """See OperatorLetters.

        Raises:
            Unavailable: the server does not answer; nothing or all of it was written.
        """
        if self._store is None:
            self._store = self._open_store()
        self._store.write_letters(self._consumer, letters)

    def make_durable(self) -> None:
        """Nothing is left to do: the server has made every commit durable."""

    def close(self) -> None:
        """See OperatorLetters."""
        if self._store is not None:
            self._store.close()


class MysqlStores:
    """The relational stores of a hub on one server; see phee.stores.relational.stores."""

    def __init__(self, address: MysqlAddress, data: Path) -> None:
        self._address = address
        self._data = data

    def open_store(self, tenant_id: str) -> MysqlRelationalStore:
        """See RelationalStores."""
        engine = writer_engine(self._connect(tenant_id))
        try:
            if not self._is_up_to_date(engine, tenant_id):
                engine.dispose()
                self.onboard(tenant_id)
        except BaseException:
            engine.dispose()
            raise
        name = database_name(self._address.prefix, tenant_id)
        return MysqlRelationalStore(engine, self._address, name)

    def open_reader(self, tenant_id: str) -> RelationalReader:
        """See RelationalStores."""
        return RelationalReader(reader_engine(self._connect(tenant_id)))

    def snapshot_engine(self, tenant_id: str) -> Engine:
        """Return an engine whose one connection can look at a tenant's store for hours."""
        return snapshot_engine(self._connect(tenant_id, timeout_s=MIGRATION_TIMEOUT_S))

    def has_store(self, tenant_id: str) -> bool:
        """See RelationalStores."""
        return password_path(self._data, tenant_id).exists()

    def open_operator_letters(self, consumer: str) -> OperatorLetters:
        """See RelationalStores."""
        return MysqlOperatorLetters(lambda: self.open_store(OPERATOR), consumer)

    def open_operator_reader(self) -> DeadLetterReader:
        """See RelationalStores."""
        return self.open_reader(OPERATOR)

    def replace_error_codes(self, tenant_id: str, codes: Sequence[ErrorCode]) -> None:
        """See RelationalStores."""
        store = self.open_store(tenant_id)
        try:
            with store.transaction() as connection:
                replace_error_codes(connection, codes)
        finally:
            store.close()

    def onboard(self, tenant_id: str) -> None:
        """See RelationalStores."""
        onboard(self._address, self._data, tenant_id)

    def _connect(self, tenant_id: str, *, timeout_s: int = ANSWER_TIMEOUT_S) -> Connect:
        name = database_name(self._address.prefix, tenant_id)
        return connector(
            self._address,
            name,
            lambda: read_password(self._data, tenant_id),
            database=name,
            timeout_s=timeout_s,
        )

    def _is_up_to_date(self, engine: Engine, tenant_id: str) -> bool:
        if not self.has_store(tenant_id):
            return False
        try:
            with engine.begin() as connection:
                return current_version(connection) == NEWEST
        except DBAPIError as error:
            if error_code(error) in NOT_ONBOARDED:
                return False
            raise unavailable(self._address, error) from error
