"""Counts, exact sums and exact percentiles over the documents of a SQLite search store.

Every answer comes from one statement over one state of the file. Sums add groups of digits (see
:mod:`phee.stores.money`), a percentile is the value of the nearest rank: nothing is estimated.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    and_,
    func,
    literal_column,
    null,
    or_,
    select,
)

from phee.stores.money import money_decimal, money_sum, sum_columns
from phee.stores.search import checks
from phee.stores.search.query import (
    Amount,
    Bucket,
    Histogram,
    Percentile,
    PercentileGroup,
    Percentiles,
    Term,
    Terms,
    TimeBucket,
)
from phee.stores.search.tables import documents

Conditions = Sequence[ColumnElement[bool]]
_SUMS: list[Any] = [literal_column(part) for part in sum_columns("documents.amount")]
_PERCENT_PARTS = 10**checks.PERCENT_DIGITS


def histogram(engine: Engine, conditions: Conditions, *, interval_ms: int, by: str) -> Histogram:
    """See SearchStore. Documents without a start are left out."""
    checks.check_histogram(interval_ms, by)
    # Whole-number division: what SQLAlchemy writes for // would round through a float.
    start: Any = literal_column(f"documents.started_at / {interval_ms:d} * {interval_ms:d}")
    group = (start, documents.c[by].label("value"), documents.c.currency)
    statement: Select[Any] = (
        select(*group, func.count(), *_SUMS)
        .where(*conditions, documents.c.started_at.is_not(None))
        .group_by(*group)
        .order_by(*group)
        .limit(checks.BUCKETS_MAX + 1)
    )
    with engine.connect() as connection:
        rows = connection.execute(statement).all()
    if len(rows) > checks.BUCKETS_MAX:
        raise checks.too_many_buckets()
    buckets = []
    for moment, group_rows in groupby(rows, key=lambda row: row[0]):
        parts = [
            Bucket(value=value, currency=currency, count=count, amount=money_sum(*sums))
            for _, value, currency, count, *sums in group_rows
        ]
        total = sum(part.count for part in parts)
        buckets.append(TimeBucket(start=moment, count=total, parts=parts))
    return Histogram(interval_ms=interval_ms, buckets=buckets)


def top_terms(
    engine: Engine, conditions: Conditions, *, field: str, size: int, by: str | None
) -> Terms:
    """See SearchStore."""
    checks.check_terms(field, size, by)
    column = documents.c[field]
    given = [*conditions, column.is_not(None)]
    counted = (
        select(column, func.count(), func.sum(func.count()).over())
        .where(*given)
        .group_by(column)
        .order_by(func.count().desc(), column)
        .limit(size)
    )
    with engine.begin() as connection:  # one state of the file for all statements
        rows = connection.execute(counted).all()
        values = [row[0] for row in rows]
        amounts = _amounts(connection, [*given, column.in_(values)], column)
        parts = _parts(connection, [*given, column.in_(values)], column, by) if by else {}
    terms = [
        Term(value=value, count=count, amounts=amounts[value], parts=_of(value, parts, by))
        for value, count, _ in rows
    ]
    total = rows[0][2] if rows else 0
    return Terms(terms=terms, other_count=total - sum(term.count for term in terms))


def _of(value: str, parts: dict[str, Terms], by: str | None) -> Terms | None:
    return parts.get(value, Terms(terms=[], other_count=0)) if by else None


def _amounts(
    connection: Connection, conditions: Conditions, column: ColumnElement[Any]
) -> dict[str, list[Amount]]:
    group = (column, documents.c.currency)
    statement: Select[Any] = (
        select(*group, func.count(), *_SUMS).where(*conditions).group_by(*group).order_by(*group)
    )
    found: dict[str, list[Amount]] = {}
    for value, currency, count, *sums in connection.execute(statement):
        amount = Amount(currency=currency, count=count, amount=money_sum(*sums))
        found.setdefault(value, []).append(amount)
    return found


def _parts(
    connection: Connection, conditions: Conditions, column: ColumnElement[Any], by: str
) -> dict[str, Terms]:
    """Return the most frequent values of ``by`` inside of each value of ``column``."""
    inner = documents.c[by]
    sums = [part.label(f"sum_{number}") for number, part in enumerate(_SUMS)]
    groups = (
        select(column.label("outer"), inner.label("inner"), documents.c.currency.label("currency"),
               func.count().label("count"), *sums)
        .where(*conditions, inner.is_not(None))
        .group_by(column, inner, documents.c.currency)
        .cte("groups")
    )  # fmt: skip
    count = func.sum(groups.c.count)
    outer = groups.c.outer
    order = (count.desc(), groups.c.inner)
    ranked = (
        select(
            groups.c.outer,
            groups.c.inner,
            func.row_number().over(partition_by=outer, order_by=order).label("r"),
            func.sum(count).over(partition_by=outer).label("total"),
        )
        .group_by(groups.c.outer, groups.c.inner)
        .cte("ranked")
    )
    both = and_(groups.c.outer == ranked.c.outer, groups.c.inner == ranked.c.inner)
    statement = (
        select(groups, ranked.c.total)
        .join(ranked, both)
        .where(ranked.c.r <= checks.PARTS_MAX)
        .order_by(ranked.c.outer, ranked.c.r, groups.c.currency)
    )
    rows = connection.execute(statement).all()
    return {value: _terms(list(group)) for value, group in groupby(rows, key=lambda row: row[0])}


def _terms(rows: Sequence[Any]) -> Terms:
    terms = []
    for value, group in groupby(rows, key=lambda row: row[1]):
        amounts = [
            Amount(currency=currency, count=count, amount=money_sum(*sums))
            for _, _, currency, count, *sums, _ in group
        ]
        count = sum(amount.count for amount in amounts)
        terms.append(Term(value=value, count=count, amounts=amounts))
    return Terms(terms=terms, other_count=rows[0][-1] - sum(term.count for term in terms))


_VALUES: dict[str, Any] = {
    "amount": literal_column("documents.amount"),
    "duration_ms": literal_column("documents.completed_at - documents.started_at"),
}


def percentiles(
    engine: Engine,
    conditions: Conditions,
    *,
    field: str,
    percents: Sequence[Decimal],
    by: str | None,
) -> Percentiles:
    """See SearchStore."""
    checks.check_percentiles(field, percents, by)
    group: dict[str, Any] = {
        "value": documents.c[by] if by else null(),
        "currency": documents.c.currency if field == "amount" else null(),
    }
    columns = [column.label(name) for name, column in group.items()]
    together = list(group.values())
    measured = _VALUES[field]
    ranked = (
        select(
            *columns,
            measured.label("measured"),
            func.row_number().over(partition_by=together, order_by=measured).label("r"),
            func.count().over(partition_by=together).label("n"),
        )
        .select_from(documents)
        .where(*conditions, measured.is_not(None))
        .cte("ranked")
    )
    of_percent = [(percent, _rank(ranked.c.n, percent)) for percent in percents]
    statement = (
        select(ranked)
        .where(or_(*(ranked.c.r == rank for _, rank in of_percent)))
        .order_by(ranked.c.value, ranked.c.currency, ranked.c.r)
        .limit(checks.GROUPS_MAX * len(percents) + 1)
    )
    with engine.connect() as connection:
        rows = connection.execute(statement).all()
    groups = [
        _group(value, currency, list(found), percents)
        for (value, currency), found in groupby(rows, key=lambda row: (row[0], row[1]))
    ]
    if len(groups) > checks.GROUPS_MAX:
        raise checks.too_many_groups()
    return Percentiles(is_exact=True, groups=groups)


def _group(
    value: str | None, currency: str | None, rows: Sequence[Any], percents: Sequence[Decimal]
) -> PercentileGroup:
    count = rows[0].n
    by_rank = {row.r: row.measured for row in rows}
    found = [
        Percentile(percent=percent, value=_decimal(by_rank[_rank(count, percent)]))
        for percent in percents
    ]
    return PercentileGroup(value=value, currency=currency, count=count, percentiles=found)


def _rank(count: Any, percent: Decimal) -> Any:
    """Return the nearest rank: ``percent`` of ``count``, rounded up; a number or an SQL term."""
    parts = int(percent * _PERCENT_PARTS)
    if isinstance(count, int):
        return (count * parts + 100 * _PERCENT_PARTS - 1) // (100 * _PERCENT_PARTS)
    whole = 100 * _PERCENT_PARTS
    return literal_column(f"(n * {parts:d} + {whole - 1:d}) / {whole:d}")


def _decimal(measured: str | int) -> Decimal:
    return money_decimal(measured) if isinstance(measured, str) else Decimal(measured)
