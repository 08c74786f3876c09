"""Counts, exact sums and estimated percentiles that a search server works out.

A server counts the most frequent values shard by shard, so it may choose a value too few
(``count_error_max`` says how far off it can be); the chosen ones are then counted again, all shards
of them, so that counts and sums of what is listed are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

import msgspec

from phee.errors import InvariantBroken
from phee.projections.money import MINOR_DIGITS
from phee.stores.money import trimmed
from phee.stores.search import checks
from phee.stores.search.opensearch.requests import condition
from phee.stores.search.query import (
    Amount,
    Bucket,
    Histogram,
    Percentile,
    PercentileGroup,
    Percentiles,
    SearchQuery,
    Term,
    Terms,
    TimeBucket,
)

Ask = Callable[[dict[str, Any], type[Any]], Any]
"""Sends a request and returns the aggregation named ``found`` of the answer; never a part of it."""

_AT_ONCE = 1_000
_SHARD_SIZE = 2_000
"""Values that each shard names at least, so that the choice is hardly ever off."""
_CURRENCIES_MAX = 300
_COMPRESSION = 500
"""Of the t-digest: far more centroids than the default, for small errors at the ends."""
_EXACT_BELOW = 1 << 53
"""Whole numbers below it are exact in the server's floating-point sums."""
_GROUPS = ("e12", "e6", "e0", "m4")
_SUMS = {part: {"sum": {"field": f"amount_digits.{part}"}} for part in _GROUPS}
_NO_CURRENCY = ""
_MEASURED = {"amount": "amount.estimate", "duration_ms": "duration_ms"}


class _Sum(msgspec.Struct):
    value: float


class _Counted(msgspec.Struct):
    doc_count: int
    e12: _Sum
    e6: _Sum
    e0: _Sum
    m4: _Sum


class _Key(msgspec.Struct, frozen=True):
    value: str | None = None
    currency: str | None = None
    start: int = 0


class _HistogramRow(_Counted):
    key: _Key


class _HistogramRows(msgspec.Struct):
    buckets: list[_HistogramRow]
    after_key: dict[str, Any] | None = None


def histogram(ask: Ask, query: SearchQuery, *, interval_ms: int, by: str) -> Histogram:
    """See SearchStore. Documents without a start are left out."""
    checks.check_histogram(interval_ms, by)
    time = {"field": "started_at", "fixed_interval": f"{interval_ms}ms"}
    sources = [
        {"start": {"date_histogram": time}},
        _source("value", by),
        _source("currency", "currency"),
    ]
    rows: list[_HistogramRow] = []
    after: dict[str, Any] | None = None
    while True:
        page: _HistogramRows = ask(
            _composite(query, sources, _SUMS, _AT_ONCE, after), _HistogramRows
        )
        rows += page.buckets
        if len(rows) > checks.BUCKETS_MAX:
            raise checks.too_many_buckets()
        after = page.after_key
        if after is None or len(page.buckets) < _AT_ONCE:
            return Histogram(interval_ms=interval_ms, buckets=_time_buckets(rows))


def _time_buckets(rows: Sequence[_HistogramRow]) -> list[TimeBucket]:
    buckets = []
    for start, group in groupby(rows, key=lambda row: row.key.start):
        parts = [
            Bucket(
                value=row.key.value,
                currency=row.key.currency,
                count=row.doc_count,
                amount=_amount(row),
            )
            for row in group
        ]
        total = sum(part.count for part in parts)
        buckets.append(TimeBucket(start=start, count=total, parts=parts))
    return buckets


class _CurrencyRow(_Counted):
    key: str


class _CurrencyRows(msgspec.Struct):
    buckets: list[_CurrencyRow]


class _TermRow(msgspec.Struct):
    key: str
    doc_count: int
    amounts: _CurrencyRows | None = None
    parts: _TermRows | None = None


class _TermRows(msgspec.Struct):
    buckets: list[_TermRow]
    sum_other_doc_count: int
    doc_count_error_upper_bound: int = 0


def top_terms(ask: Ask, query: SearchQuery, *, field: str, size: int, by: str | None) -> Terms:
    """See SearchStore."""
    checks.check_terms(field, size, by)
    chosen: _TermRows = ask(_body(query, _terms_of(field, size)), _TermRows)
    values = [row.key for row in chosen.buckets]
    if not values:
        return Terms(terms=[], other_count=0)
    inside: dict[str, Any] = {"amounts": _BY_CURRENCY}
    if by is not None:
        inside["parts"] = _terms_of(by, checks.PARTS_MAX) | {"aggs": {"amounts": _BY_CURRENCY}}
    again = _terms_of(field, size)
    again["terms"]["include"] = values
    found: _TermRows = ask(_body(query, again | {"aggs": inside}), _TermRows)
    terms = sorted(
        (_term(row) for row in found.buckets), key=lambda term: (-term.count, term.value)
    )
    return Terms(
        terms=terms,
        other_count=chosen.sum_other_doc_count,
        count_error_max=max(chosen.doc_count_error_upper_bound, 0),
    )


