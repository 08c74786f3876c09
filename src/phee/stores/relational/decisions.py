"""What people decided and maintain, taken along when a store is rebuilt.

The stream does not know of it, so it is copied from the old tables. Copying again changes nothing.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select, update

from phee.stores.relational.business_tables import error_codes
from phee.stores.relational.error_codes import read_error_codes, replace_error_codes
from phee.stores.relational.tables import dead_letter_decisions, dead_letters

_LETTER_KEY = ("consumer", "epoch", "partition_id", "position", "reason_code")


def carry_over(before: Connection, after: Connection) -> int:
    """Copy what people wrote and ``after`` has not; return how many decisions that were."""
    _carry_error_codes(before, after)
    if not before.dialect.has_table(before, dead_letter_decisions.name):
        return 0
    settled = select(dead_letters).where(dead_letters.c.state != "OPEN")
    for row in before.execute(settled).mappings().all():
        same = [dead_letters.c[name] == row[name] for name in _LETTER_KEY]
        after.execute(update(dead_letters).where(*same).values(state=row["state"]))
    known = {_identity(row) for row in after.execute(select(dead_letter_decisions)).mappings()}
    new = [
        {name: value for name, value in row.items() if name != "id"}
        for row in before.execute(select(dead_letter_decisions)).mappings()
        if _identity(row) not in known
    ]
    if new:
        after.execute(dead_letter_decisions.insert(), new)
    return len(new)


def _carry_error_codes(before: Connection, after: Connection) -> None:
    """A search store has no error codes, nor has a store of an earlier version."""
    if all(store.dialect.has_table(store, error_codes.name) for store in (before, after)):
        replace_error_codes(after, read_error_codes(before))


def _identity(row: Any) -> tuple[Any, ...]:
    return tuple(row[name] for name in (*_LETTER_KEY, "action", "decided_at"))
