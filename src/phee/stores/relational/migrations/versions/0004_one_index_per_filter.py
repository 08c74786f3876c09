"""An index for every filter and every order: the column, then the moment.

New indexes are made before those that they replace are dropped, so that no moment is without one,
and each only when it is missing: MySQL keeps what an interrupted migration has done. Making an
index blocks nobody who reads; on MySQL and MariaDB nobody who writes either.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TRANSFERS = (
    "completed_at", "transaction_id", "clientcorrelationid", "batch_id", "currency", "amount",
    "payer_party_id_type", "payee_party_id_type",
)  # fmt: skip
"""Those that were filtered by without an order."""
_NEW: tuple[tuple[str, tuple[str, ...]], ...] = (
    *(("transfers", (name, "started_at")) for name in _TRANSFERS),
    ("process_instances", ("ended_at", "started_at")),
    ("process_instances", ("parent_process_instance_key", "started_at")),
    ("incidents", ("resolved_at", "created_at")),
    ("incidents", ("error_type", "created_at")),
    ("incidents", ("bpmn_process_id", "created_at")),
)
_OLD: tuple[tuple[str, tuple[str, ...]], ...] = (
    *(("transfers", (name,)) for name in _TRANSFERS if name != "currency"),
    ("transfers", ("currency", "amount")),
    ("process_instances", ("parent_process_instance_key",)),
    ("process_instances", ("process_definition_key",)),
    ("incidents", ("error_type",)),
    ("incidents", ("bpmn_process_id",)),
)


def upgrade() -> None:
    """Make the new indexes, drop the old ones."""
    for table, columns in _NEW:
        name = _name(table, columns)
        if name not in _present(table):
            op.create_index(name, table, list(columns))
    for table, columns in _OLD:
        name = _name(table, columns)
        if name in _present(table):
            op.drop_index(name, table_name=table)


def _name(table: str, columns: tuple[str, ...]) -> str:
    return "_".join(("ix", table, *columns))


def _present(table: str) -> set[str]:
    return {str(index["name"]) for index in sa.inspect(op.get_bind()).get_indexes(table)}
