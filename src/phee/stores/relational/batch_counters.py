"""Counters of batches and sub-batches, kept as transfers change.

Every transfer remembers what it has been counted as (its column ``counted``). When a fold touched
transfers, their difference to that is added to the counters, and both are written in the fold's
transaction: so the counters are the sum of the transfers at any moment, whatever was repeated or
came in another order. Rows are locked in the order of their ids.

Facts about a batch come from the process instances that name it (``batch_instances``): the first
of them that is about the whole batch, or about the sub-batch, speaks for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    Table,
    and_,
    bindparam,
    delete,
    or_,
    select,
    text,
    update,
)

from phee.stores.relational import tables
from phee.stores.relational.business_tables import (
    batch_amounts,
    batch_instances,
    batches,
    sub_batches,
)

AT_ONCE = 500
STATES = ("ongoing", "completed", "failed")
_STATE_OF = {"COMPLETED": "completed", "FAILED": "failed"}
_ZERO = Decimal(0)
WHOLE = ""
"""The sub-batch id under which the amounts of a whole batch are kept."""

Place = tuple[str, str]
"""A batch and one of its sub-batches, or WHOLE."""


class Counted(msgspec.Struct, frozen=True, array_like=True):
    """What a transfer is counted as."""

    batch_id: str
    sub_batch_id: str | None
    state: str
    currency: str
    amount: str | None

    def places(self) -> Iterator[Place]:
        """Yield where it counts: in its batch, and in its sub-batch when it has one."""
        yield self.batch_id, WHOLE
        if self.sub_batch_id:
            yield self.batch_id, self.sub_batch_id


@dataclass(slots=True)
class Tally:
    """How many transfers are in each state, and their sums; also differences of both."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    sums: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(STATES, _ZERO))

    def add(self, counted: Counted, sign: int) -> None:
        """Add (1) or take away (-1) one transfer."""
        self.counts[counted.state] += sign
        if counted.amount is not None:
            self.sums[counted.state] += sign * Decimal(counted.amount)

    def columns(self) -> dict[str, Any]:
        """Return the values of the counters' columns."""
        values: dict[str, Any] = dict(self.counts)
        values["total_transactions"] = sum(self.counts.values())
        values |= {f"{state}_amount": amount for state, amount in self.sums.items()}
        values["total_amount"] = sum(self.sums.values(), _ZERO)
        return values


Differences = dict[tuple[Place, str], Tally]
"""By place and currency ("" where a transfer has none)."""


def count_batches(
    connection: Connection, epoch: int, transfers: Collection[int], instances: Collection[int]
) -> None:
    """Bring the counters and facts of batches up to date after transfers and instances changed."""
    differences = _count_transfers(connection, epoch, transfers)
    _settle(connection, epoch, differences, _name_batches(connection, epoch, instances))


def forget_instance(connection: Connection, epoch: int, key: int) -> None:
    """Take one process instance out of the batches that it counts in, and remove its rows."""
    differences: Differences = {}
    named: set[Place] = set()
    for table in (tables.transfers, batch_instances):
        here = and_(table.c.workflow_instance_key == key, table.c.epoch == epoch)
        before = connection.execute(select(table.c.counted).where(here)).scalar()
        connection.execute(delete(table).where(here))
        if before is None:
            continue
        if table is batch_instances:
            named.update(msgspec.json.decode(before, type=list[Place]))
        else:
            counted = msgspec.json.decode(before, type=Counted)
            for place in counted.places():
                differences.setdefault((place, counted.currency), Tally()).add(counted, -1)
    _settle(connection, epoch, differences, named)


def _settle(
    connection: Connection, epoch: int, differences: Differences, named: set[Place]
) -> None:
    counted = {place for place, _ in differences}
    for place in sorted(counted | named):
        _lock_row(connection, epoch, place)
    for (place, currency), difference in sorted(differences.items(), key=lambda item: item[0]):
        _add(connection, epoch, place, currency, difference)
    for place in sorted(counted):
        _sum_up(connection, epoch, place)
    for place in sorted(named):
        _write_facts(connection, epoch, place)
    for place in sorted(counted | named):
        _remove_if_empty(connection, epoch, place)


# --- counting ---