def _term(row: _TermRow) -> Term:
    rows = row.amounts.buckets if row.amounts else []
    amounts = [
        Amount(currency=one.key or None, count=one.doc_count, amount=_amount(one)) for one in rows
    ]
    parts = None
    if row.parts is not None:
        parts = Terms(
            terms=[_term(part) for part in row.parts.buckets],
            other_count=row.parts.sum_other_doc_count,
            count_error_max=max(row.parts.doc_count_error_upper_bound, 0),
        )
    return Term(value=row.key, count=row.doc_count, amounts=amounts, parts=parts)


def _terms_of(field: str, size: int) -> dict[str, Any]:
    order = [{"_count": "desc"}, {"_key": "asc"}]
    return {"terms": {"field": field, "size": size, "shard_size": _SHARD_SIZE, "order": order}}


_BY_CURRENCY: dict[str, Any] = {
    "terms": {
        "field": "currency",
        "missing": _NO_CURRENCY,
        "size": _CURRENCIES_MAX,
        "order": {"_key": "asc"},
    },
    "aggs": _SUMS,
}


class _PercentileValue(msgspec.Struct):
    key: float
    value: float | None


class _PercentileValues(msgspec.Struct):
    values: list[_PercentileValue]


class _PercentileRow(msgspec.Struct):
    doc_count: int
    percentiles: _PercentileValues
    key: _Key = _Key()


class _PercentileRows(msgspec.Struct):
    buckets: list[_PercentileRow]


def percentiles(
    ask: Ask,
    query: SearchQuery,
    *,
    field: str,
    percents: Sequence[Decimal],
    by: str | None,
) -> Percentiles:
    """See SearchStore. Estimated by t-digest; exact while a group is small."""
    checks.check_percentiles(field, percents, by)
    measured = _MEASURED[field]
    values = {
        "field": measured,
        "percents": [float(percent) for percent in percents],
        "tdigest": {"compression": _COMPRESSION},
        "keyed": False,
    }
    inside = {"percentiles": {"percentiles": values}}
    sources = [_source("value", by)] if by else []
    if field == "amount":
        sources.append(_source("currency", "currency"))
    if not sources:
        body = _body(query, {"filter": {"exists": {"field": measured}}, "aggs": inside})
        whole: _PercentileRow = ask(body, _PercentileRow)
        rows = [whole] if whole.doc_count else []
    else:
        body = _composite(query, sources, inside, checks.GROUPS_MAX + 1, None, measured)
        rows = ask(body, _PercentileRows).buckets
    if len(rows) > checks.GROUPS_MAX:
        raise checks.too_many_groups()
    groups = [_group(row, percents) for row in rows]
    return Percentiles(is_exact=False, groups=groups)


def _group(row: _PercentileRow, percents: Sequence[Decimal]) -> PercentileGroup:
    found = [
        Percentile(percent=percent, value=_rounded(one.value))
        for percent, one in zip(percents, row.percentiles.values, strict=True)
    ]
    return PercentileGroup(
        value=row.key.value, currency=row.key.currency, count=row.doc_count, percentiles=found
    )


def _rounded(estimate: float | None) -> Decimal:
    if estimate is None:
        raise InvariantBroken("the search server has no percentile for documents it counted")
    return trimmed(round(Decimal(estimate), MINOR_DIGITS))


def _source(name: str, field: str) -> dict[str, Any]:
    return {name: {"terms": {"field": field, "missing_bucket": True}}}


def _composite(
    query: SearchQuery,
    sources: list[dict[str, Any]],
    inside: dict[str, Any],
    size: int,
    after: dict[str, Any] | None,
    field: str | None = None,
) -> dict[str, Any]:
    """Return the request for one page of groups, in the order of their sources."""
    composite: dict[str, Any] = {"size": size, "sources": sources}
    if after is not None:
        composite["after"] = after
    return _body(query, {"composite": composite, "aggs": inside}, field)


def _body(query: SearchQuery, found: dict[str, Any], field: str | None = None) -> dict[str, Any]:
    """Return the request for an aggregation over the documents (that have ``field``)."""
    matching = condition(query)
    if field is not None:
        matching = {"bool": {"filter": [matching, {"exists": {"field": field}}]}}
    return {"query": matching, "size": 0, "track_total_hits": False, "aggs": {"found": found}}


def _amount(row: _Counted) -> Decimal:
    total = Decimal(0)
    for part, exponent in ((row.e12, 12), (row.e6, 6), (row.e0, 0), (row.m4, -4)):
        if part.value >= _EXACT_BELOW:
            raise InvariantBroken("a sum is too large to be exact", fix="Narrow the search")
        total += Decimal(int(part.value)).scaleb(exponent)
    return trimmed(total)