def _count_transfers(connection: Connection, epoch: int, keys: Collection[int]) -> Differences:
    columns = tables.transfers.c
    query = (
        select(
            columns.workflow_instance_key,
            columns.batch_id,
            columns.sub_batch_id,
            columns.status,
            columns.currency,
            columns.amount,
            columns.counted,
        )
        .where(
            columns.epoch == epoch,
            columns.workflow_instance_key.in_(bindparam("keys", expanding=True)),
            columns.batch_id.is_not(None),
        )
        .with_for_update()
    )
    differences: Differences = {}
    changed: list[tuple[str, int, int]] = []
    for chunk in _chunks(keys):
        for key, batch_id, sub_batch_id, status, currency, amount, before in connection.execute(
            query, {"keys": chunk}
        ):
            now = Counted(
                batch_id,
                sub_batch_id or None,
                _STATE_OF.get(status, "ongoing"),
                currency or "",
                None if amount is None else f"{amount:f}",
            )
            encoded = msgspec.json.encode(now).decode()
            if encoded != before:
                changed.append((encoded, key, epoch))
                _differ(differences, before, now)
    _remember(connection, "transfers", changed)
    return differences


def _remember(connection: Connection, table: str, counted: Sequence[tuple[str, int, int]]) -> None:
    """Note what rows (text, key, epoch) are counted as; the rows are there, and locked."""
    if not counted:
        return
    if connection.dialect.name == "sqlite":
        sql = f"UPDATE {table} SET counted = ? WHERE workflow_instance_key = ? AND epoch = ?"  # noqa: S608
    else:  # the driver sends many rows of an INSERT at once, but not of an UPDATE
        sql = (
            f"INSERT INTO {table} (counted, workflow_instance_key, epoch) VALUES (%s, %s, %s)"  # noqa: S608
            " ON DUPLICATE KEY UPDATE counted = VALUES(counted)"
        )
    connection.exec_driver_sql(sql, list(counted))


def _differ(differences: Differences, before: str | None, now: Counted) -> None:
    steps = [(now, 1)]
    if before is not None:
        steps.append((msgspec.json.decode(before, type=Counted), -1))
    for counted, sign in steps:
        for place in counted.places():
            differences.setdefault((place, counted.currency), Tally()).add(counted, sign)


def _add(
    connection: Connection, epoch: int, place: Place, currency: str, difference: Tally
) -> None:
    """Add a difference to the amounts of one currency; amounts of nothing are not kept."""
    here = and_(_is_place(batch_amounts, epoch, place), batch_amounts.c.currency == currency)
    found = connection.execute(select(batch_amounts).where(here).with_for_update()).mappings()
    row = found.one_or_none()
    if row is None:
        if any(difference.counts.values()):
            _insert_amount(connection, epoch, place, currency, difference)
        return
    tally = _tally(row)
    for state in STATES:
        tally.counts[state] += difference.counts[state]
        tally.sums[state] += difference.sums[state]
    if any(tally.counts.values()):
        connection.execute(update(batch_amounts).where(here).values(tally.columns()))
    else:
        connection.execute(delete(batch_amounts).where(here))


def _insert_amount(
    connection: Connection, epoch: int, place: Place, currency: str, tally: Tally
) -> None:
    batch_id, sub_batch_id = place
    connection.execute(
        batch_amounts.insert().values(
            epoch=epoch,
            batch_id=batch_id,
            sub_batch_id=sub_batch_id,
            currency=currency,
            **tally.columns(),
        )
    )


def _sum_up(connection: Connection, epoch: int, place: Place) -> None:
    """Write a batch's counters; its sums only while all its money is of one currency."""
    here = _is_place(batch_amounts, epoch, place)
    rows = connection.execute(select(batch_amounts).where(here)).mappings().all()
    tally = Tally()
    with_money = [row for row in rows if row["currency"]]
    for row in rows:
        for state in STATES:
            tally.counts[state] += row[state]
    values: dict[str, Any] = {
        name: value for name, value in tally.columns().items() if not name.endswith("_amount")
    }
    names = [f"{state}_amount" for state in (*STATES, "total")]
    single = with_money[0] if len(with_money) == 1 else None
    values |= {name: single[name] if single is not None else None for name in names}
    values["currency"] = single["currency"] if single is not None else None
    table = _table(place)
    connection.execute(update(table).where(_is_place(table, epoch, place)).values(values))


def _tally(row: Any) -> Tally:
    return Tally(
        {state: row[state] for state in STATES},
        {state: row[f"{state}_amount"] for state in STATES},
    )


# --- rows and facts ---


def _name_batches(connection: Connection, epoch: int, keys: Collection[int]) -> set[Place]:
    """Return what some process instances are about, and what they were about before."""
    columns = batch_instances.c
    query = (
        select(
            columns.workflow_instance_key,
            columns.batch_id,
            columns.sub_batch_id,
            columns.sub_batch_ids,
            columns.counted,
        )
        .where(
            columns.epoch == epoch,
            columns.workflow_instance_key.in_(bindparam("keys", expanding=True)),
            columns.batch_id.is_not(None),
        )
        .with_for_update()
    )
    places: set[Place] = set()
    changed: list[tuple[str, int, int]] = []
    for chunk in _chunks(keys):
        for key, batch_id, sub_batch_id, listed, before in connection.execute(
            query, {"keys": chunk}
        ):
            now = {(batch_id, sub_batch_id or WHOLE)}
            now.update((batch_id, one) for one in _listed(listed))
            encoded = msgspec.json.encode(sorted(now)).decode()
            if encoded != before:
                changed.append((encoded, key, epoch))
                places.update(msgspec.json.decode(before or "[]", type=list[Place]))
            places |= now
    _remember(connection, "batch_instances", changed)
    return places


def _listed(ids: str | None) -> list[str]:
    return msgspec.json.decode(ids, type=list[str]) if ids else []


def _lock_row(connection: Connection, epoch: int, place: Place) -> None:
    """Make the row of a batch when there is none yet, and lock it."""
    batch_id, sub_batch_id = place
    table = _table(place)
    values: dict[str, Any] = {"epoch": epoch, "batch_id": batch_id}
    if sub_batch_id:
        values["sub_batch_id"] = sub_batch_id
    names = ", ".join(values)
    binds = ", ".join(f":{name}" for name in values)
    end = (
        f"ON CONFLICT ({names}) DO NOTHING"
        if connection.dialect.name == "sqlite"
        else "ON DUPLICATE KEY UPDATE id = id"
    )
    connection.execute(
        text(f"INSERT INTO {table.name} ({names}) VALUES ({binds}) {end}"),  # noqa: S608
        values,
    )
    here = _is_place(table, epoch, place)
    connection.execute(select(table.c.id).where(here).with_for_update())


def _write_facts(connection: Connection, epoch: int, place: Place) -> None:
    """Let the first process instance that is about the batch speak for it."""
    batch_id, sub_batch_id = place
    columns = batch_instances.c
    about = columns.sub_batch_id == sub_batch_id
    if not sub_batch_id:
        about = or_(columns.sub_batch_id.is_(None), about)
    query = (
        select(batch_instances)
        .where(columns.epoch == epoch, columns.batch_id == batch_id, about)
        .order_by(columns.workflow_instance_key)
        .limit(1)
        .with_for_update()
    )
    row = connection.execute(query).mappings().one_or_none()
    table = _table(place)
    values = {c.key: row[batch_instances.c[c.key]] if row else None for c in _facts(table)}
    values["status"] = values["status"] or "IN_PROGRESS"
    connection.execute(update(table).where(_is_place(table, epoch, place)).values(values))


def _remove_if_empty(connection: Connection, epoch: int, place: Place) -> None:
    """Remove a batch in which nothing counts any more and which nobody names."""
    table = _table(place)
    here = _is_place(table, epoch, place)
    row = connection.execute(select(table).where(here)).mappings().one()
    if row["total_transactions"] == 0 and row["workflow_instance_key"] is None:
        columns = batch_instances.c
        about = columns.epoch == epoch, columns.batch_id == place[0]
        lists = connection.execute(select(columns.sub_batch_ids).where(*about)).scalars()
        if not any(place[1] in _listed(ids) for ids in lists):
            connection.execute(delete(table).where(here))


def _facts(table: Table) -> list[Column[Any]]:
    own = {"id", "epoch", "batch_id", "sub_batch_id"}
    return [c for c in table.columns if c.key not in own and c.key in batch_instances.c]


def _table(place: Place) -> Table:
    return sub_batches if place[1] else batches


def _is_place(table: Table, epoch: int, place: Place) -> Any:
    batch_id, sub_batch_id = place
    conditions = [table.c.epoch == epoch, table.c.batch_id == batch_id]
    if "sub_batch_id" in table.c:
        conditions.append(table.c.sub_batch_id == sub_batch_id)
    return and_(*conditions)


def _chunks(keys: Collection[int]) -> Iterator[list[int]]:
    ordered = sorted(keys)
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]
